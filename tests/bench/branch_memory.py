# SPDX-License-Identifier: PostgreSQL
"""The memory of a branch: what its processes have to themselves and their part of what they share (PSS)."""

import os


def _stat(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        name, fields = stat.read().rsplit(") ", 1)
    return name.split("(", 1)[1], int(fields.split()[1])


def _processes():
    """Name and parent of each, by pid."""
    found = {}
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit():
                found[int(entry)] = _stat(entry)
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has ended meanwhile
    return found


def _lines(pid, file):
    with open(f"/proc/{pid}/{file}", encoding="ascii", errors="replace") as lines:
        return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.rstrip().endswith("kB")}


def _own(pid):
    """Bytes. A program that closes its /proc (the opener) counts with all that is not a file of it."""
    try:
        return _lines(pid, "smaps_rollup")["Pss"]
    except PermissionError:
        status = _lines(pid, "status")
        return status["RssAnon"] + status["RssShmem"]


def of_server(directory):
    """Of the instance in this folder: its server, its opener and what holds its room."""
    with open(os.path.join(directory, "server"), encoding="ascii") as record:
        first = int(record.read().split()[0])
    processes = _processes()
    if processes[processes[first][1]][0] == "bwrap":
        first = processes[first][1]
    family = {first}
    grown = True
    while grown:
        more = {pid for pid, (_, parent) in processes.items() if parent in family} - family
        family |= more
        grown = bool(more)
    return sum(_own(pid) for pid in family)
