"""Knows how an answer goes out: JSON, with the request's id, never to be cached."""

from collections.abc import Iterable

import pydantic_core
from starlette.types import Send

from wanserve.http.dialects.base import Json


async def send_json(
    send: Send, status: int, body: Json, request_id: str, headers: Iterable[tuple[str, str]] = ()
) -> None:
    """Send one JSON answer, not to be cached: a poll's answer is old at once."""
    content = pydantic_core.to_json(body)
    start = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-request-id", request_id.encode()),
        *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers),
    ]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": content})
