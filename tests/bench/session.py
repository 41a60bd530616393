# SPDX-License-Identifier: PostgreSQL
"""One psql kept open, so that polling costs a query and not a process."""

import subprocess
import time

from cluster import pg_bin


class Session:
    def __init__(self, conninfo):
        self.psql = subprocess.Popen(
            [pg_bin() + "/psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", conninfo],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def query(self, sql):
        self.psql.stdin.write(sql + ";\n\\echo -- end\n")
        self.psql.stdin.flush()
        lines = []
        while True:
            line = self.psql.stdout.readline()
            if not line:
                raise RuntimeError(f"psql ended at: {sql}")
            if line.rstrip("\n") == "-- end":
                return "\n".join(lines)
            lines.append(line.rstrip("\n"))

    def wait_true(self, sql, seconds):
        """Polls until the query gives t; the time of that, by the monotonic clock."""
        deadline = time.monotonic() + seconds
        while self.query(sql) != "t":
            if time.monotonic() > deadline:
                raise TimeoutError(f"not true for {seconds} s: {sql}")
            time.sleep(0.003)
        return time.monotonic()

    def close(self):
        self.psql.stdin.close()
        self.psql.wait()
