# SPDX-License-Identifier: PostgreSQL
"""What people do with branches, over the API of an environment; times by the monotonic clock."""

import os
import subprocess
import threading
import time

from cluster import pg_bin, run


def answered(url, sql="SELECT 1", **environment):
    """One psql that connects, asks and ends, as a client does: (whether it was answered, what it said)."""
    done = subprocess.run(
        [pg_bin() + "/psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, env=os.environ | environment)
    return done.returncode == 0, done.stdout.strip()


def ask(url, sql="SELECT 1"):
    ok, said = answered(url, sql)
    if not ok:
        raise RuntimeError(f"the branch does not answer: {said}")
    return said


class Branches:
    """The branches of the environment's one connector."""

    def __init__(self, ardent, root, first_query):
        self.ardent = ardent
        self.first_query = first_query
        self.base = f"/v1/branches/{ardent.connector}"
        self.authority = os.path.join(root, "authority.pem")
        with open(self.authority, "w", encoding="utf-8") as file:
            file.write(ardent.call("GET", "/v1/branch-authority")["certificate"])
        self.made = 0

    def wait(self, handle):
        while True:
            state = self.ardent.call("GET", f"/v1/operations/{handle['operation_id']}?wait=10")
            if state["status"] == "completed":
                return
            if state["status"] == "failed":
                raise RuntimeError(f"{state['type']} failed: {state['error']}")
            time.sleep(0.02)  # some calls are answered at once

    def row(self, branch, own_bytes=False):
        return self.ardent.call("GET", f"{self.base}/{branch}?own_bytes={str(own_bytes).lower()}")

    def url(self, row):
        return f"{row['branch_url']}&sslrootcert={self.authority}"

    def new_name(self):
        self.made += 1
        return f"b{self.made}"

    def create(self, name=None):
        """Until the first query is answered over TLS through the URL, whose certificate is verified."""
        name = name or self.new_name()
        begin = time.monotonic()
        handle = self.ardent.call("POST", "/v1/branch/create", {
            "connector_id": self.ardent.connector, "service_type": "postgres", "name": name})
        posted = time.monotonic()
        self.wait(handle)
        ready = time.monotonic()
        row = self.row(handle["resource_id"])
        shown = time.monotonic()
        ask(self.url(row), self.first_query)
        end = time.monotonic()
        steps = {"request": posted - begin} | {step["name"]: step["ms"] / 1000 for step in row["steps"]}
        steps |= {"request to completed": ready - begin, "show": shown - ready, "first query": end - shown}
        return {"id": row["id"], "url": self.url(row), "seconds": end - begin, "steps": steps,
                "method": row["method"]}

    def create_only(self):
        """Until the operation has completed."""
        handle = self.ardent.call("POST", "/v1/branch/create", {
            "connector_id": self.ardent.connector, "service_type": "postgres", "name": self.new_name()})
        self.wait(handle)
        return handle["resource_id"]

    def act(self, branch, act):
        self.wait(self.ardent.call("POST", f"{self.base}/{branch}/{act}"))

    def suspend(self, branch):
        """Once nobody is connected any more: the door hears of a client's end after the client."""
        deadline = time.monotonic() + 30
        while self.row(branch)["awake_because"]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"branch {branch} is kept awake: {self.row(branch)['awake_because']}")
            time.sleep(0.02)
        self.act(branch, "suspend")

    def settle(self, branch):
        """What follows a creation in the background is over: the branch is on disk. Its row."""
        deadline = time.monotonic() + 120
        while True:
            if self.row(branch)["durable"]:
                return self.row(branch, own_bytes=True)
            if time.monotonic() > deadline:
                raise TimeoutError(f"branch {branch} is not durable after 120 s")
            time.sleep(0.1)

    def delete(self, *branches):
        for handle in [self.ardent.call("DELETE", f"{self.base}/{branch}") for branch in branches]:
            self.wait(handle)


class CommandLine:
    """`ardent` with a home of its own, logged in."""

    def __init__(self, ardent, root):
        home = os.path.join(root, "home")
        os.makedirs(home, mode=0o700)
        self.program = f"{ardent.bin}/ardent"
        self.environment = os.environ | {"ARDENT_CONFIG": f"{home}/config.json"}
        key = os.path.join(home, "admin.key")
        with open(key, "w", encoding="utf-8") as file:
            file.write(ardent.key + "\n")
        os.chmod(key, 0o600)
        run([self.program, "login", "--url", ardent.url, "--token-file", key], env=self.environment)

    def create(self, name, first_query):
        """Seconds until the first query is answered through the URL that it prints."""
        begin = time.monotonic()
        url = subprocess.check_output([self.program, "branch", "create", name, "--print-url"],
                                      env=self.environment, text=True).strip()
        ask(url, first_query)
        return time.monotonic() - begin

    def delete(self, name):
        run([self.program, "branch", "delete", name], env=self.environment)


class Load:
    """pgbench at a fixed rate against the source, while the block runs."""

    def __init__(self, source, rate, arguments, clients=2):
        self.argv = [pg_bin() + "/pgbench", "-n", "-h", source.sockets, "-p", str(source.port), "-U",
                     "postgres", "-M", "prepared", "-c", str(clients), "-j", "1", "-R", str(rate), "-T",
                     "36000", *arguments, "bench"]
        self.log = source.log + ".load"

    def __enter__(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.argv, stdout=log, stderr=log)
        return self

    def __exit__(self, *_):
        if self.process.poll() is not None:
            raise RuntimeError(f"pgbench has ended with {self.process.returncode}; see {self.log}")
        self.process.terminate()
        self.process.wait()


class Poller(threading.Thread):
    """A client that connects anew for each question, one after the other, while the block runs."""

    def __init__(self, url, sql):
        super().__init__(daemon=True)
        self.url = url
        self.sql = sql
        self.answers = []  # when each was there
        self.ended_by = []  # what it was told instead
        self.ended = threading.Event()

    def run(self):
        while not self.ended.is_set():
            ok, said = answered(self.url, self.sql)
            if ok:
                self.answers.append(time.monotonic())
            else:
                self.ended_by.append(said)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()

    def longest_wait(self, begin, end):
        """From an answer to the next one, of those that `begin` to `end` touches."""
        return max(after - before for before, after in zip(self.answers, self.answers[1:])
                   if after >= begin and before <= end)


def crowd(url, sql, clients):
    """So many psql at the same moment, with connect_timeout=5: seconds until the last has ended, and what those said that
    failed. Each waits in a shell for the end of the same pipe, so that starting them takes nothing of the time."""
    reading, writing = os.pipe()
    argv = ["sh", "-c", 'read -r _; exec "$@"', "sh", pg_bin() + "/psql", "-XAtq", "-d", url + "&connect_timeout=5", "-c", sql]
    running = [subprocess.Popen(argv, stdin=reading, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
               for _ in range(clients)]
    os.close(reading)
    begin = time.monotonic()
    os.close(writing)
    failed = []
    for process in running:
        said = process.communicate()[1]
        if process.returncode != 0:
            failed.append(said.strip())
    return {"seconds": time.monotonic() - begin, "failed": failed}
