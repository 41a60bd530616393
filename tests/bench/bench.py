#!/usr/bin/env python3
# SPDX-License-Identifier: PostgreSQL
"""Catch-up measured side by side on copies of the same slot; see docs/benchmark.md.

For each workload the changes are made while nobody reads; then, interleaved and several times:
  decode        pg_recvlogical of a copy of the wal2json slot, same options, to /dev/null
  delivered     agent and environment; the environment checks and decompresses, commits only the progress row
  applied       agent and environment, until the last commit is visible in the replica
  subscription  PostgreSQL's own logical replication, binary, on a copy of a pgoutput slot
"""

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import branches
import capture
import latency
import preflight
import workloads
from ardent import Ardent
from cluster import Cluster, cpu_seconds, peak_resident, pg_bin, read_settings, run
from session import Session

SOURCE = {"wal_level": "logical", "max_replication_slots": "20", "max_wal_senders": "20", "shared_buffers": "512MB",
          "max_wal_size": "8GB", "checkpoint_timeout": "30min", "autovacuum": "off"}
TARGET = {"shared_buffers": "512MB", "max_wal_size": "8GB", "checkpoint_timeout": "30min", "autovacuum": "off",
          "max_logical_replication_workers": "4"}
PATIENCE = 300


def source_settings():
    sample = subprocess.check_output(["pg_config", "--sharedir"], text=True).strip() + "/postgresql.conf.sample"
    with open(sample, encoding="utf-8") as text:
        known = "output_plugin_libraries" in text.read()
    return SOURCE | ({"output_plugin_libraries": "pgoutput, test_decoding, wal2json"} if known else {})


class Bench:
    def __init__(self, root, options, workload):
        self.options = options
        self.workload = workload
        self.root = root
        self.source = Cluster(root, "source", source_settings())
        self.target = Cluster(root, "target", TARGET)
        self.source.start()
        self.target.start()
        self.source.psql("CREATE DATABASE bench", "postgres")
        workload.prepare(self.source)
        self.source.psql("""
            CREATE TABLE bench_end (id integer PRIMARY KEY);
            CREATE ROLE ardent_replication LOGIN REPLICATION;
            GRANT SELECT ON ALL TABLES IN SCHEMA public TO ardent_replication;
            CREATE PUBLICATION bench FOR ALL TABLES""")
        self._make_target()
        self.ardent = Ardent(root, options.bin, self.source, options.compression)
        self._make_replica()
        self._make_changes()

    def _make_target(self):
        self.target.psql("CREATE DATABASE bench", "postgres")
        dump = os.path.join(self.root, "dump")
        run([pg_bin() + "/pg_dump", "-Fc", "--no-publications", "-f", dump, "-d", self.source.conninfo("bench")])
        run([pg_bin() + "/pg_restore", "--no-acl", "-d", self.target.conninfo("bench"), dump])
        self.source.psql("SELECT pg_create_logical_replication_slot('m_pgoutput', 'pgoutput')")
        self.target.psql(f"""
            CREATE SUBSCRIPTION bench CONNECTION '{self.source.conninfo("bench")}' PUBLICATION bench
            WITH (create_slot = false, copy_data = false, enabled = false, binary = true, slot_name = 'run_sub')""")
        self.target.stop()
        self.target.save()

    def _make_replica(self):
        self.ardent.start_environment()
        self.ardent.create_connector()
        self.ardent.start_agent()
        self.ardent.streaming_since()
        self.ardent.wait_status(("streaming", "degraded"))
        self.conninfo = self.ardent.replica_conninfo()
        self.ardent.stop_agent()
        self.ardent.stop_environment()
        self.slot = self.source.psql("SELECT slot_name FROM pg_replication_slots WHERE slot_name LIKE 'ardent%'")
        self.source.psql(f"SELECT pg_copy_logical_replication_slot('{self.slot}', 'm_wal2json')")
        self.ardent.save()

    def _make_changes(self):
        self.workload.change(self.source, self.options.scale)
        self.end = self.source.psql("""
            BEGIN; INSERT INTO bench_end VALUES (1); SELECT pg_current_wal_insert_lsn(); COMMIT""")
        self.source.psql("SELECT pg_switch_wal(); CHECKPOINT")
        self.stop_at = self.source.psql("SELECT pg_current_wal_flush_lsn()")

    def _fresh_slot(self, master, name):
        self.source.psql(f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{name}'")
        self.source.psql(f"SELECT pg_copy_logical_replication_slot('{master}', '{name}')")

    def _walsender(self, name):
        return int(self.source.psql(f"SELECT active_pid FROM pg_replication_slots WHERE slot_name = '{name}'") or 0)

    def decode(self):
        self._fresh_slot("m_wal2json", "run_decode")
        argv = [pg_bin() + "/pg_recvlogical", "-d", self.source.conninfo("bench"), "-S", "run_decode", "--start", "-n",
                "-f", "/dev/null", "-E", self.end]
        for name, value in {"format-version": "2", "include-lsn": "true", "include-xids": "true",
                            "include-timestamp": "true", "include-transaction": "true", "include-types": "false",
                            "add-tables": "public.*"}.items():
            argv += ["-o", f"{name}={value}"]
        begin = time.monotonic()
        run(argv)
        return {"seconds": time.monotonic() - begin}

    def _carried(self, delivered_only):
        self.ardent.restore()
        self._fresh_slot("m_wal2json", self.slot)
        self.ardent.start_environment(delivered_only)
        self._until_replica_answers()
        session = Session(self.conninfo)
        self.ardent.start_agent()
        begin = self.ardent.streaming_since()
        walsender = self._walsender(self.slot)
        done = f"SELECT durable_lsn > '{self.end}' FROM ardent.progress" if delivered_only else \
            "SELECT EXISTS (SELECT FROM public.bench_end)"
        end = session.wait_true(done, PATIENCE)
        figures = {"seconds": end - begin, "walsender_cpu": cpu_seconds(walsender),
                   "agent_cpu": cpu_seconds(self.ardent.agent.pid), "agent_resident": peak_resident(self.ardent.agent.pid),
                   "environment_cpu": cpu_seconds(self.ardent.environment.pid),
                   "environment_resident": peak_resident(self.ardent.environment.pid)}
        if not delivered_only:
            self._compare(session)
        session.close()
        self.ardent.stop_agent()
        self.ardent.stop_environment()
        return figures

    def _until_replica_answers(self):
        deadline = time.monotonic() + 60
        while subprocess.run([pg_bin() + "/psql", "-XAtq", "-d", self.conninfo, "-c", "SELECT"], stderr=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise TimeoutError("the replica does not answer: " + self.conninfo)
            time.sleep(0.05)

    def _checksum(self, table):
        return f"SELECT count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM public.{table} AS t"

    def _compare(self, session):
        settings = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'"
        session.query(settings)
        for table in self.workload.tables + ["bench_end"]:
            source = self.source.psql(settings + "; " + self._checksum(table))
            replica = session.query(self._checksum(table))
            if source != replica:
                raise AssertionError(f"{table}: the source has {source}, the replica {replica}")

    def delivered(self):
        return self._carried(True)

    def applied(self):
        return self._carried(False)

    def subscription(self):
        self.target.restore()
        self._fresh_slot("m_pgoutput", "run_sub")
        self.target.start()
        session = Session(self.target.conninfo("bench"))
        begin = time.monotonic()
        session.query("ALTER SUBSCRIPTION bench ENABLE")
        end = session.wait_true("SELECT EXISTS (SELECT FROM public.bench_end)", PATIENCE)
        walsender = self._walsender("run_sub")
        figures = {"seconds": end - begin, "walsender_cpu": cpu_seconds(walsender)}
        self._compare(session)
        session.close()
        self.target.stop()
        return figures

    def close(self):
        self.ardent.stop_agent()
        self.ardent.stop_environment()
        self.target.stop()
        self.source.stop()


def medians(runs):
    return {name: statistics.median(one[name] for one in runs) for name in runs[0]}


def measure(options, workload):
    root = tempfile.mkdtemp(prefix="ardent-bench-", dir=options.tmp)
    bench = None
    try:
        bench = Bench(root, options, workload)
        kinds = ["decode", "delivered", "applied", "subscription"]
        runs = {kind: [] for kind in kinds}
        for number in range(options.runs):
            for kind in kinds:
                figures = getattr(bench, kind)()
                runs[kind].append(figures)
                print(f"  ({workload.key}) run {number + 1} {kind:<13}{figures['seconds']:8.2f} s", flush=True)
        result = {kind: medians(all_runs) for kind, all_runs in runs.items()}
        result["ratios"] = {
            "delivered to decode limit": result["decode"]["seconds"] / result["delivered"]["seconds"],
            "decode limit to applied": result["decode"]["seconds"] / result["applied"]["seconds"],
            "applied to subscription": result["subscription"]["seconds"] / result["applied"]["seconds"]}
        result["all runs"] = runs
        return result
    finally:
        if bench:
            bench.close()
        if options.keep:
            print("kept: " + root)
        else:
            shutil.rmtree(root, ignore_errors=True)


def megabytes(figures, name):
    return f"{figures[name] / 1048576:6.0f}" if name in figures else "      "


def seconds(figures, name):
    return f"{figures[name]:6.2f}" if name in figures else "      "


def show_workloads(results):
    print("\n                     seconds  CPU s: walsender  agent  environment   resident MB: agent  environment")
    for key, result in results["workloads"].items():
        print(f"({key}) {result['title']}")
        for kind in ("decode", "delivered", "applied", "subscription"):
            one = result[kind]
            print(f"  {kind:<18}{one['seconds']:8.2f}            {seconds(one, 'walsender_cpu')} {seconds(one, 'agent_cpu')}"
                  f"       {seconds(one, 'environment_cpu')}                {megabytes(one, 'agent_resident')}"
                  f"       {megabytes(one, 'environment_resident')}")
        for name, ratio in result["ratios"].items():
            print(f"  {name:<28}{ratio:6.2f}")


def show(results):
    if results["workloads"]:
        show_workloads(results)
    if results["preflight"]:
        preflight.show(results["preflight"])
    if "latency" in results:
        print("commit to visible at {rate} transactions/s: p50 {p50_ms:.1f} ms, p99 {p99_ms:.1f} ms, "
              "{transactions} transactions".format(**results["latency"]))
    if "capture" in results:
        capture.show(results["capture"])
    if "branches" in results:
        branches.show(results["branches"])


def failures(results, scale):
    """The conditions; the other figures are goals. They hold for whole runs only."""
    found = []
    for key, result in results["workloads"].items():
        if scale >= 1 and result["ratios"]["delivered to decode limit"] < 0.85:
            found.append(f"({key}) delivered is below 0.85 of the decode limit")
        if result["applied"]["agent_resident"] >= 256 * 1048576:
            found.append(f"({key}) the agent is above 256 MB resident")
    if scale >= 1:
        found += preflight.failures(results["preflight"])
        found += capture.failures(results["capture"]) if "capture" in results else []
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--json", required=True, help="where the figures go")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="1 is the whole benchmark")
    parser.add_argument("--only", default="abcglpqde",
                        help="workloads a, b, c, g; l for latency; p and q for preflight of 10,000 and 100,000 tables; d for DDL capture; "
                             "e for branches, e56 for their rows e5 and e6")
    parser.add_argument("--volume", default="none", choices=("xfs", "btrfs", "none"), help="where the branches of row e are")
    parser.add_argument("--volume-at", help="where that file system is mounted")
    parser.add_argument("--compression", type=int, default=1)
    parser.add_argument("--conf", required=True, help="settings with which a server finds the extension")
    parser.add_argument("--tmp", default="/tmp")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    options.bin = os.path.abspath(options.bin)
    # A SIGTERM ends as an exception, so that what was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results = {"scale": options.scale, "runs": options.runs, "cores": os.cpu_count(), "workloads": {},
               "preflight": {}}
    for workload in workloads.ALL:
        if workload.key in options.only:
            results["workloads"][workload.key] = {"title": workload.title} | measure(options, workload)
    for key in preflight.ROWS:
        if key in options.only:
            results["preflight"][key] = preflight.measure(options, key)
    if "l" in options.only:
        results["latency"] = latency.measure(options, source_settings())
    if "d" in options.only:
        results["capture"] = capture.measure(options, source_settings() | read_settings(options.conf))
    if found := re.search(r"e([1-8]*)", options.only):
        options.branch_rows = found.group(1) or branches.ROWS
        results["branches"] = branches.measure(options, source_settings())
    show(results)
    with open(options.json, "w", encoding="utf-8") as file:
        json.dump(results, file, indent=2)
    problems = failures(results, options.scale)
    for problem in problems:
        print("FAILED: " + problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
