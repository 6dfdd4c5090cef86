"""A real PostgreSQL server for tests, on a socket in a folder of its own: one for each process that runs tests."""

import atexit
import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests import needs

if TYPE_CHECKING:
    # A test run without the extra `postgres` has neither the driver nor the store, and skips what needs them.
    import psycopg

USER = "postgres"


def binaries() -> Path:
    """The folder of PostgreSQL's programs; Debian keeps them off the PATH. Skips where it is not installed."""
    on_path = shutil.which("initdb")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if on_path is None and not found:
        return Path(needs.program("initdb")).parent
    return Path(on_path).parent if on_path else found[-1].parent


def run(*command: str | Path, folder: Path) -> None:
    """Run one of its programs as a user that it accepts: it refuses to run as root."""
    as_user = [] if os.geteuid() else ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    done = subprocess.run([*as_user, *command], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@lru_cache(maxsize=2)
def _folder(durable: bool) -> str:
    return tempfile.mkdtemp(prefix="wanserve-postgres-")


def server(*, durable: bool = False) -> str:
    """The URL of a running server without its database's name. It ends with this process.

    Unless `durable` it does not wait for the disk: tests test the store, not PostgreSQL's durability.
    """
    # One for each value: a cache of keyword arguments takes one that is left out for another call.
    return _server(durable)


@lru_cache(maxsize=2)
def _server(durable: bool) -> str:
    needs.library("psycopg")
    programs = binaries()
    folder = Path(_folder(durable))
    data = folder / "data"
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        user = pwd.getpwnam(USER)
        os.chown(folder, user.pw_uid, user.pw_gid)
        os.chown(data, user.pw_uid, user.pw_gid)
    run(programs / "initdb", "--auth=trust", f"--username={USER}", "--no-sync", "--pgdata", data, folder=folder)
    fsync = "on" if durable else "off"
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync={fsync} -c max_connections=200"
    run(programs / "pg_ctl", "start", "--wait", "-D", data, "-l", folder / "log", "-o", options, folder=folder)

    def stop() -> None:
        run(programs / "pg_ctl", "stop", "--wait", "--mode=immediate", "-D", data, folder=folder)
        shutil.rmtree(folder)

    atexit.register(stop)
    return f"postgresql://{USER}@{quote(str(folder), safe='')}"


def restart() -> None:
    """Stop the server as a crash would, and start it again."""
    server()
    folder = Path(_folder(False))
    programs, data = binaries(), folder / "data"
    run(programs / "pg_ctl", "restart", "--wait", "--mode=immediate", "-D", data, "-l", folder / "log", folder=folder)


def database(name: str, *, durable: bool = False) -> str:
    """The URL of a new, empty database of this name, in place of an older one; see `server`."""
    at = server(durable=durable)
    with connect(f"{at}/postgres") as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return f"{at}/{name}"


def connect(url: str) -> "psycopg.Connection[tuple[Any, ...]]":
    """A connection to the database at the URL, on which each statement commits by itself."""
    needs.library("psycopg")
    import psycopg

    return psycopg.connect(url, autocommit=True)


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    """The rows of a SELECT."""
    with connect(url) as connection:
        return list(connection.execute(statement.encode()).fetchall())


def truncate(url: str) -> None:
    """Empty every table of the schema."""
    with connect(url) as connection:
        tables = "accounts, keys, tasks, ledger, lane_counts, period_counts, idempotency_keys, counted_submits, workers, probe"
        tables += ", secrets, rate_buckets, refused_submits, stage_times, webhook_endpoints, webhook_secrets, webhook_deliveries, sessions"
        connection.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE".encode())
        connection.execute("ALTER SEQUENCE turns RESTART")


def shared_database() -> str:
    """The URL of a database that all tests of this process share, with every table empty."""
    url = _first_database()
    truncate(url)
    return url


@lru_cache(maxsize=1)
def _first_database() -> str:
    from wanserve.store.postgres.database import PostgresDatabase

    url = database("wanserve")
    with closing(PostgresDatabase(url)):
        return url
