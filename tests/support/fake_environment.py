#!/usr/bin/env python3
# SPDX-License-Identifier: PostgreSQL
"""A scripted environment for tests of the agent: speaks docs/protocol.md, keeps nothing, and fails on demand.

    fake_environment.py PORT        serves on 127.0.0.1 until it is killed

What it saw and what it is to do is under /control: GET gives the state as JSON, POST changes the fields it names:

    state      "copy", "streaming" or "failed"
    durable    the durable position, as text
    hold       true: admits segments, but the durable position stays
    stall      seconds that each answer to a segment waits
    refuse     a status that every call gets; 0: none
    answers    {verb: [status, code]}: what such calls get ("segments", "hello", "status", "schema", "sequences", "copy", …)
    preflight  true: hello is refused with 422
    lose       true once: the session is not known any more
    timeline, system_identifier: what hello answers, when they are set
    welcome, progress: fields that such answers get beside or instead of the honest ones
    copy_again {name: [schema, table]}: what is wanted again; each answer has a new id for it
    miscount   so many rows more than came are reported for each table
    raw        {verb: {"status": …, "headers": {…}, "body": …, "times": …}}: the answer to such calls, letter for letter; times
               repeats the body
"""

import ctypes
import json
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ZSTD = ctypes.CDLL("libzstd.so.1")
ZSTD.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
ZSTD.ZSTD_decompress.restype = ctypes.c_size_t


def decompress(frame):
    size = ZSTD.ZSTD_getFrameContentSize(frame, ctypes.c_size_t(len(frame)))
    out = ctypes.create_string_buffer(max(size, 1))
    got = ZSTD.ZSTD_decompress(out, ctypes.c_size_t(size), frame, ctypes.c_size_t(len(frame)))
    if got != size:
        raise ValueError("a frame that is none")
    return out.raw[:size]


def lsn_text(value):
    return f"{value >> 32:X}/{value & 0xFFFFFFFF:X}"


def lsn_value(text):
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)


class Peer:
    """Everything that the fake knows, under one lock."""

    def __init__(self):
        self.changed = threading.Condition()
        self.orders = {"state": "copy", "durable": None, "hold": False, "stall": 0, "refuse": 0, "answers": {}, "preflight": False,
                       "lose": False, "timeline": None, "system_identifier": None, "keep_messages": True,
                       "welcome": {}, "progress": {}, "copy_again": {}, "miscount": 0, "raw": {}}
        self.durable = 0
        self.applied = 0
        self.session = 0
        self.next_sequence = 0
        self.source = {}
        self.copy = None
        self.phase = "creating"
        self.rows = []
        self.part_bytes = 0
        self.ids = 0
        self.again = {}
        self.seen = {"hellos": 0, "calls": 0, "segments": 0, "advances": [], "messages": [], "message_count": 0, "bytes": 0,
                     "status": None, "schema": None, "commits": [], "hello": None, "sequences": [], "finished": None}

    def progress(self):
        state = self.orders["state"]
        failure = None
        if state == "failed":
            failure = {"message": "stopped by the test", "hint": "mend it", "lsn": None, "table": "public.t"}
        return {"state": state, "durable_lsn": lsn_text(self.durable) if self.durable else None,
                "next_sequence": self.next_sequence, "failure": failure, "copy_again": self.wanted(), **self.orders["progress"]}

    def wanted(self):
        found = []
        for name, (schema, table) in self.orders["copy_again"].items():
            self.ids += 1
            found.append({"id": f"{name}-{self.ids}", "schema": schema, "name": table})
        return found

    def of(self, path):
        """What came for one of the tables that are wanted again, whatever its id was."""
        return self.again.setdefault(path.split("/")[1].rsplit("-", 1)[0], {"begun": 0, "rows": 0, "finished": 0, "trouble": []})


PEER = Peer()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        return

    def answer(self, status, body):
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def refused(self):
        PEER.seen["calls"] += 1
        raw = PEER.orders["raw"].get(self.verb().split("/")[0])
        if raw:
            self.send_response(raw["status"])
            for name, value in raw.get("headers", {}).items():
                self.send_header(name, value)
            body = raw.get("body", "").encode()
            times = raw.get("times", 1)
            self.send_header("Content-Length", str(len(body) * times))
            self.end_headers()
            PEER.seen["raw_sent"] = 0
            try:
                for _ in range(times):
                    self.wfile.write(body)
                    PEER.seen["raw_sent"] += len(body)
            except OSError:
                self.close_connection = True
            return True
        if PEER.orders["refuse"]:
            self.answer(PEER.orders["refuse"], {"detail": "refused by the test", "code": "unavailable"})
            return True
        verb = self.verb()
        for wanted, (status, code) in PEER.orders["answers"].items():
            if verb == wanted or verb.startswith(wanted + "/"):
                PEER.seen["refused"] = PEER.seen.get("refused", 0) + 1
                self.answer(status, {"detail": "refused by the test", "code": code})
                return True
        return False

    def unknown(self):
        self.answer(409, {"detail": "not the newest session", "code": "session_unknown"})

    def known(self, session):
        return session == f"{PEER.session:032x}" and PEER.session > 0

    def query(self):
        if "?" not in self.path:
            return {}
        from urllib.parse import parse_qsl
        return dict(parse_qsl(self.path.split("?", 1)[1]))

    def verb(self):
        return self.path.split("?")[0].split("/agent/", 1)[-1]

    def do_GET(self):
        if self.path == "/control":
            with PEER.changed:
                seen = dict(PEER.seen, durable=lsn_text(PEER.durable), session=PEER.session, rows=PEER.rows,
                            copy=PEER.copy, orders=PEER.orders, again=PEER.again)
                self.answer(200, seen)
            return
        if self.refused():
            return
        query = self.query()
        verb = self.verb()
        if verb == "position":
            self.position(query)
        elif verb.startswith("copy/"):
            deadline = time.monotonic() + float(query.get("wait", 0))
            with PEER.changed:
                while PEER.phase == query.get("phase") and time.monotonic() < deadline:
                    PEER.changed.wait(deadline - time.monotonic())
                self.answer(200, {"copy_id": "c1", "phase": PEER.phase, "detail": "", "failure": None})
        else:
            self.answer(404, {"detail": verb, "code": "not_found"})

    def position(self, query):
        if not self.known(query["session"]):
            self.unknown()
            return
        deadline = time.monotonic() + float(query.get("wait", 0))
        after = lsn_value(query["after"])
        with PEER.changed:
            while (PEER.durable <= after and PEER.orders["state"] == "streaming" and
                   time.monotonic() < deadline and self.known(query["session"])):
                PEER.changed.wait(max(0.0, deadline - time.monotonic()))
            found = PEER.progress()
        self.answer(200, found)

    def do_PUT(self):
        body = self.body()
        if self.refused():
            return
        verb = self.verb()
        with PEER.changed:
            if verb.endswith("/schema"):
                PEER.seen["archive"] = len(body)
                PEER.phase = "data"
                PEER.changed.notify_all()
                self.answer(202, {})
                return
            place = verb.split("/")
            last = self.query()["last"] == "1"
            text = decompress(body)
            if place[0] == "again":
                again = PEER.of(verb)
                again["rows"] += text.count(b"\n")
                self.answer(200, {"rows": again["rows"] + PEER.orders["miscount"] if last else None})
                return
            table = int(place[3])
            PEER.part_bytes += len(text)
            PEER.rows[table] += text.count(b"\n")
            self.answer(200, {"rows": PEER.rows[table] + PEER.orders["miscount"] if last else None})

    def do_POST(self):
        body = self.body()
        if self.path == "/control":
            with PEER.changed:
                orders = json.loads(body)
                PEER.orders.update(orders)
                if "answers" in orders:
                    PEER.seen["refused"] = 0
                if orders.get("durable"):
                    PEER.durable = PEER.applied = lsn_value(orders["durable"])
                if orders.get("lose"):
                    PEER.session += 1
                if orders.get("hold") is False:
                    PEER.durable = max(PEER.durable, PEER.applied)
                PEER.changed.notify_all()
            self.answer(200, {})
            return
        if self.refused():
            return
        verb = self.verb()
        if verb == "hello":
            self.hello(json.loads(body))
        elif verb == "segments":
            self.segment(body)
        elif verb.startswith("again/"):
            self.again(verb, json.loads(body))
        else:
            self.other(verb, json.loads(body))

    def hello(self, hello):
        with PEER.changed:
            PEER.seen["hellos"] += 1
            PEER.seen["hello"] = hello
            if PEER.orders["preflight"]:
                self.answer(422, {"detail": "preflight has failures", "code": "preflight", "report": {}})
                return
            PEER.session += 1
            PEER.next_sequence = 0
            PEER.applied = PEER.durable
            PEER.source = hello["source"]
            copying = PEER.orders["state"] == "copy"
            PEER.changed.notify_all()
            self.answer(200, {
                "protocol": 1, "environment_version": "fake", "session": f"{PEER.session:032x}",
                "state": PEER.orders["state"],
                "durable_lsn": None if copying else lsn_text(PEER.durable),
                "system_identifier": None if copying else (
                    PEER.orders["system_identifier"] or hello["source"]["system_identifier"]),
                "timeline": None if copying else PEER.orders["timeline"] or hello["source"]["timeline"],
                "failure": PEER.progress()["failure"],
                "limits": {"segment_bytes": 4194304, "in_flight": 3}, "ddl_prefixes": [], **PEER.orders["welcome"]})

    def again(self, verb, value):
        with PEER.changed:
            again = PEER.of(verb)
            if verb.endswith("/trouble"):
                again["trouble"].append(value["detail"])
            elif verb.endswith("/finish"):
                again["finished"] += 1
            else:
                again["begun"] += 1
                again["rows"] = 0
            self.answer(200, {})

    def segment(self, body):
        session, sequence = body[8:24].hex(), struct.unpack_from("<Q", body, 24)[0]
        flags = struct.unpack_from("<H", body, 6)[0]
        commit, advance = struct.unpack_from("<QQ", body, 40)
        count = struct.unpack_from("<I", body, 56)[0]
        if PEER.orders["stall"]:
            time.sleep(PEER.orders["stall"])
        with PEER.changed:
            while self.known(session) and sequence > PEER.next_sequence:
                PEER.changed.wait(1)
            if not self.known(session):
                self.unknown()
                return
            if sequence == PEER.next_sequence:
                PEER.next_sequence += 1
                PEER.seen["segments"] += 1
                PEER.seen["message_count"] += count
                PEER.seen["bytes"] += len(body)
                payload = decompress(body[80:]) if flags & 1 else body[80:]
                if PEER.orders["keep_messages"]:
                    self.keep(payload)
                if commit:
                    PEER.seen["commits"].append(lsn_text(commit))
                if advance:
                    PEER.seen["advances"].append(lsn_text(advance))
                PEER.applied = max(PEER.applied, commit, advance)
                if not PEER.orders["hold"]:
                    PEER.durable = PEER.applied
                PEER.changed.notify_all()
            self.answer(200, PEER.progress())

    def keep(self, payload):
        at = 0
        while at < len(payload):
            length, lsn = struct.unpack_from("<IQ", payload, at)
            text = payload[at + 12:at + 12 + length].decode("utf-8", "replace")
            PEER.seen["messages"].append([lsn_text(lsn), text if length < 10000 else text[:100]])
            at += 12 + length

    def other(self, verb, value):
        if not self.known(value["session"]):
            self.unknown()
            return
        with PEER.changed:
            if verb == "status":
                PEER.seen["status"] = value
                self.answer(200, {})
            elif verb == "schema":
                PEER.seen["schema"] = value
                self.answer(200, PEER.progress())
            elif verb == "sequences":
                PEER.seen["sequences"].append(value)
                self.answer(200, PEER.progress())
            elif verb == "copy":
                PEER.copy = value
                PEER.rows = [0] * len(value["tables"])
                PEER.phase = "schema"
                PEER.changed.notify_all()
                self.answer(200, {"copy_id": "c1"})
            elif verb.endswith("/finish"):
                PEER.seen["finished"] = value["rows"]
                PEER.phase = "done"
                PEER.orders["state"] = "streaming"
                PEER.durable = PEER.applied = lsn_value(PEER.copy["consistent_point"])
                PEER.changed.notify_all()
                self.answer(202, {})
            else:
                self.answer(404, {"detail": verb, "code": "not_found"})


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
