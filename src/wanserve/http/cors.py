"""Cross-origin requests: which answers a script in a browser may read, and the answer to a preflight request."""

from collections.abc import Sequence
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

Raw = tuple[bytes, bytes]
"""A header as ASGI has it."""

EXPOSED: Final = (
    "accept-ranges",
    "content-disposition",
    "content-length",
    "content-range",
    "etag",
    "openai-poll-after-ms",
    "retry-after",
    "x-request-id",
    "x-should-retry",
)
"""What a script may read of an answer, besides what browsers always show."""

METHODS: Final = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
MAX_AGE_SECONDS: Final = 86_400

HEADERS: Final[Sequence[Raw]] = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", ", ".join(EXPOSED).encode()),
)
"""On every answer, also to requests without an Origin: a cache may give what it has to a browser later."""


def preflight(scope: Scope) -> Sequence[Raw] | None:
    """The headers of the answer to a preflight request; None where the request is none."""
    if scope["method"] != "OPTIONS":
        return None
    asked = Headers(scope=scope)
    if "origin" not in asked or "access-control-request-method" not in asked:
        return None
    headers = [
        ("access-control-allow-methods", METHODS),
        # By name: "*" would leave out Authorization.
        ("access-control-allow-headers", asked.get("access-control-request-headers", "*")),
        ("access-control-max-age", str(MAX_AGE_SECONDS)),
        ("content-length", "0"),
        ("vary", "Access-Control-Request-Headers, Access-Control-Request-Private-Network"),
    ]
    if asked.get("access-control-request-private-network", "").lower() == "true":
        headers.append(("access-control-allow-private-network", "true"))
    return [(name.encode(), value.encode("latin-1")) for name, value in headers]
