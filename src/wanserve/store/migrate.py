"""Knows how a database gets from the schema it has to the schema that this version needs."""

import re
import sqlite3
from importlib.resources import files
from typing import Final

from wanserve.domain.errors import SetupError

_NUMBERED: Final = re.compile(r"(\d{4})_\w+\.sql")


def migrations() -> dict[int, str]:
    """Every migration's SQL by its number, from 1 without a gap."""
    found = {
        int(match[1]): file.read_text(encoding="utf-8")
        for file in files("wanserve.store").joinpath("migrations").iterdir()
        if (match := _NUMBERED.fullmatch(file.name))
    }
    return dict(sorted(found.items()))


def migrate(database: sqlite3.Connection, steps: dict[int, str]) -> None:
    """Bring the schema up to the last of `steps`, each step whole or not at all.

    Raises SetupError where the database was written by a newer version, which is left untouched.
    """
    newest = max(steps)
    version = _version(database)
    if version > newest:
        raise SetupError(
            f"the database has schema {version}, this version of wanserve knows up to {newest}: use a newer wanserve"
        )
    for number in range(version + 1, newest + 1):
        _step(database, number, steps[number])


def _step(database: sqlite3.Connection, number: int, sql: str) -> None:
    database.execute("BEGIN EXCLUSIVE")
    try:
        # Another process may have taken this step while we waited for the lock.
        if _version(database) < number:
            for statement in _statements(sql):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {number}")
        database.execute("COMMIT")
    except sqlite3.Error as error:
        database.execute("ROLLBACK")
        raise SetupError(f"migration {number} failed and nothing was changed: {error}") from error


def _statements(sql: str) -> list[str]:
    # executescript() would commit on its own, so the statements are cut apart and run inside our transaction.
    statements, rest = [], ""
    for line in sql.splitlines(keepends=True):
        rest += line
        if sqlite3.complete_statement(rest):
            statements.append(rest)
            rest = ""
    return statements


def _version(database: sqlite3.Connection) -> int:
    version: int = database.execute("PRAGMA user_version").fetchone()[0]
    return version
