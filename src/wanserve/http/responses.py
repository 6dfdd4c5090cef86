"""How an answer goes out: as JSON, never to be cached, or as a file."""

import asyncio
import os
import secrets
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pydantic_core
from starlette.datastructures import Headers
from starlette.types import Scope, Send

from wanserve.domain.errors import BlobNotFound
from wanserve.http.dialects.base import Json
from wanserve.http.ranges import Span, Version, not_modified, spans

CHUNK_BYTES: Final = 128 * 1024
"""So much of a file is in memory for each client that reads one."""


async def send_json(send: Send, status: int, body: Json, headers: Iterable[tuple[str, str]] = ()) -> None:
    """Send one JSON answer, not to be cached: a poll's answer is old at once."""
    content = pydantic_core.to_json(body)
    start = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"cache-control", b"no-store"),
        *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers),
    ]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": content})


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A descriptor of the file: what was opened is what is sent, whatever becomes of its name meanwhile.

    Raises BlobNotFound where there is no such file, or none that is a file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise BlobNotFound(f"there is no file {path.name}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BlobNotFound(f"{path.name} is no file")
        yield descriptor
    finally:
        os.close(descriptor)


async def send_file(
    descriptor: int, tag: str, media_type: str, scope: Scope, send: Send, headers: Iterable[tuple[str, str]] = ()
) -> None:
    """Send an open file, or what the request wants of it: nothing but the head, nothing new, or some ranges.

    `tag` is its entity tag, in quotes. Raises RangeNotSatisfiable, PreconditionFailed.
    """
    about, asked = os.fstat(descriptor), Headers(scope=scope)
    version = Version(tag, int(about.st_mtime))
    start = [("etag", tag), ("last-modified", version.modified), ("accept-ranges", "bytes"), *headers]
    if not_modified(asked, version):
        await _send_head(send, 304, start)
        await send({"type": "http.response.body", "body": b""})
        return
    # Ranges are for GET alone.
    wanted = spans(asked, version, about.st_size) if scope["method"] == "GET" else None
    parts = wanted or [(0, about.st_size)]
    status, before, after = 200, [b""], b""
    if wanted is not None:
        status = 206
        if len(wanted) == 1:
            start.append(("content-range", _content_range(wanted[0], about.st_size)))
        else:
            boundary = secrets.token_hex(16)
            before, after = _between(wanted, about.st_size, media_type, boundary)
            media_type = f"multipart/byteranges; boundary={boundary}"
    length = sum(map(len, before)) + sum(end - begin for begin, end in parts) + len(after)
    await _send_head(send, status, [("content-type", media_type), ("content-length", str(length)), *start])
    if scope["method"] != "HEAD":
        for head, (begin, end) in zip(before, parts, strict=True):
            await _send_span(descriptor, head, begin, end, send)
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else after})


async def _send_head(send: Send, status: int, headers: Sequence[tuple[str, str]]) -> None:
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": raw})


async def _send_span(descriptor: int, head: bytes, begin: int, end: int, send: Send) -> None:
    if head:
        await send({"type": "http.response.body", "body": head, "more_body": True})
    while begin < end:
        chunk = await asyncio.to_thread(os.pread, descriptor, min(CHUNK_BYTES, end - begin), begin)
        if not chunk:
            raise EOFError("the file became shorter while it was sent")
        begin += len(chunk)
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


def _between(wanted: Sequence[Span], size: int, media_type: str, boundary: str) -> tuple[list[bytes], bytes]:
    """What stands before each of several ranges, and after the last."""
    heads = [
        f"\r\n--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {_content_range(span, size)}\r\n\r\n".encode()
        for span in wanted
    ]
    return [heads[0].removeprefix(b"\r\n"), *heads[1:]], f"\r\n--{boundary}--\r\n".encode()


def _content_range(span: Span, size: int) -> str:
    return f"bytes {span[0]}-{span[1] - 1}/{size}"
