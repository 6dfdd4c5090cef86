"""Brings the schema of a PostgreSQL database up to this version's."""

from typing import Final

import psycopg

from wanserve.domain.errors import SetupError
from wanserve.store.migrations import read_migrations

LOCK: Final = 0x77616E
"""The number of the advisory lock under which one process at a time migrates."""

VERSION: Final = "CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL)"


def migrate(connection: "psycopg.Connection[tuple[object, ...]]", *, owner: bool) -> None:
    """Bring the schema up to the newest migration, all steps in one transaction. Raises SetupError, psycopg.Error.

    Only an `owner`, which is a server, changes an older schema: a command could change it under servers of an older
    version. An empty database gets its schema from everybody.
    """
    steps = read_migrations("wanserve.store.postgres")
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        connection.execute(VERSION)
        row = connection.execute("SELECT max(version) FROM schema_version").fetchone()
        version = row[0] if row and isinstance(row[0], int) else 0
        if version > max(steps):
            raise SetupError(
                f"the database has schema {version}, and this version of wanserve knows schemas up to {max(steps)}: "
                "use a newer wanserve"
            )
        if 0 < version < max(steps) and not owner:
            raise SetupError(
                f"the database has schema {version}, and this version needs {max(steps)}: start a server of this version"
            )
        for number in range(version + 1, max(steps) + 1):
            # The SQL of our own package, which psycopg's type for statements does not know to be safe.
            connection.execute(steps[number].encode())
            connection.execute("INSERT INTO schema_version VALUES (%s)", (number,))
