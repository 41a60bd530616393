# SPDX-License-Identifier: PostgreSQL
"""Throw-away PostgreSQL servers for the benchmark: Unix sockets only, made and stopped by the caller."""

import os
import shutil
import subprocess
import time


def pg_bin():
    return subprocess.check_output(["pg_config", "--bindir"], text=True).strip()


def read_settings(path):
    """name = value, as postgresql.conf has it."""
    with open(path, encoding="utf-8") as lines:
        pairs = [line.split("=", 1) for line in lines if "=" in line and not line.startswith("#")]
    return {name.strip(): value.strip().strip("'") for name, value in pairs}


class Cluster:
    """One server. `save` and `restore` copy its stopped data directory, so that runs start equal."""

    def __init__(self, root, name, settings):
        self.name = name
        self.data = os.path.join(root, name)
        self.saved = self.data + ".saved"
        self.sockets = os.path.join(root, "s")
        self.log = os.path.join(root, name + ".log")
        self.port = {"source": 1, "target": 2}[name]
        os.makedirs(self.sockets, exist_ok=True)
        run([pg_bin() + "/initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
             "--locale=C.UTF-8", "-k"])
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as conf:
            conf.write(f"listen_addresses = ''\nport = {self.port}\n"
                       f"unix_socket_directories = '{self.sockets}'\n")
            for key, value in settings.items():
                conf.write(f"{key} = '{value}'\n")

    def start(self):
        run([pg_bin() + "/pg_ctl", "-D", self.data, "-l", self.log, "-w", "-t", "120", "start"])

    def stop(self):
        if os.path.exists(os.path.join(self.data, "postmaster.pid")):
            run([pg_bin() + "/pg_ctl", "-D", self.data, "-m", "fast", "-w", "stop"])

    def save(self):
        shutil.copytree(self.data, self.saved, symlinks=True)

    def restore(self):
        shutil.rmtree(self.data)
        shutil.copytree(self.saved, self.data, symlinks=True)

    def conninfo(self, database="postgres", user="postgres"):
        return f"host={self.sockets} port={self.port} dbname={database} user={user}"

    def psql(self, sql, database="bench"):
        return subprocess.check_output(
            [pg_bin() + "/psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo(database),
             "-c", sql], text=True).strip()

    def wait_for(self, sql, wanted, seconds, database="bench"):
        deadline = time.monotonic() + seconds
        while True:
            got = self.psql(sql, database)
            if got == wanted:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name}: {sql} gave {got!r}, not {wanted!r}, for {seconds} s")
            time.sleep(0.02)


def run(argv, **more):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def cpu_seconds(pid):
    """User and system time of one process, in seconds; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_resident(pid):
    """VmHWM in bytes; 0 when the process is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except FileNotFoundError:
        pass
    return 0
