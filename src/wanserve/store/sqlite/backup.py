"""Copies a database that is in use into one file, as it is at one moment."""

import os
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from wanserve.domain.errors import SetupError
from wanserve.machine.fsync import sync


def back_up(database: Path, target: Path) -> None:
    """Copy the database to a new file, durably, also while a server writes to it; the source is only read.

    The schema is copied as it is, whichever version wrote it. Raises SetupError, and leaves no `target`, where there is
    no database, where the target exists already, or where the copy cannot be made or fails its integrity check.
    """
    if not database.is_file():
        raise SetupError(f"there is no database {database} to back up")
    taken = f"{target} exists already: a backup never replaces a file"
    if target.exists():
        raise SetupError(taken)
    # In the folder of the target, so that the last step stays within one file system.
    unfinished = target.with_name(f"{target.name}.{secrets.token_hex(8)}~")
    try:
        os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _copy(database, unfinished)
        sync(unfinished)
        _name(unfinished, target)
        sync(target.parent)
    except FileExistsError as error:
        raise SetupError(taken) from error
    except (sqlite3.Error, OSError) as error:
        raise SetupError(f"the backup {target} cannot be made: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _copy(database: Path, unfinished: Path) -> None:
    reading = f"{database.absolute().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(reading, uri=True)) as source,
        closing(sqlite3.connect(unfinished, isolation_level=None)) as copy,
    ):
        # In one step, and so in one read transaction, which blocks no writer. A copy in several steps starts again at
        # each write of another process.
        source.backup(copy)
        # Without a write-ahead log the copy is a single file.
        copy.execute("PRAGMA journal_mode = DELETE")
        verdict = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if verdict != "ok":
        raise SetupError(f"the database {database} is damaged, and no backup was made: {verdict.splitlines()[-1]}")


def _name(unfinished: Path, target: Path) -> None:
    """Give the file its name. Raises FileExistsError where the name was taken meanwhile."""
    try:
        # Unlike a rename, a link never replaces a file.
        target.hardlink_to(unfinished)
    except PermissionError:
        # A file system without links, such as a memory stick's.
        unfinished.rename(target)
