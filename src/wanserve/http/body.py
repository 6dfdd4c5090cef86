"""How a request's body and query come in: whole, within a size and a time, and not before the key is known."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, QueryParams
from starlette.types import Message, Receive, Send

from wanserve.domain.errors import InvalidRequest, WanserveError
from wanserve.http.deadlines import Deadlines
from wanserve.http.dialects.base import MAX_BODY_BYTES, BodyTooLarge, ServerBusy

MAX_QUERY_BYTES: Final = 8192
MAX_PARAMETERS: Final = 100
NO_QUERY: Final = QueryParams()
"""Parsing an empty query takes as long as finding the task."""

MAX_DISCARDED_BYTES: Final = 16 * 1024 * 1024
"""A body that is not wanted is read on and thrown away, up to here: a client that still sends would hear no answer."""

BODY_SECONDS: Final = 30.0
"""How long a body may take. Who is slower than this with a few hundred kilobytes has gone, or means harm."""

DISCARD_SECONDS: Final = 5.0
DISCARD_IDLE_SECONDS: Final = 1.0
"""How long a refused client may go on sending its body, and how long it may pause in it."""

MAX_DISCARDS: Final = 32
"""Bodies that are thrown away at a time; what is read of each on its way takes some hundred kilobytes."""

MAX_HELD_BYTES: Final = 64 * 1024 * 1024
MAX_HELD_BYTES_EACH: Final = 16 * 1024 * 1024
"""So many bytes of bodies are in memory at a time, and so many of one account's."""


@dataclass(slots=True)
class Bodies:
    """Counts the bytes of the bodies that are in memory: `most` of all accounts together, `each` of one.

    `deadlines` says how long one may take.

    Lives on the event loop's thread only.
    """

    most: int = MAX_HELD_BYTES
    each: int = MAX_HELD_BYTES_EACH
    deadlines: Deadlines = field(default_factory=lambda: Deadlines(BODY_SECONDS))
    held: int = field(default=0, init=False)
    _by_account: dict[str, int] = field(default_factory=dict, init=False)

    def take(self, account: str, size: int) -> bool:
        """Count `size` more bytes, unless they would be too many."""
        held, own = self.held + size, self._by_account.get(account, 0) + size
        if held > self.most or own > self.each:
            return False
        self.held, self._by_account[account] = held, own
        return True

    def give_back(self, account: str, size: int) -> None:
        """Count `size` bytes less."""
        self.held -= size
        own = self._by_account.pop(account) - size
        if own:
            self._by_account[account] = own


@dataclass(slots=True)
class Body:
    """One request's body. `read` may be called once; `forget` gives back what it counts for."""

    receive: Receive
    bodies: Bodies
    account: str
    _size: int = field(default=0, init=False)

    async def read(self) -> bytes:
        """The whole body.

        Raises ServerBusy, or InvalidRequest where it is longer than MAX_BODY_BYTES, breaks off, or comes too slowly.
        """
        try:
            return await self.bodies.deadlines.within(self._whole())
        except TimeoutError as error:
            seconds = self.bodies.deadlines.seconds
            raise InvalidRequest("body", f"did not come within {seconds:g} s") from error

    def forget(self) -> None:
        """Count the body no more."""
        if self._size:
            self.bodies.give_back(self.account, self._size)
            self._size = 0

    async def _whole(self) -> bytes:
        content, more = await self._next()
        refusal = self._keep(content)
        if not more and not refusal:
            # Nearly every body comes in one piece.
            return content
        chunks, size = [content], len(content)
        while more and size <= MAX_DISCARDED_BYTES:
            content, more = await self._next()
            size += len(content)
            # What is refused is read on, as its client still sends, and nothing of it is kept.
            refusal = refusal or self._keep(content)
            chunks.append(content)
            if refusal:
                chunks.clear()
                self.forget()
        if refusal:
            raise refusal
        return b"".join(chunks)

    async def _next(self) -> tuple[bytes, bool]:
        """The next piece, and whether there are more. Raises InvalidRequest where the client has gone."""
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise InvalidRequest("body", "ended before it was whole")
        return message.get("body", b""), message.get("more_body", False)

    def _keep(self, chunk: bytes) -> WanserveError | None:
        """Count the chunk; what is to be said where it is too much."""
        if self._size + len(chunk) > MAX_BODY_BYTES:
            return BodyTooLarge()
        if not self.bodies.take(self.account, len(chunk)):
            return ServerBusy()
        self._size += len(chunk)
        return None


@dataclass(slots=True)
class Discarder:
    """Throws away the bodies of refused requests, so that their clients hear why; `most` at a time.

    A client that hears nothing before it has sent its whole body loses the answer where the connection is closed
    meanwhile. So all but the answer's last byte goes out at once; then the body is read and thrown away, within limits.
    """

    most: int = MAX_DISCARDS
    _running: int = field(default=0, init=False)

    def around(self, headers: Headers, receive: Receive, send: Send) -> Send:
        """A `send` for an answer to a request whose body nobody reads."""
        # One that waits for "100 Continue" sends no body once it is refused.
        if "expect" in headers or ("transfer-encoding" not in headers and headers.get("content-length", "0") == "0"):
            return send

        async def held_back(message: Message) -> None:
            content = message.get("body", b"")
            last = message["type"] == "http.response.body" and not message.get("more_body")
            if not last or not content or self._running >= self.most:
                await send(message)
                return
            self._running += 1
            try:
                await send({"type": "http.response.body", "body": content[:-1], "more_body": True})
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(DISCARD_SECONDS):
                        await _discard(receive)
                await send({"type": "http.response.body", "body": content[-1:]})
            finally:
                self._running -= 1

        return held_back


async def _discard(receive: Receive) -> None:
    size, more = 0, True
    while more and size <= MAX_DISCARDED_BYTES:
        async with asyncio.timeout(DISCARD_IDLE_SECONDS):
            message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)


def read_query(raw: bytes) -> QueryParams:
    """The parameters of a query. Raises InvalidRequest where they are too long or too many, before they are parsed."""
    if not raw:
        return NO_QUERY
    if len(raw) > MAX_QUERY_BYTES:
        raise InvalidRequest("query", f"must be at most {MAX_QUERY_BYTES} bytes")
    if raw.count(b"&") >= MAX_PARAMETERS:
        raise InvalidRequest("query", f"must have at most {MAX_PARAMETERS} parameters")
    return QueryParams(parse_qsl(raw.decode("latin-1"), keep_blank_values=True))
