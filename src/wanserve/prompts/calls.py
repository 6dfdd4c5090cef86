"""Calls an OpenAI-compatible endpoint with care: no redirect, no proxy, a bounded answer, and no key in an error."""

import json
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Final

import httpx

MAX_BODY_BYTES: Final = 256 * 1024

TEMPORARY: Final = frozenset({408, 429})
"""The statuses below 500 after which another try may succeed."""


class CallFailed(Exception):
    """There is no answer. `temporary`: another try may get one. The message has nothing of the request."""

    def __init__(self, problem: str, *, temporary: bool) -> None:
        super().__init__(problem)
        self.temporary = temporary


def open_transport(limits: httpx.Limits | None = None) -> httpx.AsyncHTTPTransport:
    """Connections, as an async context manager.

    A transport alone: unlike a client it follows no redirect, logs no URL and reads no environment variable.
    """
    return httpx.AsyncHTTPTransport(trust_env=False, limits=limits or httpx.Limits())


def json_request(base: str, operation: str, key: str | None, body: Mapping[str, object]) -> httpx.Request:
    """The POST of an operation, such as `chat/completions`. Raises what `httpx` raises for a URL or a key that is none."""
    url = httpx.URL(base)
    path = url.path.rstrip("/")
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "wanserve"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    return httpx.Request(
        "POST",
        url.copy_with(path=path if path.endswith(f"/{operation}") else f"{path}/{operation}"),
        headers=headers | {"Content-Type": "application/json"},
        content=json.dumps(body).encode(),
    )


async def call(
    transport: httpx.AsyncHTTPTransport, request: Callable[[], httpx.Request], check: Callable[[int], None]
) -> bytes:
    """Send the request and return the body of the answer. Raises CallFailed, and what `check` raises for its status."""
    # The messages of httpx's errors may quote a header, and with it the key. Only ConnectError's is safe to log.
    try:
        answer = await transport.handle_async_request(request())
        async with aclosing(answer):
            check(answer.status_code)
            return await _body(answer)
    except httpx.ConnectError as error:
        raise CallFailed(f"the endpoint cannot be reached: {error}", temporary=False) from error
    except httpx.NetworkError as error:
        raise CallFailed(f"the connection broke ({type(error).__name__})", temporary=True) from error
    except httpx.RemoteProtocolError as error:
        raise CallFailed("the connection ended before the HTTP response was complete", temporary=True) from error
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError, ExceptionGroup) as error:
        # A port above 65535 raises an ExceptionGroup. A key that is not valid in a header raises a ValueError.
        raise CallFailed(f"the request cannot be sent ({type(error).__name__})", temporary=False) from error


async def _body(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise CallFailed(f"the answer is longer than {MAX_BODY_BYTES} bytes", temporary=True)
    return bytes(body)
