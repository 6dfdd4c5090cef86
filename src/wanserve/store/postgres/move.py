"""Moves an installation from SQLite into an empty PostgreSQL database, in one transaction, and checks what arrived."""

import math
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg

from wanserve.domain.errors import SetupError
from wanserve.store.postgres.migrate import migrate
from wanserve.store.postgres.reasons import reason
from wanserve.store.postgres.statements import KEEP_NAMED, TAKE_DATABASE_ID

Connection = psycopg.Connection[tuple[object, ...]]

TABLES: Final = {
    "accounts": "rowid",
    "keys": "rowid",
    "sessions": "sha256",
    "tasks": "seq",
    "ledger": "rowid",
    "ledger_files": "sha256, task_id, file",
    "lane_counts": "account, model, state",
    "period_counts": "account, period, model, state",
    "idempotency_keys": "account, key",
    "counted_submits": "task_id",
    "workers": "id",
    "stage_times": "rowid",
    "webhook_endpoints": "created_ms, id",
    "webhook_secrets": "account",
    "webhook_deliveries": "created_ms, id",
}
"""What is moved, in an order that foreign keys allow; each with the order of its rows, which the new numbers follow."""

READ_ROWS: Final = 1000

_NUMBERS: Final = {"integer", "bigint", "double precision"}

_COLUMNS: Final = """
    SELECT column_name, data_type FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name = %s ORDER BY ordinal_position
"""


def move(source: Path, url: str, secrets: Mapping[str, bytes]) -> dict[str, int]:
    """Copy every table of the SQLite database `source`, which nobody serves, its id, and its secrets by their names.

    Returns how many rows each table has. Raises SetupError, and leaves the target as it was, where that is not empty,
    where a row cannot be stored, or where a count or a sum of the copy differs.
    """
    try:
        with psycopg.connect(url) as target, closing(sqlite3.connect(source)) as database:
            migrate(target, owner=True)
            _require_empty(target)
            moved = {table: _copy(database, target, table, order) for table, order in TABLES.items()}
            _continue_numbers(target)
            target.execute(TAKE_DATABASE_ID, database.execute("SELECT id FROM database_id").fetchone())
            for secret in secrets.items():
                target.execute(KEEP_NAMED, secret)
            for table in TABLES:
                _compare(database, target, table)
    except psycopg.Error as error:
        raise SetupError(f"--to: the installation was not moved: {reason(error)}") from error
    except sqlite3.Error as error:
        raise SetupError(f"--from: {source} cannot be read: {error}") from error
    return moved


def _require_empty(target: Connection) -> None:
    for table in TABLES:
        (rows,) = _one(target, f"SELECT count(*) FROM {table}")  # noqa: S608
        if rows:
            raise SetupError(f"--to: the database is in use, it has {rows} rows in {table}: give an empty one")


def _copy(database: sqlite3.Connection, target: Connection, table: str, order: str) -> int:
    # The names are those of our own schema.
    columns = ", ".join(_shared_columns(database, target, table))
    rows = database.execute(f"SELECT {columns} FROM {table} ORDER BY {order}")  # noqa: S608
    count = 0
    with target.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN".encode()) as copy:
        while some := rows.fetchmany(READ_ROWS):
            for row in some:
                copy.write_row(row)
            count += len(some)
    return count


def _continue_numbers(target: Connection) -> None:
    """Let the next task and the next turn come after those that were moved."""
    target.execute("SELECT setval(pg_get_serial_sequence('tasks', 'seq'), max(seq)) FROM tasks HAVING count(*) > 0")
    target.execute("SELECT setval('turns', max(served)) FROM accounts HAVING max(served) > 0")


def _compare(database: sqlite3.Connection, target: Connection, table: str) -> None:
    """Compare the number of rows, the sum of each column of numbers, and the length of all texts of each other column.

    Raises SetupError.
    """
    columns = _shared_columns(database, target, table)
    here = {name: _summed(name, kind) for name, kind in columns.items()}
    there = {
        name: _summed(name, kind, cast="::numeric" if kind in ("integer", "bigint") else "")
        for name, kind in columns.items()
    }
    before = database.execute(f"SELECT count(*), {', '.join(here.values())} FROM {table}").fetchone()  # noqa: S608
    after = _one(target, f"SELECT count(*), {', '.join(there.values())} FROM {table}")  # noqa: S608
    for name, old, new in zip(("rows", *columns), before, after, strict=True):
        if not math.isclose(float(old), float(str(new)), rel_tol=1e-9):
            raise SetupError(f"--to: nothing was moved: the sum of {table}.{name} is {old} before and {new} after")


def _summed(column: str, kind: str, cast: str = "") -> str:
    if kind == "boolean":
        return f"coalesce(sum(CASE WHEN {column} THEN 1 ELSE 0 END), 0)"
    return f"coalesce(sum({column}{cast}), 0)" if kind in _NUMBERS else f"coalesce(sum(length({column})), 0)"


def _shared_columns(database: sqlite3.Connection, target: Connection, table: str) -> Mapping[str, str]:
    """The columns that both tables have, each with its type in PostgreSQL."""
    here = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
    return dict(_typed(target, table, here))


def _typed(target: Connection, table: str, here: set[str]) -> Iterator[tuple[str, str]]:
    for name, kind in target.execute(_COLUMNS, (table,)).fetchall():
        if name in here:
            yield str(name), str(kind)


def _one(target: Connection, statement: str) -> tuple[object, ...]:
    row = target.execute(statement.encode()).fetchone()
    assert row is not None, "an aggregate has a row"
    return row
