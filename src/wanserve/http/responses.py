"""Sends answers: JSON that must not be cached, or a file with conditions and ranges."""

import asyncio
import os
import secrets
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import pydantic_core
from starlette.datastructures import Headers
from starlette.types import Scope, Send

from wanserve.domain.blobs import RemoteFile
from wanserve.domain.errors import BlobNotFound
from wanserve.http.dialects.base import JsonObject
from wanserve.http.ranges import ByteRange, Validators, not_modified, requested_ranges
from wanserve.http.runners import Runner

CHUNK_BYTES: Final = 128 * 1024
"""How much of a file is in memory for each client that downloads one."""

REMOTE_CHUNK_BYTES: Final = 1024 * 1024
"""The same for a file of another machine, from which each chunk is a request: a slow client keeps no connection busy."""


async def send_json(send: Send, status: int, body: JsonObject, headers: Iterable[tuple[str, str]] = ()) -> None:
    """Send a JSON answer, with `Cache-Control: no-store`."""
    content = pydantic_core.to_json(body)
    start = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"cache-control", b"no-store"),
        *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers),
    ]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": content})


class OpenFile(Protocol):
    """A file that is open for reading: its size, and the time of its last write in seconds since 1970."""

    @property
    def size_bytes(self) -> int:
        """How long it is."""

    @property
    def modified_s(self) -> int:
        """When it was last written."""

    async def read(self, begin: int, end: int) -> bytes:
        """Bytes from `begin` on, as many as are well read at a time, and none from `end` on. Empty: the file was cut."""


@dataclass(frozen=True, slots=True)
class LocalFileReader:
    """An OpenFile of this machine. Its descriptor stays valid if the file is deleted meanwhile."""

    descriptor: int
    size_bytes: int
    modified_s: int

    async def read(self, begin: int, end: int) -> bytes:
        """See OpenFile."""
        return await asyncio.to_thread(os.pread, self.descriptor, min(CHUNK_BYTES, end - begin), begin)


@dataclass(frozen=True, slots=True)
class RemoteFileReader:
    """An OpenFile of another machine. Nothing stays open: a file that is deleted meanwhile cannot be read on."""

    file: RemoteFile
    run: Runner

    @property
    def size_bytes(self) -> int:
        """See OpenFile."""
        return self.file.size_bytes

    @property
    def modified_s(self) -> int:
        """See OpenFile."""
        return self.file.modified_s

    async def read(self, begin: int, end: int) -> bytes:
        """See OpenFile. Raises BlobNotFound, BlobUnavailable."""
        return await self.run(partial(self.file.read, begin, min(begin + REMOTE_CHUNK_BYTES, end)))


@contextmanager
def open_file(path: Path) -> Iterator[LocalFileReader]:
    """Open a regular file of this machine for reading. Raises BlobNotFound."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise BlobNotFound(f"there is no file {path.name}") from error
    try:
        file = os.fstat(descriptor)
        if not stat.S_ISREG(file.st_mode):
            raise BlobNotFound(f"{path.name} is no file")
        yield LocalFileReader(descriptor, file.st_size, int(file.st_mtime))
    finally:
        os.close(descriptor)


async def send_file(
    file: OpenFile, etag: str, media_type: str, scope: Scope, send: Send, headers: Iterable[tuple[str, str]] = ()
) -> None:
    """Send an open file as the request asks for it: whole, its headers only (HEAD), 304, or ranges of it.

    `etag` is its entity tag, in quotes. Raises RangeNotSatisfiable, PreconditionFailed, and what `file.read` raises.
    """
    request_headers = Headers(scope=scope)
    validators = Validators(etag, file.modified_s)
    start = [("etag", etag), ("last-modified", validators.modified), ("accept-ranges", "bytes"), *headers]
    if not_modified(request_headers, validators):
        await _send_head(send, 304, start)
        await send({"type": "http.response.body", "body": b""})
        return
    # Range is defined for GET only.
    ranges = requested_ranges(request_headers, validators, file.size_bytes) if scope["method"] == "GET" else None
    parts = ranges or [(0, file.size_bytes)]
    status, before, after = 200, [b""], b""
    if ranges is not None:
        status = 206
        if len(ranges) == 1:
            start.append(("content-range", _content_range(ranges[0], file.size_bytes)))
        else:
            boundary = secrets.token_hex(16)
            before, after = _multipart_delimiters(ranges, file.size_bytes, media_type, boundary)
            media_type = f"multipart/byteranges; boundary={boundary}"
    length = sum(map(len, before)) + sum(end - begin for begin, end in parts) + len(after)
    await _send_head(send, status, [("content-type", media_type), ("content-length", str(length)), *start])
    if scope["method"] != "HEAD":
        for head, (begin, end) in zip(before, parts, strict=True):
            await _send_range(file, head, begin, end, send)
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else after})


async def send_redirect(send: Send, url: str) -> None:
    """Send the client to another URL for this once (302)."""
    await _send_head(send, 302, [("location", url), ("content-length", "0"), ("cache-control", "no-store")])
    await send({"type": "http.response.body", "body": b""})


async def _send_head(send: Send, status: int, headers: Sequence[tuple[str, str]]) -> None:
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": raw})


async def _send_range(file: OpenFile, head: bytes, begin: int, end: int, send: Send) -> None:
    if head:
        await send({"type": "http.response.body", "body": head, "more_body": True})
    while begin < end:
        chunk = await file.read(begin, end)
        if not chunk:
            raise EOFError("the file became shorter while it was sent")
        begin += len(chunk)
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


def _multipart_delimiters(
    ranges: Sequence[ByteRange], size: int, media_type: str, boundary: str
) -> tuple[list[bytes], bytes]:
    """The text before each part of a multipart/byteranges answer, and the one after the last part."""
    heads = [
        f"\r\n--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {_content_range(part, size)}\r\n\r\n".encode()
        for part in ranges
    ]
    return [heads[0].removeprefix(b"\r\n"), *heads[1:]], f"\r\n--{boundary}--\r\n".encode()


def _content_range(part: ByteRange, size: int) -> str:
    return f"bytes {part[0]}-{part[1] - 1}/{size}"
