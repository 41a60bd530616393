# SPDX-License-Identifier: PostgreSQL
"""What DDL capture costs a statement: pairs of CREATE TABLE and DROP TABLE in three databases of one server, in turns: one
without the extension, one with its library loaded and capture off, one with capture on. Blocks are short, so that what
else the machine does meets all three; what a way adds is the median, over all rounds, of its difference from the block
without in the same round."""

import shutil
import statistics
import tempfile
import time

from cluster import Cluster
from session import Session

ROUNDS = 200
PAIRS = 50          # a round, without fsync: 10,000 pairs in all
FSYNC_PAIRS = 10    # a round, with fsync
PAIR = "CREATE TABLE public.made (id integer, at timestamptz DEFAULT now(), note text);\nDROP TABLE public.made;\n"
WAYS = ("without", "off", "on")
CATALOGS = ("pg_class", "pg_attribute", "pg_attrdef", "pg_depend", "pg_type", "pg_index")


def run_seconds(pid):
    """What the process has run on a core, by the scheduler's clock."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as stat:
        return int(stat.read().split()[0]) / 1e9


class Way:
    def __init__(self, source, name):
        source.psql(f"CREATE DATABASE way_{name}", "postgres")
        self.session = Session(source.conninfo("way_" + name))
        if name != "without":
            self.session.query("CREATE EXTENSION ardent; LOAD 'ardent'")
        if name == "on":
            self.session.query("SELECT ardent_ddl_capture(true)")
        self.pid = int(self.session.query("SELECT pg_backend_pid()"))
        self.wall = []
        self.cpu = []

    def round(self, pairs):
        for catalog in CATALOGS:
            self.session.query(f"VACUUM pg_catalog.{catalog}")
        self.session.query(PAIR * 5)
        cpu, wall = run_seconds(self.pid), time.monotonic()
        self.session.query(PAIR * pairs)
        self.wall.append((time.monotonic() - wall) / (2 * pairs) * 1e6)
        self.cpu.append((run_seconds(self.pid) - cpu) / (2 * pairs) * 1e6)


def rounds(source, pairs):
    source.start()
    source.psql("CREATE ROLE ardent_replication", "postgres")
    ways = {name: Way(source, name) for name in WAYS}
    for number in range(ROUNDS):
        for step in range(len(WAYS)):  # nobody is always first
            ways[WAYS[(number + step) % len(WAYS)]].round(pairs)
    for way in ways.values():
        way.session.close()
    return ways


def pairs_of(ways, name, what):
    """Figures of the same round: the way's and the one's without."""
    return list(zip(getattr(ways[name], what), getattr(ways["without"], what)))


def added(ways, name, what):
    """What a way costs more than the one without; microseconds a statement."""
    return statistics.median(way - without for way, without in pairs_of(ways, name, what))


def ratio(ways, name, what):
    """The same as a part of the one without: the figure that holds on a busy machine too."""
    return statistics.median(way / without for way, without in pairs_of(ways, name, what)) - 1


def measure(options, settings):
    result = {"pairs": ROUNDS * max(1, round(PAIRS * options.scale))}
    for fsync in ("off", "on"):
        root = tempfile.mkdtemp(prefix="ardent-bench-", dir=options.tmp)
        source = Cluster(root, "source", settings | {"fsync": fsync})
        try:
            ways = rounds(source, max(1, round((PAIRS if fsync == "off" else FSYNC_PAIRS) * options.scale)))
            result[f"fsync {fsync}"] = {
                "statement_us": statistics.median(ways["without"].wall),
                "statement_cpu_us": statistics.median(ways["without"].cpu),
                "on_us": added(ways, "on", "wall"), "on_cpu_us": added(ways, "on", "cpu"),
                "off_us": added(ways, "off", "wall"), "off_cpu_us": added(ways, "off", "cpu"),
                "on_ratio": ratio(ways, "on", "wall"), "on_cpu_ratio": ratio(ways, "on", "cpu"),
                "off_ratio": ratio(ways, "off", "wall"), "off_cpu_ratio": ratio(ways, "off", "cpu")}
        finally:
            source.stop()
            shutil.rmtree(root, ignore_errors=True)
    return result


def show(result):
    print(f"DDL capture, microseconds a statement ({result['pairs']} pairs of CREATE and DROP TABLE), wall and CPU of the backend")
    for fsync in ("off", "on"):
        one = result["fsync " + fsync]
        print(f"  fsync {fsync:<4} without {one['statement_us']:8.1f} {one['statement_cpu_us']:8.1f}   capture on adds {one['on_us']:7.1f} "
              f"{one['on_cpu_us']:7.1f} ({one['on_ratio']:+6.1%} {one['on_cpu_ratio']:+6.1%})   off adds {one['off_us']:7.1f} {one['off_cpu_us']:7.1f} "
              f"({one['off_ratio']:+6.1%} {one['off_cpu_ratio']:+6.1%})")


def failures(result):
    """CPU, so that other processes of the machine do not decide; with fsync the time that a client waits."""
    found = []
    if result["fsync off"]["on_cpu_us"] >= 100:
        found.append("DDL capture adds 100 microseconds a statement or more")
    if result["fsync off"]["off_cpu_us"] >= 5:
        found.append("DDL capture that is off adds 5 microseconds a statement or more")
    if result["fsync on"]["on_ratio"] >= 0.1:
        found.append("DDL capture adds 10 % or more with fsync on")
    return found
