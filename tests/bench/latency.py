# SPDX-License-Identifier: PostgreSQL
"""Commit-to-visible latency: pgbench writes rows with the time of their commit's start at a fixed rate, a reader of
the replica polls what is there. A row's latency is the time of the first poll that sees it minus its own time."""

import os
import shutil
import subprocess
import tempfile
import time

from ardent import Ardent
from cluster import Cluster, pg_bin
from session import Session

RATE = 2000
CLIENTS = 4
SECONDS = 20
WARM_UP = 3


def percentile(ordered, part):
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def write_load(root, source):
    script = os.path.join(root, "latency.sql")
    with open(script, "w", encoding="utf-8") as file:
        file.write("INSERT INTO public.ticks (client, at) VALUES (:client_id, clock_timestamp());\n")
    return subprocess.Popen(
        [pg_bin() + "/pgbench", "-n", "-h", source.sockets, "-p", str(source.port), "-U", "postgres", "-M", "prepared",
         "-c", str(CLIENTS), "-j", "1", "-R", str(RATE), "-T", str(SECONDS), "-f", script, "bench"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def poll(session, load):
    """(time of the poll, highest id of each client that is visible), until the load has ended and is all there."""
    seen = []
    last = {}
    ended = time.time()
    while load.poll() is None or time.time() - ended < 2:
        if load.poll() is None:
            ended = time.time()
        rows = session.query("SELECT client, max(id) FROM public.ticks WHERE id > "
                             f"{max(min(last.values()) - 200, 0) if len(last) == CLIENTS else 0} GROUP BY client")
        now = time.time()
        for row in filter(None, rows.split("\n")):
            client, newest = row.split("|")
            if int(newest) > last.get(int(client), 0):
                last[int(client)] = int(newest)
                seen.append((now, int(client), int(newest)))
        time.sleep(0.002)
    return seen


def latencies(rows, seen):
    """Each client commits one row after the other, so a visible id means all smaller ones of it are visible."""
    found = []
    for client in range(CLIENTS):
        polls = iter([(now, newest) for now, who, newest in seen if who == client])
        now, newest = next(polls)
        for tick, at in rows[client]:
            while tick > newest:
                now, newest = next(polls)
            found.append((at, (now - at) * 1000))
    begin = min(at for at, _ in found) + WARM_UP
    return sorted(value for at, value in found if at >= begin)


def measure(options, settings):
    root = tempfile.mkdtemp(prefix="ardent-bench-", dir=options.tmp)
    source = Cluster(root, "source", settings)
    ardent = None
    try:
        source.start()
        source.psql("CREATE DATABASE bench", "postgres")
        source.psql("""
            CREATE TABLE public.ticks (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, client integer NOT NULL,
                                       at timestamptz NOT NULL);
            CREATE ROLE ardent_replication LOGIN REPLICATION;
            GRANT SELECT ON ALL TABLES IN SCHEMA public TO ardent_replication;
            GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO ardent_replication""")
        ardent = Ardent(root, options.bin, source, options.compression)
        ardent.start_environment()
        ardent.create_connector()
        ardent.start_agent()
        ardent.streaming_since()
        ardent.wait_status(("streaming", "degraded"))
        session = Session(ardent.replica_conninfo())
        load = write_load(root, source)
        seen = poll(session, load)
        session.close()
        rows = {client: [] for client in range(CLIENTS)}
        for row in source.psql("SELECT client, id, extract(epoch FROM at) FROM public.ticks ORDER BY id").split("\n"):
            client, tick, at = row.split("|")
            rows[int(client)].append((int(tick), float(at)))
        values = latencies(rows, seen)
        return {"rate": RATE, "transactions": len(values), "p50_ms": percentile(values, 0.5),
                "p99_ms": percentile(values, 0.99), "max_ms": values[-1]}
    finally:
        if ardent:
            ardent.stop_agent()
            ardent.stop_environment()
        source.stop()
        shutil.rmtree(root, ignore_errors=True)
