# SPDX-License-Identifier: PostgreSQL
"""What apply feels of something: a row each 2 ms at the source, with the time of its transaction, and a reader of the
replica that polls. A row's lag is the time of the first poll that sees it minus its own time."""

import threading
import time

from branch_client import Load
from session import Session

RATE = 500


class _Reader(threading.Thread):
    def __init__(self, conninfo):
        super().__init__(daemon=True)
        self.session = Session(conninfo)
        self.seen = []  # (time, newest row), whenever there was a new one
        self.ended = threading.Event()

    def run(self):
        last = 0
        while not self.ended.wait(0.001):
            newest = int(self.session.query("SELECT coalesce(max(id), 0) FROM public.ticks"))
            if newest > last:
                last = newest
                self.seen.append((time.time(), newest))
        self.session.close()


class Ticks:
    def __init__(self, here):
        self.source = here.source
        self.reader = _Reader(here.ardent.replica_conninfo())
        script = here.root + "/ticks.sql"
        with open(script, "w", encoding="utf-8") as file:
            file.write("INSERT INTO public.ticks (at) VALUES (clock_timestamp());\n")
        self.load = Load(self.source, RATE, ["-f", script], clients=1)
        self.times = {}  # (begin, end) of each, by name

    def __enter__(self):
        self.load.__enter__()
        self.reader.start()
        return self

    def __exit__(self, *error):
        self.load.__exit__(*error)
        self.reader.ended.set()
        self.reader.join()

    def until_flowing(self):
        """And two seconds more, in which caches fill."""
        deadline = time.monotonic() + 60
        while not self.reader.seen:
            if time.monotonic() > deadline:
                raise TimeoutError("the replica gets no row")
            time.sleep(0.05)
        time.sleep(2)

    def during(self, way, act):
        begin = time.time()
        result = act()
        self.times.setdefault(way, []).append((begin, time.time()))
        return result

    def pauses(self, way):
        """Of each time: the longest stretch without a new row, of those that it touches."""
        moments = [at for at, _ in self.reader.seen]
        stretches = list(zip(moments, moments[1:]))
        return [max(after - before for before, after in stretches if after >= begin and before <= end)
                for begin, end in self.times[way]]

    def lags(self, way):
        """Of the rows that were written in these times."""
        rows = [line.split("|") for line in self.source.psql(
            "SELECT id, extract(epoch FROM at) FROM public.ticks ORDER BY id").split("\n")]
        found = []
        seen = iter(self.reader.seen)
        now, newest = next(seen)
        for tick, at in ((int(tick), float(at)) for tick, at in rows):
            while tick > newest:
                now, newest = next(seen, (None, None))
                if now is None:
                    return found
            if any(begin <= at <= end for begin, end in self.times[way]):
                found.append(now - at)
        return found
