"""Reads the body and the query of a request, within limits of size, memory and time."""

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
MAX_QUERY_PARAMETERS: Final = 100
EMPTY_QUERY: Final = QueryParams()
"""Shared: to parse an empty query takes as long as to look a task up."""

MAX_DISCARDED_BYTES: Final = 16 * 1024 * 1024
"""How much of a refused body is read and discarded. A client that is still sending would not see the answer otherwise."""

BODY_SECONDS: Final = 30.0
"""How long a body of a few hundred kilobytes may take to arrive."""

DISCARD_SECONDS: Final = 5.0
DISCARD_IDLE_SECONDS: Final = 1.0
"""How long the body of a refused request may take in all, and between two chunks."""

MAX_DISCARDS: Final = 32
"""How many bodies are discarded at the same time; each takes some hundred kilobytes of socket buffers."""

MAX_MEMORY_BYTES: Final = 64 * 1024 * 1024
MAX_ACCOUNT_BYTES: Final = 16 * 1024 * 1024
"""How many bytes of bodies are in memory at the same time: of all accounts together, and of one account."""


@dataclass(slots=True)
class BodyBudget:
    """The memory and the time that bodies may take: `total` bytes of all accounts, `per_account` bytes of each.

    Not thread-safe: for the event loop's thread only.
    """

    total: int = MAX_MEMORY_BYTES
    per_account: int = MAX_ACCOUNT_BYTES
    deadlines: Deadlines = field(default_factory=lambda: Deadlines(BODY_SECONDS))
    used: int = field(default=0, init=False)
    _used_by_account: dict[str, int] = field(default_factory=dict, init=False)

    def reserve(self, account: str, size: int) -> bool:
        """Reserve `size` more bytes; False where that would exceed a limit."""
        used, own = self.used + size, self._used_by_account.get(account, 0) + size
        if used > self.total or own > self.per_account:
            return False
        self.used, self._used_by_account[account] = used, own
        return True

    def release(self, account: str, size: int) -> None:
        """Give `size` reserved bytes back."""
        self.used -= size
        own = self._used_by_account.pop(account) - size
        if own:
            self._used_by_account[account] = own


@dataclass(slots=True)
class BodyReader:
    """Reads one request's body. Call `read` once, and `release` when the body is no longer needed."""

    receive: Receive
    budget: BodyBudget
    account: str
    _reserved: int = field(default=0, init=False)

    async def read(self) -> bytes:
        """The complete body.

        Raises ServerBusy where the budget is used up, and InvalidRequest where the body is longer than MAX_BODY_BYTES,
        incomplete or too slow.
        """
        try:
            return await self.budget.deadlines.within(self._read_all())
        except TimeoutError as error:
            seconds = self.budget.deadlines.seconds
            raise InvalidRequest("body", f"did not come within {seconds:g} s") from error

    def release(self) -> None:
        """Return the reserved bytes to the budget."""
        if self._reserved:
            self.budget.release(self.account, self._reserved)
            self._reserved = 0

    async def _read_all(self) -> bytes:
        content, more = await self._next_chunk()
        refusal = self._reserve(content)
        if not more and not refusal:
            # The fast path: nearly every body is one chunk.
            return content
        chunks, size = [content], len(content)
        while more and size <= MAX_DISCARDED_BYTES:
            content, more = await self._next_chunk()
            size += len(content)
            # A refused body is read to its end all the same, because its client is still sending, but not kept.
            refusal = refusal or self._reserve(content)
            chunks.append(content)
            if refusal:
                chunks.clear()
                self.release()
        if refusal:
            raise refusal
        return b"".join(chunks)

    async def _next_chunk(self) -> tuple[bytes, bool]:
        """The next chunk, and whether more will follow. Raises InvalidRequest where the client has disconnected."""
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise InvalidRequest("body", "ended before it was whole")
        return message.get("body", b""), message.get("more_body", False)

    def _reserve(self, chunk: bytes) -> WanserveError | None:
        """Reserve memory for the chunk; returns the error to raise where it is too much."""
        if self._reserved + len(chunk) > MAX_BODY_BYTES:
            return BodyTooLarge()
        if not self.budget.reserve(self.account, len(chunk)):
            return ServerBusy()
        self._reserved += len(chunk)
        return None


@dataclass(slots=True)
class BodyDiscarder:
    """Reads and discards the bodies of refused requests, `limit` at the same time, so that their clients get the answer.

    A client that reads the answer only after it has sent its whole body loses it if the connection is closed meanwhile. So
    all but the last byte of the answer is sent at once, and the last byte when the body was read, within limits.
    """

    limit: int = MAX_DISCARDS
    _running: int = field(default=0, init=False)

    def wrap(self, headers: Headers, receive: Receive, send: Send) -> Send:
        """A `send` for the answer to a request whose body is not read otherwise."""
        # A client that waits for "100 Continue" sends no body once it is refused.
        if "expect" in headers or ("transfer-encoding" not in headers and headers.get("content-length", "0") == "0"):
            return send

        async def send_last_byte_later(message: Message) -> None:
            content = message.get("body", b"")
            last = message["type"] == "http.response.body" and not message.get("more_body")
            if not last or not content or self._running >= self.limit:
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

        return send_last_byte_later


async def _discard(receive: Receive) -> None:
    size, more = 0, True
    while more and size <= MAX_DISCARDED_BYTES:
        async with asyncio.timeout(DISCARD_IDLE_SECONDS):
            message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)


def read_query(raw: bytes) -> QueryParams:
    """Parse a query string. Raises InvalidRequest where it is too long or has too many parameters."""
    if not raw:
        return EMPTY_QUERY
    if len(raw) > MAX_QUERY_BYTES:
        raise InvalidRequest("query", f"must be at most {MAX_QUERY_BYTES} bytes")
    if raw.count(b"&") >= MAX_QUERY_PARAMETERS:
        raise InvalidRequest("query", f"must have at most {MAX_QUERY_PARAMETERS} parameters")
    return QueryParams(parse_qsl(raw.decode("latin-1"), keep_blank_values=True))
