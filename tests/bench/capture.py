# SPDX-License-Identifier: PostgreSQL
"""What DDL capture costs a statement: pairs of CREATE TABLE and DROP TABLE without the extension, with its library loaded and
capture off, and with capture on. Two sessions that do the same often differ by a tenth and more (measured with two equal
ones), which is more than what is looked for. So each session goes through all three, what a way adds is its difference
from the same session's time without, and of the sessions the median counts. A library cannot be unloaded: the rounds
without come first; those with capture off and on take turns behind them."""

import shutil
import statistics
import tempfile
import time

from cluster import Cluster
from session import Session

SESSIONS = 100
ROUNDS = 2          # of a way in a session
PAIRS = 50          # a round: 10,000 of each way in all
WARM = 50           # before the first round of a session
PAIR = "CREATE TABLE public.made (id integer, at timestamptz DEFAULT now(), note text);\nDROP TABLE public.made;\n"
WAYS = ("without", "off", "on")
CATALOGS = ("pg_class", "pg_attribute", "pg_attrdef", "pg_depend", "pg_type", "pg_index")


def run_seconds(pid):
    """What the process has run on a core, by the scheduler's clock."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as stat:
        return int(stat.read().split()[0]) / 1e9


class Measured:
    """One session; a round gives microseconds a statement: wall, CPU."""

    def __init__(self, source):
        self.session = Session(source.conninfo("capture"))
        self.pid = int(self.session.query("SELECT pg_backend_pid()"))
        self.session.query(PAIR * WARM)

    def round(self, pairs):
        for catalog in CATALOGS:
            self.session.query(f"VACUUM pg_catalog.{catalog}")
        self.session.query(PAIR * 5)
        cpu, wall = run_seconds(self.pid), time.monotonic()
        self.session.query(PAIR * pairs)
        wall, cpu = time.monotonic() - wall, run_seconds(self.pid) - cpu
        return wall / (2 * pairs) * 1e6, cpu / (2 * pairs) * 1e6

    def switch(self, way):
        self.session.query(f"SELECT ardent_ddl_capture({'true' if way == 'on' else 'false'})")

    def all_ways(self, pairs):
        """The median round of each way."""
        taken = {way: [] for way in WAYS}
        for _ in range(ROUNDS):
            taken["without"].append(self.round(pairs))
        self.session.query("CREATE EXTENSION ardent; LOAD 'ardent'")
        for number in range(ROUNDS):
            for way in ("off", "on") if number % 2 == 0 else ("on", "off"):
                self.switch(way)
                taken[way].append(self.round(pairs))
        self.session.query("SELECT ardent_ddl_capture(false, forget_keys => true); DROP EXTENSION ardent")
        self.session.close()
        return {way: [statistics.median(figures) for figures in zip(*rounds)] for way, rounds in taken.items()}


def added(sessions, way, what):
    """What a way costs more than the one without; microseconds a statement, the median and the quartiles."""
    low, middle, high = statistics.quantiles((session[way][what] - session["without"][what] for session in sessions), n=4)
    return {"us": middle, "from": low, "to": high}


def ratio(sessions, way, what):
    """The same as a part of the one without: the figure that holds on a busy machine too."""
    return statistics.median(session[way][what] / session["without"][what] for session in sessions) - 1


def run(source, pairs):
    source.start()
    source.psql("CREATE ROLE ardent_replication", "postgres")
    source.psql("CREATE DATABASE capture", "postgres")
    sessions = [Measured(source).all_ways(pairs) for _ in range(SESSIONS)]
    result = {}
    for what, name in enumerate(("wall", "cpu")):
        result[name] = {"statement_us": statistics.median(session["without"][what] for session in sessions)}
        for way in ("on", "off"):
            result[name][way] = added(sessions, way, what) | {"ratio": ratio(sessions, way, what)}
    return result


def measure(options, settings):
    pairs = max(1, round(PAIRS * options.scale))
    result = {"pairs": SESSIONS * ROUNDS * pairs}
    for fsync in ("off", "on"):
        root = tempfile.mkdtemp(prefix="ardent-bench-", dir=options.tmp)
        source = Cluster(root, "source", settings | {"fsync": fsync})
        try:
            result[f"fsync {fsync}"] = run(source, pairs)
        finally:
            source.stop()
            shutil.rmtree(root, ignore_errors=True)
    return result


def show(result):
    print(f"DDL capture, microseconds a statement ({result['pairs']} pairs of CREATE and DROP TABLE a way; in brackets the middle half of {SESSIONS} sessions)")
    for fsync in ("off", "on"):
        for name, shown in (("wall", "client's wait"), ("cpu", "backend's CPU")):
            one = result["fsync " + fsync][name]
            print(f"  fsync {fsync:<4}{shown}  without {one['statement_us']:7.1f}" + "".join(
                f"   capture {way} adds {one[way]['us']:6.1f} [{one[way]['from']:.1f} {one[way]['to']:.1f}] {one[way]['ratio']:+6.1%}"
                for way in ("on", "off")))


def failures(result):
    """CPU, so that other processes of the machine do not decide; with fsync the time that a client waits."""
    found = []
    if result["fsync off"]["cpu"]["on"]["us"] >= 100:
        found.append("DDL capture adds 100 microseconds a statement or more")
    if result["fsync off"]["cpu"]["off"]["us"] >= 5:
        found.append("DDL capture that is off adds 5 microseconds a statement or more")
    if result["fsync on"]["wall"]["on"]["ratio"] >= 0.1:
        found.append("DDL capture adds 10 % or more with fsync on")
    return found
