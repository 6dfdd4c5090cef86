"""The whole application in this process, asked as the HTTP server would ask it; and what may be sent to it."""

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message

from tests.fuzz.budget import EXTENT, FIXED_EXAMPLES, FRESH_SECONDS, SEED
from wanserve.blobs.links import LinkSigner

PARSERS = 10
"""How many tests share the time."""

HANG_MS = 10_000
FILE = b"a video of some bytes" * 100

any_text = st.text(st.characters(exclude_categories=()))
"""Half surrogate pairs too, which a JSON escape can bring."""

any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)
header_bytes = st.binary(max_size=300).map(lambda sent: bytes(byte for byte in sent if byte not in b"\0\r\n"))


@dataclass(frozen=True)
class Answer:
    """What the application answered."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes


@dataclass
class Application:
    """The whole application in this process, with one account, one stored video, and a count of what was asked."""

    app: ASGIApp
    runner: asyncio.Runner
    key: str
    link_key: str
    signer: LinkSigner
    asked: int = 0

    def ask(
        self, method: str, path: str, body: bytes = b"", query: str = "", headers: Mapping[str, bytes] | None = None
    ) -> Answer:
        """One request, as the HTTP server would hand it over."""
        sent = {"host": b"x", "ocp-apim-subscription-key": self.key.encode()} | dict(headers or {})
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "http",
            "method": method,
            "path": path,
            "raw_path": quote(path.encode("utf-8", "surrogatepass")).encode(),
            "root_path": "",
            "query_string": query.encode("utf-8", "replace"),
            "headers": [(name.lower().encode(), value) for name, value in sent.items()],
        }
        said: list[Message] = []
        told = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Message:
            return next(told, {"type": "http.disconnect"})

        async def send(message: Message) -> None:
            said.append(message)

        async def whole() -> None:
            await self.app(scope, receive, send)

        self.asked += 1
        self.runner.run(whole())
        content = b"".join(message.get("body", b"") for message in said[1:])
        return Answer(said[0]["status"], dict(said[0]["headers"]), content)


def hammer(strategy: st.SearchStrategy[Any], check: Callable[[Any], None]) -> None:
    """Check the fixed examples, or fresh ones until this test's share of `make fuzz` is over."""
    fresh = FRESH_SECONDS > 0
    held = settings(
        max_examples=FIXED_EXAMPLES,
        deadline=HANG_MS if fresh else None,
        database=None,
        derandomize=not fresh,
        suppress_health_check=list(HealthCheck),
    )

    def examples(drawn: Any) -> None:
        check(drawn)

    if not fresh:
        held(given(strategy)(examples))()
        return
    ends = time.monotonic() + FRESH_SECONDS * (1 - EXTENT) / PARSERS
    for number in itertools.count(SEED):
        seed(number)(held(given(strategy)(examples)))()
        if time.monotonic() > ends:
            return


def encoded(value: object) -> bytes:
    """As JSON, in which NaN and half surrogate pairs stand as well."""
    return json.dumps(value).encode()
