"""Locks a data directory, so that only one server uses it. The kernel releases the lock when the process ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from wanserve.domain.errors import SetupError


def lock_file(data_dir: Path) -> Path:
    """The file that is locked. It is not deleted when the process ends."""
    return data_dir / "lock"


@contextmanager
def lock_data_dir(data_dir: Path) -> Iterator[None]:
    """Within the block, reserve the data directory for this server. Raises SetupError where another server uses it."""
    with _try_lock(data_dir) as lock:
        if lock is None:
            raise SetupError(f"another wanserve serves {data_dir}: stop it, or give another --data-dir")
        # The process id is for people who look into the file; no program reads it.
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


@contextmanager
def lock_for_migration(data_dir: Path) -> Iterator[None]:
    """Within the block, keep every server out of the data directory. Raises SetupError where a server uses it."""
    with _try_lock(data_dir) as lock:
        if lock is None:
            raise SetupError(
                f"the database in {data_dir} needs to be migrated, and a wanserve that may be older serves it:"
                " start that server again with this version first"
            )
        yield


@contextmanager
def _try_lock(data_dir: Path) -> Iterator[TextIO | None]:
    """Lock the file within the block. Yields the open file, or None where another process has locked it."""
    with lock_file(data_dir).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            locked = True
        except BlockingIOError:
            locked = False
        yield file if locked else None
