"""Knows how a request's body comes in: whole, within a size, and within a time."""

import asyncio
from typing import Final

from starlette.types import Receive

from wanserve.domain.errors import InvalidRequest
from wanserve.http.dialects.base import MAX_BODY_BYTES, BodyTooLarge

MAX_DISCARDED_BYTES: Final = 16 * 1024 * 1024
"""A body that is too long is read on and thrown away, up to here: a client that still sends would hear no answer."""

BODY_SECONDS: Final = 30.0
"""How long a body may take. Who is slower than this with a few hundred kilobytes has gone, or means harm."""


async def read_body(receive: Receive, seconds: float = BODY_SECONDS) -> bytes:
    """The whole body. Raises InvalidRequest where it is longer than MAX_BODY_BYTES, breaks off, or comes too slowly."""
    try:
        async with asyncio.timeout(seconds):
            return await _whole(receive)
    except TimeoutError as error:
        raise InvalidRequest("body", f"did not come within {seconds:g} s") from error


async def _whole(receive: Receive) -> bytes:
    chunks, size, more = [], 0, True
    while more and size <= MAX_DISCARDED_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise InvalidRequest("body", "ended before it was whole")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= MAX_BODY_BYTES:
            chunks.append(chunk)
        more = message.get("more_body", False)
    if size > MAX_BODY_BYTES:
        raise BodyTooLarge
    return b"".join(chunks)
