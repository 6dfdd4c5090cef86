"""What both clients' I/O has in common: where requests go, what is sent with each, and what an error of httpx2 means."""

import json
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx2

from wanserve.client.address import checked_address
from wanserve.client.answers import Answer
from wanserve.client.errors import InvalidRequest, ServerUnreachable, WanError
from wanserve.client.requests import Request

RETRY_SECONDS: Final = 60.0
"""For how long a request is sent again unless the caller says otherwise: a server that restarts takes less."""

CONNECT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Target:
    """The server and the key."""

    url: str
    key: str

    @classmethod
    def at(cls, url: str | None, key: str | None) -> Self:
        """The server and the key as given, else as the environment has them. Raises ServerUnreachable, InvalidKey."""
        return cls(*checked_address(url, key))

    def call(self, request: Request, seconds: float) -> dict[str, Any]:
        """The arguments of httpx2's `stream` for a request of which nothing may take longer than these seconds."""
        headers = {"User-Agent": "wanserve-client", **request.headers}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        content = None
        if request.body is not None:
            headers["Content-Type"] = "application/json"
            # In ASCII, so that half a surrogate pair, which UTF-8 cannot have, is the server's to refuse.
            content = json.dumps(request.body).encode()
        return {
            "method": request.method,
            "url": f"{self.url}{request.path}",
            "content": content,
            "headers": headers,
            "timeout": httpx2.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS)),
            # A download may lead to a bucket; httpx2 does not send the key to another server.
            "follow_redirects": request.method == "GET",
        }


def head_of(response: httpx2.Response) -> Answer:
    """An answer without its content."""
    return Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()})


def problem_of(error: Exception, target: Target) -> WanError:
    """What an error of httpx2 means. Only ServerUnreachable may go away by itself."""
    problem: WanError
    if isinstance(error, httpx2.LocalProtocolError | httpx2.InvalidURL | httpx2.UnsupportedProtocol):
        problem = InvalidRequest(400, f"this cannot be sent: {error}")
    else:
        problem = ServerUnreachable(f"the request to {target.url} failed: {str(error) or type(error).__name__}")
    problem.__cause__ = error
    return problem
