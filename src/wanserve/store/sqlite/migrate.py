"""Brings the schema of a database up to this version's."""

import sqlite3

from wanserve.domain.errors import SetupError
from wanserve.store.migrations import read_migrations


def migrations() -> dict[int, str]:
    """Every migration's SQL by its number, from 1 without a gap."""
    return read_migrations("wanserve.store.sqlite")


def migrate(database: sqlite3.Connection, steps: dict[int, str]) -> None:
    """Bring the schema up to the last of `steps`, all the way or not at all.

    Raises SetupError, and changes nothing, where a step fails or a newer version wrote the database.
    """
    version, newest = schema_version(database), max(steps)
    if version > newest:
        raise SetupError(
            f"the database has schema {version}, and this version of wanserve knows schemas up to {newest}: use a newer wanserve"
        )
    if version < newest:
        _take(database, steps)


def _take(database: sqlite3.Connection, steps: dict[int, str]) -> None:
    database.execute("BEGIN EXCLUSIVE")
    # Read again: another process may have taken these steps while we waited for the lock.
    number = schema_version(database)
    try:
        while number < max(steps):
            number += 1
            for statement in _statements(steps[number]):
                database.execute(statement)
        database.execute(f"PRAGMA user_version = {number}")
        database.execute("COMMIT")
    except sqlite3.Error as error:
        database.execute("ROLLBACK")
        raise SetupError(f"migration {number} failed and nothing was changed: {error}") from error


def schema_version(database: sqlite3.Connection) -> int:
    """The number of the newest migration that the database has; 0 for an empty one."""
    version: int = database.execute("PRAGMA user_version").fetchone()[0]
    return version


def _statements(sql: str) -> list[str]:
    # executescript() commits by itself, so the statements are split and run in our transaction.
    statements, rest = [], ""
    for line in sql.splitlines(keepends=True):
        rest += line
        if sqlite3.complete_statement(rest):
            statements.append(rest)
            rest = ""
    return statements
