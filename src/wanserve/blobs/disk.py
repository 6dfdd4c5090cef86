"""A blob store on a disk. A file is synced and then renamed into place, so that none is lost or half written."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wanserve.blobs.keys import OWNER, parts_of
from wanserve.domain.blobs import Download, LocalFile
from wanserve.domain.errors import BlobNotFound, BlobUnavailable
from wanserve.machine.fsync import sync, write_once

ROOM_BYTES: Final = 64_000_000
"""The free bytes that are needed to start a task: for a 1080p clip, and for the database's writes meanwhile."""

ROOM_FILES: Final = 32
"""The free inodes that are needed to start a task: for a few videos, their folders, and the database's files."""

# No key may contain this letter, so a name with it is never a stored file.
_UNFINISHED = "~"

# How often a folder is made again that a delete has removed meanwhile, before that counts as a broken disk.
_MOVES = 10

_GONE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}


@dataclass(frozen=True, slots=True)
class DiskBlobs:
    """Files under one folder, named by their keys. A `BlobStore` that several processes may share."""

    root: Path

    def put(self, key: str, source: Path, download: Download | None = None) -> None:  # noqa: ARG002 - it sends nothing
        """Store the file at `source` under `key`, and remove the source; an earlier file is replaced. See BlobStore.

        Raises ValueError where `key` is not a valid key. Raises BlobUnavailable, and leaves the source, where the
        file cannot be stored.
        """
        target = self._path(key)
        if target is None:
            raise ValueError(f"not a key: {key!r}")
        with _disk_errors(f"cannot store {key}"):
            sync(source)
            copied = _move(source, target)
            try:
                self._sync_folders(target)
            except OSError:
                if copied:
                    target.unlink()
                else:
                    target.replace(source)
                raise
            if copied:
                source.unlink()

    def locate(self, key: str) -> LocalFile:
        """Where the file is. Raises BlobNotFound, also where `key` is not a valid key."""
        path = self._path(key)
        with _disk_errors(f"cannot read {key!r}"):
            if path is None or not _is_file(path):
                raise BlobNotFound(f"no file is stored as {key!r}")
        return LocalFile(path)

    def delete(self, key: str) -> None:
        """Delete the file, and the folders that this leaves empty. A file that does not exist is not an error.

        Raises ValueError where `key` is not a valid key, and BlobUnavailable.
        """
        path = self._path(key)
        if path is None:
            raise ValueError(f"not a key: {key!r}")
        with _disk_errors(f"cannot delete {key}"):
            if not _is_file(path):
                return
            path.unlink(missing_ok=True)
            _unfinished(path).unlink(missing_ok=True)
        with suppress(OSError):
            for folder in self._folders(path):
                if folder != self.root:
                    folder.rmdir()

    def keys(self) -> Iterator[str]:
        """Every stored key, in any order, without unfinished files. Raises BlobUnavailable."""
        with _disk_errors("cannot list the files"):
            for folder, _, names in os.walk(self.root, onerror=_raise_unless_gone):
                keys = (Path(folder, name).relative_to(self.root).as_posix() for name in names)
                yield from (key for key in keys if self._path(key) is not None)

    def owner(self, database_id: str) -> str:
        """See BlobStore."""
        path = self.root / OWNER
        with _disk_errors(f"cannot use {path}"):
            if not path.exists():
                self.root.mkdir(parents=True, exist_ok=True)
                write_once(path, database_id.encode())
            return path.read_text(encoding="ascii", errors="replace").strip()

    def problem(self) -> str | None:
        """See BlobStore."""
        try:
            disk = os.statvfs(self.root)
        except FileNotFoundError:
            # The next file makes it again.
            return None if self.root.parent.is_dir() else f"{self.root.parent} is gone"
        except OSError as error:
            return f"{self.root} cannot be examined: {error.strerror}"
        free = disk.f_bavail * disk.f_frsize
        if free < ROOM_BYTES:
            return (
                f"the disk of {self.root} has {free // 1_000_000} MB free, and {ROOM_BYTES // 1_000_000} MB are needed"
            )
        # Some file systems create inodes as needed, and report a total of none.
        if disk.f_files and disk.f_favail < ROOM_FILES:
            return f"the disk of {self.root} has room for {disk.f_favail} more files, and {ROOM_FILES} are needed"
        # This finds a disk that is mounted read-only; root has every permission.
        return None if os.access(self.root, os.W_OK | os.X_OK) else f"{self.root} cannot be written to"

    def _path(self, key: str) -> Path | None:
        """The path of the key's file; None where `key` is not a valid key, such as one that leads out of the root."""
        parts = parts_of(key)
        return None if parts is None else self.root.joinpath(*parts)

    def _folders(self, path: Path) -> Iterator[Path]:
        """The folders from the file's folder up to the root."""
        for folder in path.parents:
            yield folder
            if folder == self.root:
                return

    def _sync_folders(self, path: Path) -> None:
        """Make the file's name durable, and the names of the folders above it.

        Folders that exist already are synced too: another process may have made one and not have synced it yet.
        """
        for folder in self._folders(path):
            sync(folder)


def _move(source: Path, target: Path) -> bool:
    """Move the file into place in one step. True where it had to be copied, and the source still exists."""
    for tries_left in reversed(range(_MOVES)):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
        except (FileNotFoundError, FileExistsError):
            # A delete in another process may have removed the empty folder meanwhile.
            if not tries_left or not source.exists():
                raise
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy(source, target)
            return True
        else:
            break
    return False


def _copy(source: Path, target: Path) -> None:
    """Copy the file from another file system. The target's name appears once the copy is complete."""
    unfinished = _unfinished(target)
    try:
        shutil.copyfile(source, unfinished)
        sync(unfinished)
        unfinished.replace(target)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def _unfinished(target: Path) -> Path:
    return target.with_name(target.name + _UNFINISHED)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        if error.errno in _GONE:
            return False
        raise


def _raise_unless_gone(error: OSError) -> None:
    """Ignore that a delete removed the folder while it was listed: it was empty."""
    if error.errno not in _GONE:
        raise error


@contextmanager
def _disk_errors(what: str) -> Iterator[None]:
    """Turn the errors of the file system into BlobUnavailable, with the reason."""
    try:
        yield
    except OSError as error:
        raise BlobUnavailable(f"{what}: {error.strerror or error}") from error
