# SPDX-License-Identifier: PostgreSQL
"""Environment and agent for the benchmark, run from build/bin as they are."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

from cluster import run

PATIENCE = 180


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Ardent:
    def __init__(self, root, bin_dir, source, compression, data=None, more=""):
        """`data`: where the environment keeps everything; `more`: further lines of its configuration."""
        self.bin = bin_dir
        self.source = source
        self.compression = compression
        self.data = data or os.path.join(root, "env")
        self.saved = self.data + ".saved"
        self.run_dir = os.path.join(root, "r")
        self.agent_file = os.path.join(root, "agent.toml")
        self.environment_file = os.path.join(root, "environment.toml")
        self.url = f"http://127.0.0.1:{free_port()}"
        self.logs = root
        self.agent = None
        self.environment = None
        self._write(self.environment_file, f"""
[environment]
data_dir = "{self.data}"
run_dir = "{self.run_dir}"
listen = "{self.url.removeprefix('http://')}"
{more}
""")
        printed = run([f"{bin_dir}/ardent-environment", "init", "--config", self.environment_file])
        self.key = next(word for word in printed.split() if word.startswith("sk-ard_"))

    @staticmethod
    def _write(path, text, mode=0o600):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)

    def call(self, method, path, body=None, token=None):
        request = urllib.request.Request(
            self.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token or self.key}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def start_environment(self, delivered_only=False):
        argv = [f"{self.bin}/ardent-environment", "serve", "--config", self.environment_file]
        env = dict(os.environ)
        if delivered_only:
            argv.append("--benchmark-delivered-only")
            env["ARDENT_BENCHMARK"] = "1"
        self.environment = subprocess.Popen(
            argv, env=env, stderr=open(f"{self.logs}/environment.log", "ab"))
        self._until(lambda: self.call("GET", "/v1/connectors?org_id=org_default"), "environment")

    def _until(self, work, what):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return work()
            except (OSError, KeyError) as problem:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{what} is not up after {PATIENCE} s; logs in {self.logs}") from problem
                time.sleep(0.05)

    def create_connector(self):
        made = self.call("POST", "/v1/connectors", {
            "name": "bench", "org_id": "org_default", "project_id": "project_default", "service_name": "postgresql",
            "connection_details": {"sidecar": True, "schemas": ["public"]}})
        self.connector = made["id"]
        token_file = os.path.join(self.logs, "agent.token")
        self._write(token_file, made["agent_token"] + "\n")
        self._write(self.agent_file, f"""
[environment]
url = "{self.url}"
connector = "{self.connector}"
token_file = "{token_file}"
[source]
host = "{self.source.sockets}"
port = {self.source.port}
database = "bench"
schemas = ["public"]
[limits]
compression = {self.compression}
""")

    def start_agent(self):
        self.agent_log = f"{self.logs}/agent.log"
        self.agent_log_from = os.path.getsize(self.agent_log) if os.path.exists(self.agent_log) else 0
        self.agent = subprocess.Popen([f"{self.bin}/ardent-agent", "run", "--config", self.agent_file],
                                      stderr=open(self.agent_log, "ab"))

    def streaming_since(self, patience=PATIENCE):
        """Waits for the agent's line that START_REPLICATION was sent; the monotonic time of seeing it."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            with open(self.agent_log, encoding="utf-8", errors="replace") as log:
                log.seek(self.agent_log_from)
                if "msg=streaming" in log.read():
                    return time.monotonic()
            if self.agent.poll() is not None:
                raise RuntimeError(f"the agent ended with {self.agent.returncode}; see {self.agent_log}")
            time.sleep(0.002)
        raise TimeoutError(f"the agent does not stream; see {self.agent_log}")

    def show(self):
        return self.call("GET", f"/v1/connectors/{self.connector}")

    def wait_status(self, wanted, patience=PATIENCE):
        deadline = time.monotonic() + patience
        while True:
            state = self.show()
            if state["status"] in wanted:
                return state
            if state["failure"] or time.monotonic() > deadline:
                raise RuntimeError(f"the connector is {state['status']}: {state['failure']}; logs in {self.logs}")
            time.sleep(0.1)

    def replica_conninfo(self):
        """What the status says: psql "host=… dbname=… user=ardent_reader"."""
        return self.show()["replica"]["psql"].split('"')[1]

    @staticmethod
    def _end(process):
        if process and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)

    def stop_agent(self):
        self._end(self.agent)

    def stop_environment(self):
        self._end(self.environment)

    def save(self):
        shutil.copytree(self.data, self.saved, symlinks=True, ignore=shutil.ignore_patterns("run"))

    def restore(self):
        shutil.rmtree(self.data)
        shutil.copytree(self.saved, self.data, symlinks=True)
