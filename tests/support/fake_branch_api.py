#!/usr/bin/env python3
# SPDX-License-Identifier: PostgreSQL
"""The calls about branches of an environment's API, for faults that a real one does not have.

    fake_branch_api.py PORT        serves on 127.0.0.1 until it is killed; 0: any port; prints "port N"

/control is its other door: GET gives the state and the requests so far, POST changes the fields it names:

    connectors  the list
    branches    {id: BranchRow}, with everything that a real row has, and ttl, which is not shown
    hold        true: operations do not end
    fail        a text: the next operation fails with it
    authority   PEM, or null: branches have no TLS
    host, port, user, password, sslmode: of the URLs of branches that are created
    keep        false: a branch and its operation are forgotten as soon as its delete has been asked for
    settings    {connector: {"default_db": …, "branch_role": …, "hooks": [{hook, order, value, database, run_as}]}}
    faults      {call: {...}} instead of the honest answer; call is connectors, create, list, one, delete, act, patch, operation,
                authority, projects, org, settings:
                  status, body   this answer
                  raw            this body, letter for letter, with status 200
                  drop           the connection is closed without an answer; after: "work" does the work first
                  row            {field: value} put over each row of the honest answer
                  answer         {field: value} put over the honest answer itself
                  slow           seconds that the answer waits, or until the next order
                  times          so often; then honest again
"""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlsplit


class Refused(Exception):
    def __init__(self, status, code, detail, **more):
        super().__init__(detail)
        self.status = status
        self.body = {"detail": detail, "code": code, **more}


class State:
    """Everything that the fake knows, under one lock."""

    def __init__(self):
        self.changed = threading.Condition()
        self.requests = []
        self.operations = {}
        self.count = 0
        self.fields = {
            "connectors": [
                {"id": "conn_shop", "name": "shop", "status": "streaming", "replica": {"volume": "reflink"}}
            ],
            "branches": {},
            "hold": False,
            "fail": None,
            "authority": None,
            "host": "127.0.0.1",
            "port": 6001,
            "user": "ardent",
            "password": "se:cr\\et",
            "sslmode": "require",
            "keep": True,
            "settings": {},
            "faults": {},
        }

    def __getitem__(self, name):
        return self.fields[name]

    def url(self, row):
        return "postgresql://{}:{}@{}:{}/{}?sslmode={}".format(
            row["user"], quote(self["password"], safe=""), row["host"], row["port"], row["database"], self["sslmode"]
        )

    def make_row(self, connector, body):
        self.count += 1
        row = {
            "id": f"br_{self.count}",
            "name": body["name"],
            "requested_name": body.get("requested_name", body["name"]),
            "connector_id": connector["id"],
            "connector_name": connector["name"],
            "service_type": "postgres",
            "status": "creating",
            "state": "active",
            "state_since": "2026-06-01T12:00:01Z",
            "failure": None,
            "branch_url": None,
            "pooled_branch_url": None,
            "pooled_branch_prisma_url": None,
            "created_at": "2026-06-01T12:00:00Z",
            "read_ready_at": "2026-06-01T12:00:01Z",
            "write_ready_at": "2026-06-01T12:00:01Z",
            "masked_ready_at": None,
            "last_branch_activity": None,
            "data_as_of": {"lsn": "0/1A2B3C4", "commit_time": "2026-06-01T11:59:59Z"},
            "method": "reflink",
            "steps": [{"name": "checkpoint", "ms": 120}, {"name": "clone", "ms": 300}],
            "hooks": [],
            "own_bytes": 18874368,
            "awake_because": None,
            "suspend_after": 300,
            "expires_at": None if body.get("ttl") is None else "2026-06-08T12:00:00Z",
            "ttl": body.get("ttl"),
            "protected": body.get("protect", False),
            "durable": True,
            "egress": "none",
            "missing": ["large objects"],
            "host": self["host"],
            "port": self["port"],
            "database": "shop",
            "user": self["user"],
            "warning": {"type": "stale", "message": "cut from 3 s ago"} if body.get("allow_stale") else None,
        }
        self["branches"][row["id"]] = row
        return row

    def start(self, kind, row):
        for operation in self.operations.values():
            if operation["resource_id"] == row["id"] and operation["status"] == "running":
                return operation
        self.count += 1
        operation = {
            "id": f"op_{self.count}",
            "org_id": "org_default",
            "type": kind,
            "resource_id": row["id"],
            "status": "running",
            "error": None,
            "result": None,
            "created_at": "2026-06-01T12:00:00Z",
            "updated_at": "2026-06-01T12:00:00Z",
        }
        self.operations[operation["id"]] = operation
        return operation

    def settle(self, operation):
        """Ends what may end."""
        if operation["status"] != "running" or self["hold"]:
            return
        row = self["branches"].get(operation["resource_id"])
        if self["fail"]:
            operation.update(status="failed", error=self["fail"])
            self.fields["fail"] = None
            if row and operation["type"] == "branch_create":
                row.update(status="failed", failure=operation["error"])
            return
        operation["status"] = "completed"
        if operation["type"] == "branch_delete":
            self["branches"].pop(operation["resource_id"], None)
        elif row:
            row["status"] = "active"
            row["state"] = "suspended" if operation["type"] == "branch_suspend" else "active"


def handle(operation, **more):
    return {
        "operation_id": operation["id"],
        "status": operation["status"],
        "type": operation["type"],
        "resource_id": operation["resource_id"],
        **more,
    }


def shown(state, row, url):
    told = {name: value for name, value in row.items() if name != "ttl"}
    return {**told, "branch_url": state.url(row) if url else None}


def connector_of(state, ident):
    for connector in state["connectors"]:
        if connector["id"] == ident:
            return connector
    raise Refused(404, "not_found", "There is no such connector")


def create(state, body):
    connector = connector_of(state, body["connector_id"])
    for row in state["branches"].values():
        if row["name"] != body["name"] or row["connector_id"] != connector["id"]:
            continue
        if row["requested_name"] != body["requested_name"]:
            raise Refused(409, "name_taken", f"{row['requested_name']} is called {row['name']} already")
        if body.get("protect", False) != row["protected"]:
            raise Refused(409, "branch_differs", f"{row['name']} is there and differs: protect")
        if body.get("ttl", row["ttl"]) != row["ttl"]:
            raise Refused(409, "branch_differs", f"{row['name']} is there and differs: ttl")
        if row["status"] == "creating":
            return 202, handle(state.start("branch_create", row))
        done = {"id": "op_0", "status": "completed", "type": "branch_create", "resource_id": row["id"]}
        return 200, handle(done, created=False)
    return 202, handle(state.start("branch_create", state.make_row(connector, body)))


def branch_call(state, method, parts, body):
    connector = connector_of(state, parts[0])
    mine = [row for row in state["branches"].values() if row["connector_id"] == connector["id"]]
    if len(parts) == 1:
        return "list", 200, [shown(state, row, False) for row in mine]
    row = next((row for row in mine if row["id"] == parts[1]), None)
    if row is None:
        raise Refused(404, "not_found", "There is no such branch")
    if len(parts) == 3:
        return "act", 202, handle(state.start("branch_" + parts[2], row))
    if method == "DELETE":
        if row["protected"]:
            raise Refused(409, "protected", f"{row['name']} is protected")
        row["status"] = "deleting"
        operation = state.start("branch_delete", row)
        if not state["keep"]:
            state["branches"].pop(row["id"])
        return "delete", 202, handle(operation)
    if method == "PATCH":
        if "protect" in body:
            row["protected"] = body["protect"]
        if "suspend_after" in body:
            row["suspend_after"] = 300 if body["suspend_after"] is None else body["suspend_after"] or None
        if "ttl" in body:
            row["ttl"] = body["ttl"]
            row["expires_at"] = None if body["ttl"] is None else "2026-06-08T12:00:00Z"
        return "patch", 200, shown(state, row, False)
    return "one", 200, shown(state, row, True)


DESCRIPTIONS = {
    "default_db": "Database named in branch URLs",
    "branch_sql": "SQL to run on every new branch after creation",
    "branch_role": "Role that sessions of a branch become",
}


def setting_row(own, key):
    row = {"key": key, "description": DESCRIPTIONS[key], "value": own.get(key)}
    if key == "branch_sql":
        row["hooks"] = sorted(own.get("hooks", []), key=lambda hook: (hook["order"], hook["hook"]))
    return row


def setting_call(state, method, parts, query, body):
    own = state["settings"].setdefault(connector_of(state, parts[0])["id"], {})
    if len(parts) == 2:
        return 200, {"settings": [setting_row(own, key) for key in DESCRIPTIONS]}
    key = parts[2]
    if key not in DESCRIPTIONS:
        raise Refused(404, "unknown_setting", "There is no such setting")
    hooks = own.setdefault("hooks", [])
    if method == "PUT" and key == "branch_sql":
        name = body.get("hook", "default")
        hook = next((hook for hook in hooks if hook["hook"] == name), None)
        if hook is None:
            hook = {"hook": name, "order": 0, "database": None, "run_as": None}
            hooks.append(hook)
        hook.update({name: body[name] for name in ("value", "order", "database", "run_as") if name in body})
    elif method == "PUT":
        own[key] = body["value"]
    elif key == "branch_sql":
        wanted = query.get("hook", [hook["hook"] for hook in hooks])
        if len(wanted) > 1:
            raise Refused(409, "hook_needed", "There are several hooks, name one: " + ", ".join(sorted(wanted)))
        if not any(hook["hook"] in wanted for hook in hooks):
            raise Refused(404, "not_set", "branch_sql is not set")
        own["hooks"] = [hook for hook in hooks if hook["hook"] not in wanted]
    elif own.pop(key, None) is None:
        raise Refused(404, "not_set", f"{key} is not set")
    return 200, setting_row(own, key)


def answer(state, method, path, query, body):
    """The name of the call, a status, a value."""
    parts = path.strip("/").split("/")[1:]
    if path == "/v1/connectors":
        return "connectors", 200, {"connectors": state["connectors"]}
    if parts[0] == "connectors" and "settings" in parts:
        return ("settings", *setting_call(state, method, parts[1:], query, body))
    if path == "/v1/projects":
        return "projects", 200, {"projects": [{"id": "project_default", "name": "default", "org_id": "org_default"}]}
    if path == "/v1/orgs/org_default":
        return "org", 200, {"id": "org_default", "name": "Default organization"}
    if path == "/v1/branch-authority":
        if state["authority"] is None:
            raise Refused(404, "not_found", "Branches have no TLS here")
        return "authority", 200, {"certificate": state["authority"]}
    if path == "/v1/branch/create":
        return ("create", *create(state, body))
    if parts[0] == "operations":
        operation = state.operations.get(parts[1])
        if operation is None:
            raise Refused(404, "not_found", "There is no such operation")
        until = time.monotonic() + int(query.get("wait", ["0"])[0])
        state.settle(operation)
        while operation["status"] == "running" and time.monotonic() < until:
            state.changed.wait(until - time.monotonic())
            state.settle(operation)
        return "operation", 200, operation
    if parts[0] == "branches":
        return branch_call(state, method, parts[1:], body)
    raise Refused(404, "not_found", "There is no such call")


def name_of(method, path):
    """The call's name before it is answered: a fault may stand in its place."""
    parts = path.strip("/").split("/")
    if path == "/v1/branch/create":
        return "create"
    if "settings" in parts:
        return "settings"
    if parts[1] == "branches":
        names = {3: "list", 5: "act"}
        return names.get(len(parts), {"DELETE": "delete", "PATCH": "patch"}.get(method, "one"))
    return {"operations": "operation", "branch-authority": "authority", "orgs": "org"}.get(parts[1], parts[1])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state = None

    def log_message(self, *arguments):
        pass

    def send(self, status, text):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data)
        except OSError:
            self.close_connection = True  # the client has left

    def control(self, body):
        state = self.state
        with state.changed:
            state.fields.update(body)
            if body.get("reset"):
                state.requests.clear()
                state.operations.clear()
            state.changed.notify_all()
            seen = {**state.fields, "requests": state.requests, "operations": state.operations}
            self.send(200, json.dumps(seen))

    def serve(self):
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length)
        body = json.loads(text) if text else {}
        parts = urlsplit(self.path)
        if parts.path == "/control":
            return self.control(body)
        state = self.state
        with state.changed:
            state.requests.append(
                {
                    "method": self.command,
                    "path": self.path,
                    "body": body,
                    "key": self.headers.get("X-Idempotency-Key"),
                    "token": self.headers.get("Authorization"),
                }
            )
            call = name_of(self.command, parts.path)
            fault = state["faults"].get(call)
            if fault and "times" in fault:
                fault["times"] -= 1
                if fault["times"] <= 0:
                    state["faults"].pop(call)
            fault = fault or {}
            if "slow" in fault:
                state.changed.wait(fault["slow"])
            status, value = self.honest(state, parts, body, fault)
        if fault.get("drop"):
            self.close_connection = True
            return None
        if "raw" in fault:
            return self.send(200, fault["raw"])
        return self.send(status, json.dumps(value))

    def honest(self, state, parts, body, fault):
        if "status" in fault:
            return fault["status"], fault.get("body", {"detail": "as the test says"})
        if fault.get("drop") and fault.get("after") != "work":
            return 0, None
        try:
            _, status, value = answer(state, self.command, parts.path, parse_qs(parts.query), body)
        except Refused as refused:
            return refused.status, refused.body
        if "row" in fault:
            value = [{**row, **fault["row"]} for row in value] if isinstance(value, list) else {**value, **fault["row"]}
        if "answer" in fault:
            value = {**value, **fault["answer"]}
        return status, value

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve


def main():
    Handler.state = State()
    ThreadingHTTPServer.daemon_threads = True
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    print(f"port {server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
