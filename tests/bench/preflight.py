# SPDX-License-Identifier: PostgreSQL
"""Preflight of a server with very many tables: seconds, CPU and memory of the backend that runs ardent_preflight, beside a
bare join of pg_class that no answer can do without. Each run is a session of its own, so nothing is in its caches."""

import shutil
import tempfile
import threading
import time

from cluster import Cluster, cpu_seconds, read_settings
from session import Session

SCHEMAS = 16
# key: tables, seconds that it may take, bytes that the backend may have to itself
ROWS = {"p": (10_000, 1.0, None), "q": (100_000, 10.0, 300 * 1048576)}
SETTINGS = {"wal_level": "logical", "max_replication_slots": "10", "max_wal_senders": "10", "autovacuum": "off",
            "shared_buffers": "512MB", "max_wal_size": "8GB", "checkpoint_timeout": "30min", "fsync": "off",
            "full_page_writes": "off", "max_locks_per_transaction": "256"}
BARE = """SELECT count(*) FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
  JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname LIKE 's%' AND length(a.attname) > 0"""


def own_memory(pid):
    """What the process does not share, in bytes: neither shared buffers nor libraries."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon:"))


class Peak(threading.Thread):
    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid = pid
        self.bytes = 0
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(0.005):
            self.bytes = max(self.bytes, own_memory(self.pid))

    def stop(self):
        self.ended.set()
        self.join()
        return max(self.bytes, own_memory(self.pid))


def look(source, sql):
    session = Session(source.conninfo("bench"))
    pid = int(session.query("SELECT pg_backend_pid()"))
    peak = Peak(pid)
    peak.start()
    cpu = cpu_seconds(pid)
    begin = time.monotonic()
    answer = session.query(sql)
    figures = {"seconds": time.monotonic() - begin, "cpu": cpu_seconds(pid) - cpu, "memory": peak.stop()}
    session.close()
    return figures, answer


def make_tables(source, tables):
    for number in range(1, SCHEMAS + 1):
        count = tables // SCHEMAS + (1 if number <= tables % SCHEMAS else 0)
        source.psql(f"CREATE SCHEMA s{number}")
        source.psql(f"""DO $$ BEGIN FOR i IN 1..{count} LOOP
            EXECUTE format('CREATE TABLE s{number}.t%s (id int %s, v numeric, w text)', i,
                           CASE WHEN i % 2 = 0 THEN 'PRIMARY KEY' END);
            IF i % 200 = 0 THEN COMMIT; END IF; END LOOP; END $$""")
    source.psql("VACUUM ANALYZE pg_class")
    source.psql("VACUUM ANALYZE pg_attribute")
    source.psql("VACUUM ANALYZE pg_depend")


def best(runs):
    return min(runs, key=lambda run: run["seconds"])


def measure(options, key):
    tables, seconds, memory = ROWS[key]
    tables = max(SCHEMAS, int(tables * options.scale))
    root = tempfile.mkdtemp(prefix="ardent-bench-", dir=options.tmp)
    source = Cluster(root, "source", SETTINGS | read_settings(options.conf))
    try:
        source.start()
        source.psql("CREATE DATABASE bench", "postgres")
        source.psql("CREATE EXTENSION ardent")
        source.psql("CREATE ROLE ardent_replication LOGIN REPLICATION")
        make_tables(source, tables)
        schemas = ",".join(f"s{number}" for number in range(1, SCHEMAS + 1))
        runs = {"preflight": [], "join": []}
        for number in range(options.runs):
            for name, sql in {"join": BARE, "preflight": f"SELECT ardent_preflight('{schemas}')"}.items():
                figures, answer = look(source, sql)
                runs[name].append(figures)
                print(f"  ({key}) run {number + 1} {name:<13}{figures['seconds']:8.2f} s, {figures['cpu']:.2f} s of CPU, "
                      f"{figures['memory'] / 1048576:.0f} MB", flush=True)
            if "Preflight checks did NOT pass" not in answer:
                raise AssertionError("half of the tables have no key, and preflight does not say so:\n" + answer)
        return {"tables": tables, "limit_seconds": seconds, "limit_memory": memory, "all runs": runs,
                "preflight": best(runs["preflight"]) | {"memory": max(run["memory"] for run in runs["preflight"])},
                "join": best(runs["join"])}
    finally:
        source.stop()
        if options.keep:
            print("kept: " + root)
        else:
            shutil.rmtree(root, ignore_errors=True)


def show(results):
    print("\npreflight (best run)     seconds   CPU s   own MB   a bare join: seconds   CPU s")
    for key, one in results.items():
        print(f"({key}) {one['tables']:>7} tables    {one['preflight']['seconds']:9.2f} {one['preflight']['cpu']:7.2f} "
              f"{one['preflight']['memory'] / 1048576:8.0f}   {one['join']['seconds']:20.2f} {one['join']['cpu']:7.2f}")


def failures(results):
    found = []
    for key, one in results.items():
        if one["preflight"]["seconds"] >= one["limit_seconds"]:
            found.append(f"({key}) preflight of {one['tables']} tables takes {one['limit_seconds']:.0f} s or more")
        if one["limit_memory"] and one["preflight"]["memory"] >= one["limit_memory"]:
            found.append(f"({key}) its backend has {one['limit_memory'] // 1048576} MB or more to itself")
    return found
