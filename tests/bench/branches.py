# SPDX-License-Identifier: PostgreSQL
"""Branches (rows e): what people wait for, what a branch costs, and what apply feels of it; see docs/benchmark.md.

The environment's data are on the file system that is measured, the source is not. One branch at a time, but for e7; what
follows a creation in the background is waited for before the next one, outside of the times."""

import contextlib
import os
import shutil
import statistics
import tempfile
import threading
import time

import branch_memory
from ardent import Ardent
from branch_client import Branches, CommandLine, Load, Poller, ask, crowd
from branch_pause import Ticks
from cluster import Cluster, run, pg_bin
from latency import percentile

ROWS = "12345678"
GB = 1 << 30
MB = 1 << 20
LOAD_RATE = 500     # TPC-B transactions a second at the source
AGING_RATE = 1000   # updates of random rows a second
SETTINGS = {"fsync": "off", "max_locks_per_transaction": "256"}
FIRST_QUERY = "SELECT abalance FROM pgbench_accounts WHERE aid = 1"
ACCOUNTS_MB = 15.0  # of a unit of pgbench's scale, with its index
SPARSE_MB = 130.2 + 2.2  # the same at fillfactor 10
SPARSE_FILL = "10"
PATIENCE = 1800     # of a copy of 20 GB


def scaled(options, number, least):
    return max(least, round(number * options.scale))


class Report:
    """The figures, with the machine's load beside each; what was measured for them is kept as it is."""

    def __init__(self, options):
        self.scale = options.scale
        self.figures = []

    def add(self, row, what, value, unit, goal=None, values=None):
        figure = {"row": row, "what": what, "value": value, "unit": unit, "goal": goal,
                  "load": os.getloadavg()[0], "values": values}
        if goal is not None:
            figure["holds"] = value < goal
        self.figures.append(figure)
        print("  " + line(figure), flush=True)

    def percentiles(self, row, what, values, goals):
        ordered = sorted(values)
        for part, goal in goals.items():
            self.add(row, f"{what}, p{round(part * 100)} of {len(values)}", percentile(ordered, part),
                     "s", goal, values)


def line(figure):
    digits = 0 if figure["unit"] in ("ms", "failed", "times") else 1 if figure["unit"] == "MB" else 2
    text = f"{figure['row']}  {figure['what']:<62}{figure['value']:9.{digits}f} {figure['unit']:<6}"
    if figure["goal"] is not None:
        text += f" goal {figure['goal']:g}".ljust(11) + ("holds" if figure["holds"] else "falls short").ljust(12)
    return text.ljust(104) + f" load {figure['load']:.1f}"


class Ground:
    """A source, its replica on the file system that is measured, the agent between them."""

    def __init__(self, options, settings, make_source, first_query):
        self.root = tempfile.mkdtemp(prefix="ardent-bench-", dir=options.tmp)
        self.place = tempfile.mkdtemp(prefix="ardent-bench-", dir=options.volume_at or self.root)
        self.ardent = None
        self.source = Cluster(self.root, "source", settings | SETTINGS)
        self.source.start()
        self.source.psql("CREATE DATABASE bench", "postgres")
        make_source(self.source)
        self.source.psql("""
            CREATE ROLE ardent_replication LOGIN REPLICATION;
            GRANT SELECT ON ALL TABLES IN SCHEMA public TO ardent_replication;
            GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO ardent_replication""")
        self.ardent = Ardent(self.root, options.bin, self.source, options.compression,
                             os.path.join(self.place, "env"),
                             '[branch]\nports = "20000-20999"\nsuspend_after = "0"\nlimit = 300')
        self.ardent.start_environment()
        self.ardent.create_connector()
        self.ardent.start_agent()
        self.ardent.streaming_since(PATIENCE)
        self.ardent.wait_status(("streaming", "degraded"), PATIENCE)
        self.branches = Branches(self.ardent, self.root, first_query)

    def size(self):
        """Of the replica's database, without WAL: "1.0 GB"."""
        return f"{int(ask(self.ardent.replica_conninfo(), 'SELECT pg_database_size(current_database())')) / GB:.1f} GB"

    def directory(self, branch):
        return os.path.join(self.place, "env", "branches", branch)

    def close(self):
        if self.ardent:
            self.ardent.stop_agent()
            self.ardent.stop_environment()
        self.source.stop()

    def remove(self):
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.rmtree(self.root, ignore_errors=True)


@contextlib.contextmanager
def ground(options, settings, make_source, first_query=FIRST_QUERY):
    begin = time.monotonic()
    made = None
    try:
        made = Ground(options, settings, make_source, first_query)
        print(f"  the replica has {made.size()}; made in {time.monotonic() - begin:.0f} s", flush=True)
        yield made
    finally:
        if made:
            made.close()
            if not options.keep:
                made.remove()


def tpc_b(units, *more):
    def make(source):
        run([pg_bin() + "/pgbench", "-i", "-q", "-s", str(units), *more, "-h", source.sockets, "-p",
             str(source.port), "-U", "postgres", "bench"])
        source.psql("ALTER TABLE pgbench_history REPLICA IDENTITY FULL")
        source.psql("""
            CREATE TABLE public.ticks (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL)""")
    return make


def steps_of(report, row, made):
    """The median of each step, in the order of the first creation."""
    for name in made[0]["steps"]:
        values = [one["steps"][name] * 1000 for one in made if name in one["steps"]]
        report.add(row, f"  step {name}", statistics.median(values), "ms", None, values)


def creations(here, number, report, row):
    """So many, one after the other: (what each took, bytes of each once it was on disk)."""
    made = []
    own = []
    for _ in range(number):
        made.append(here.branches.create())
        own.append(here.branches.settle(made[-1]["id"])["own_bytes"])
        here.branches.delete(made[-1]["id"])
    steps_of(report, row, made)
    return made, own


def e1_e4(options, here, report):
    with Load(here.source, LOAD_RATE, []):
        here.branches.delete(here.branches.create()["id"])
        made, own = creations(here, max(20, scaled(options, 20, 1)), report, "e1")
        report.percentiles("e1", f"create, {here.size()}, under load", [one["seconds"] for one in made],
                           {0.5: 0.8, 0.95: 1.2})
        command_line = CommandLine(here.ardent, here.root)
        report.add("e1", "the same by the command line, once", command_line.create("by-hand", FIRST_QUERY), "s", 1.2)
        command_line.delete("by-hand")
    if "4" in options.branch_rows:
        report.add("e4", f"disk of a fresh branch, median of {len(own)}", statistics.median(own) / MB, "MB", 20, own)


def e5(options, here, report):
    branch = here.branches.create()
    here.branches.settle(branch["id"])
    taken = []
    for _ in range(scaled(options, 100, 20)):
        here.branches.suspend(branch["id"])
        begin = time.monotonic()
        ask(branch["url"], FIRST_QUERY)
        taken.append(time.monotonic() - begin)
    report.percentiles("e5", "resume on connect, first query", taken, {0.5: 0.5, 0.99: 1.0})
    with Load(here.source, LOAD_RATE, []):
        here.branches.suspend(branch["id"])
        result = crowd(branch["url"], FIRST_QUERY, 200)
    for text in sorted(set(result["failed"])):
        print(f"      {result['failed'].count(text)} of the clients: {text}")
    report.add("e5", "200 clients at once, connect_timeout=5, under load", len(result["failed"]), "failed", 1, result)
    report.add("e5", "  until the last one was answered", result["seconds"], "s")
    here.branches.delete(branch["id"])


def e6(options, here, report):
    branch = here.branches.create()
    here.branches.settle(branch["id"])
    whole = []
    without = []
    with Poller(branch["url"], FIRST_QUERY) as poller:
        for _ in range(scaled(options, 20, 5)):
            begin = time.monotonic()
            here.branches.act(branch["id"], "reset")
            end = time.monotonic()
            here.branches.settle(branch["id"])
            whole.append(end - begin)
            without.append((begin, end))
        time.sleep(2)  # an answer behind the last one
    waits = [poller.longest_wait(begin, end) for begin, end in without]
    report.percentiles("e6", "reset", whole, {0.5: 2.0, 0.95: 2.0})
    report.percentiles("e6", "reset: without service, as a client sees it that polls", waits, {0.5: 1.0, 0.95: 1.0})
    report.add("e6", "  of its connections ended by a reset", len(poller.ended_by), "times", None, poller.ended_by)
    here.branches.delete(branch["id"])


def e7(options, here, report):
    number = scaled(options, 50, 5)
    made = []

    def one(name):
        made.append(here.branches.create(name))

    begin = time.monotonic()
    threads = [threading.Thread(target=one, args=(here.branches.new_name(),)) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - begin
    if len(made) != number:
        raise RuntimeError(f"of {number} branches {len(made)} were created")
    steps_of(report, "e7", made)
    report.add("e7", f"{number} created at once: all have answered", seconds, "s", 20, [one["seconds"] for one in made])
    for branch in made:
        here.branches.settle(branch["id"])
    memory = [branch_memory.of_server(here.directory(branch["id"])) for branch in made]
    report.add("e7", "memory of an idle one (PSS), mean", statistics.mean(memory) / MB, "MB", 60, memory)
    here.branches.delete(*[branch["id"] for branch in made])


def e8(options, here, report):
    """The pause of a time: the longest in it without a new row at the replica."""
    number = scaled(options, 50, 10)
    with Ticks(here) as ticks:
        ticks.until_flowing()
        for _ in range(number):
            ticks.during("without cuts", lambda: time.sleep(0.7))
        for _ in range(number):
            branch = ticks.during("with cuts", here.branches.create_only)
            here.branches.delete(branch)
    for way, goal in (("without cuts", None), ("with cuts", 100)):
        pauses = sorted(ticks.pauses(way))
        lags = sorted(ticks.lags(way))
        report.add("e8", f"pause of apply {way}, p99 of {number}", percentile(pauses, 0.99) * 1000, "ms", goal, pauses)
        report.add("e8", f"  median {way}", percentile(pauses, 0.5) * 1000, "ms")
        for part in (0.5, 0.99):
            report.add("e8", f"  lag of a row {way}, p{round(part * 100)} of {len(lags)}",
                       percentile(lags, part) * 1000, "ms")


def e2(options, settings, report):
    wanted = 20 * options.scale
    # source and replica, what updates copy on write, WAL
    free = shutil.disk_usage(options.tmp).free / GB - 8
    size = min(wanted, free / 2.4)
    cuts = scaled(options, 200, 10)
    units = max(1, round(size * 1024 / SPARSE_MB))
    if size < wanted:
        print(f"  the disk has room for {size:.1f} GB only, not {wanted:.1f} GB")
    script = os.path.join(options.tmp, "aging.sql")
    with open(script, "w", encoding="utf-8") as file:
        file.write(f"\\set aid random(1, {units * 100000})\n"
                   "UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :aid;\n")
    with ground(options, settings, tpc_b(units, "-F", SPARSE_FILL)) as here:
        fresh = [here.branches.create() for _ in range(3)]
        here.branches.delete(*[one["id"] for one in fresh])
        report.add("e2", f"create, {here.size()}, fresh replica, median of 3",
                   statistics.median(one["seconds"] for one in fresh), "s")
        begin = time.monotonic()
        with Load(here.source, AGING_RATE, ["-f", script]):
            for _ in range(cuts):
                here.branches.delete(here.branches.create_only())
            print(f"  {cuts} cuts under {AGING_RATE} random updates a second took {time.monotonic() - begin:.0f} s",
                  flush=True)
            made, _ = creations(here, 5, report, "e2")
        report.percentiles("e2", f"create, {here.size()}, aged by {cuts} cuts",
                           [one["seconds"] for one in made], {0.5: 3.0})


def e3(options, settings, report):
    tables = scaled(options, 10_000, 100)

    def make(source):
        source.psql(f"""DO $$ BEGIN FOR i IN 1..{tables} LOOP
            EXECUTE format('CREATE TABLE t%s (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, v text)', i);
            EXECUTE format('INSERT INTO t%s (v) VALUES (1), (2), (3)', i);
            IF i % 200 = 0 THEN COMMIT; END IF; END LOOP; END $$""")

    with ground(options, settings, make, "SELECT count(*) FROM t1") as here:
        made, _ = creations(here, 5, report, "e3")
        report.percentiles("e3", f"create, {tables} tables with a key, a sequence and a text each",
                           [one["seconds"] for one in made], {0.5: 5.0})


def measure(options, settings):
    where = {"none": "no file system of their own"}.get(options.volume, options.volume)
    print(f"branches on {where}", flush=True)
    report = Report(options)
    rows = options.branch_rows
    begin = time.monotonic()
    if set(rows) & set("145678"):
        with ground(options, settings, tpc_b(scaled(options, 1024 / ACCOUNTS_MB, 1))) as here:
            if set(rows) & set("14"):
                e1_e4(options, here, report)
            for row, function in {"5": e5, "6": e6, "7": e7, "8": e8}.items():
                if row in rows:
                    function(options, here, report)
    for row, function in {"3": e3, "2": e2}.items():
        if row in rows:
            function(options, settings, report)
    return {"volume": where, "scale": options.scale, "seconds": time.monotonic() - begin,
            "figures": report.figures}


def show(result):
    print(f"\nbranches on {result['volume']}, in {result['seconds']:.0f} s"
          + ("" if result["scale"] >= 1 else f"; the goals are for --scale 1, this is {result['scale']:g}"))
    for figure in result["figures"]:
        if figure["goal"] is not None:
            print(line(figure))
