# SPDX-License-Identifier: PostgreSQL
"""The workloads: what is there before, what changes while nobody reads the slot."""

import subprocess

from cluster import pg_bin, run


def _pgbench(source, *arguments):
    run([pg_bin() + "/pgbench", "-h", source.sockets, "-p", str(source.port), "-U", "postgres", *arguments, "bench"])


class Bulk:
    key = "a"
    title = "one transaction of 1,000,000 inserted rows"
    tables = ["wide"]

    def prepare(self, source):
        source.psql("""
            CREATE TABLE wide (
                id bigint PRIMARY KEY, customer integer NOT NULL, amount numeric(12, 2),
                note text, at timestamptz NOT NULL, done boolean NOT NULL
            )""")

    def change(self, source, scale):
        source.psql(f"""
            INSERT INTO wide
            SELECT i, i % 1000, (i % 100000) / 100.0, 'order number ' || i, '2026-01-01'::timestamptz + i * interval '1 s',
                   i % 2 = 0
            FROM generate_series(1, {int(1_000_000 * scale)}) AS i""")


class TpcB:
    key = "b"
    title = "80,000 pgbench TPC-B transactions"
    tables = ["pgbench_accounts", "pgbench_branches", "pgbench_tellers", "pgbench_history"]

    def prepare(self, source):
        _pgbench(source, "-i", "-q", "-s", "10")
        source.psql("ALTER TABLE pgbench_history REPLICA IDENTITY FULL")

    def change(self, source, scale):
        _pgbench(source, "-n", "-c", "4", "-j", "2", "-t", str(int(20_000 * scale)), "-M", "prepared")


class ByKey:
    key = "c"
    title = "300,000 updates and 100,000 deletes by key, 1,000 a transaction"
    tables = ["keyed"]

    def prepare(self, source):
        source.psql("""
            CREATE TABLE keyed (id integer PRIMARY KEY, counter integer NOT NULL, label text NOT NULL,
                                at timestamptz NOT NULL);
            INSERT INTO keyed SELECT i, 0, 'row ' || i, '2026-01-01' FROM generate_series(1, 400000) AS i""")

    def change(self, source, scale):
        statements = []
        for first in range(1, int(300_000 * scale) + 1, 1000):
            statements.append(f"UPDATE keyed SET counter = counter + 1, label = label || '.' "
                              f"WHERE id BETWEEN {first} AND {first + 999};")
        for first in range(300_001, 300_001 + int(100_000 * scale), 1000):
            statements.append(f"DELETE FROM keyed WHERE id BETWEEN {first} AND {first + 999};")
        subprocess.run([pg_bin() + "/psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", source.conninfo("bench")],
                       input="\n".join(statements), text=True, check=True)


class Ruled:
    key = "g"
    title = "300,000 inserts, 300,000 updates and 100,000 deletes under CHECKs, domains and a generated column"
    tables = ["ruled"]

    def prepare(self, source):
        source.psql("""
            CREATE FUNCTION in_range(n integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
                AS 'BEGIN RETURN n BETWEEN 0 AND 1000000; END';
            CREATE FUNCTION shout(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT pg_catalog.upper(t)';
            CREATE DOMAIN short AS text CHECK (pg_catalog.length(VALUE) < 100) CHECK (VALUE <> '');
            CREATE DOMAIN positive AS integer CHECK (VALUE >= 0);
            CREATE TABLE ruled (id integer PRIMARY KEY, counter positive NOT NULL, label short NOT NULL,
                                loud text GENERATED ALWAYS AS (shout(label)) STORED, at timestamptz NOT NULL,
                                CHECK (in_range(counter)), CHECK (at > '2000-01-01'), CHECK (pg_catalog.length(label) > 2));
            INSERT INTO ruled (id, counter, label, at)
            SELECT i, 0, 'row ' || i, '2026-01-01' FROM generate_series(1, 400000) AS i""")

    def change(self, source, scale):
        statements = []
        for first in range(1, int(300_000 * scale) + 1, 1000):
            statements.append(f"INSERT INTO ruled (id, counter, label, at) SELECT i, 1, 'new ' || i, '2026-01-02' "
                              f"FROM generate_series({first + 1_000_000}, {first + 1_000_999}) AS i;")
            statements.append(f"UPDATE ruled SET counter = counter + 1, label = label || '.' "
                              f"WHERE id BETWEEN {first} AND {first + 999};")
        for first in range(300_001, 300_001 + int(100_000 * scale), 1000):
            statements.append(f"DELETE FROM ruled WHERE id BETWEEN {first} AND {first + 999};")
        subprocess.run([pg_bin() + "/psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", source.conninfo("bench")],
                       input="\n".join(statements), text=True, check=True)


ALL = [Bulk(), TpcB(), ByKey(), Ruled()]
