"""Knows who has a data directory: one server at a time, by a lock that is the kernel's and ends with its process."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from wanserve.domain.errors import SetupError


def lock_file(data_dir: Path) -> Path:
    """The file that is locked; it stays where it is when its process ends."""
    return data_dir / "lock"


@contextmanager
def owned(data_dir: Path) -> Iterator[None]:
    """Hold the data directory for this process alone. Raises SetupError where another server has it."""
    with _lock(data_dir) as lock:
        if lock is None:
            raise SetupError(f"another wanserve serves {data_dir}: stop it, or give another --data-dir")
        # For people who look; nothing reads it.
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


@contextmanager
def unserved(data_dir: Path) -> Iterator[None]:
    """Keep every server out of the data directory while its schema changes. Raises SetupError where one has it."""
    with _lock(data_dir) as lock:
        if lock is None:
            raise SetupError(
                f"the database in {data_dir} needs to be migrated, and a wanserve that may be older serves it:"
                " start that server again with this version first"
            )
        yield


@contextmanager
def _lock(data_dir: Path) -> Iterator[TextIO | None]:
    """The lock's file while this process has it, or None where another process does."""
    with lock_file(data_dir).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours = True
        except BlockingIOError:
            ours = False
        yield file if ours else None
