"""CORS: the headers that let scripts in a browser read our answers, and the answer to a preflight request."""

from collections.abc import Sequence
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

RawHeader = tuple[bytes, bytes]
"""A header as ASGI has it."""

EXPOSED: Final = (
    "accept-ranges",
    "content-disposition",
    "content-length",
    "content-range",
    "etag",
    "openai-poll-after-ms",
    "retry-after",
    "wanserve-place",
    "wanserve-seconds-left",
    "wanserve-stage",
    "wanserve-step",
    "x-request-id",
    "x-should-retry",
)
"""The response headers that a script may read, besides those that browsers always expose."""

METHODS: Final = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
MAX_AGE_SECONDS: Final = 86_400

HEADERS: Final[Sequence[RawHeader]] = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", ", ".join(EXPOSED).encode()),
)
"""On every answer, also to a request without an Origin: a cache may serve that answer to a browser later."""


def preflight(scope: Scope) -> Sequence[RawHeader] | None:
    """The response headers for a preflight request; None for any other request."""
    if scope["method"] != "OPTIONS":
        return None
    requested = Headers(scope=scope)
    if "origin" not in requested or "access-control-request-method" not in requested:
        return None
    headers = [
        ("access-control-allow-methods", METHODS),
        # Echoed by name, because "*" does not include Authorization.
        ("access-control-allow-headers", requested.get("access-control-request-headers", "*")),
        ("access-control-max-age", str(MAX_AGE_SECONDS)),
        ("content-length", "0"),
        ("vary", "Access-Control-Request-Headers, Access-Control-Request-Private-Network"),
    ]
    if requested.get("access-control-request-private-network", "").lower() == "true":
        headers.append(("access-control-allow-private-network", "true"))
    return [(name.encode(), value.encode("latin-1")) for name, value in headers]
