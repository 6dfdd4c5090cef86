"""HTTP as bytes, for what no client library sends."""

import http.client
import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx

from tests.e2e.server import Server


@dataclass(frozen=True)
class Said:
    """One answer. Header names are in lower case; one that came twice is joined by commas."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's value."""
        return json.loads(self.body)


def connect(server: Server) -> socket.socket:
    """A connection to the server."""
    url = httpx.URL(server.url)
    assert url.port
    return socket.create_connection((url.host, url.port), timeout=60)


def ask(
    server: Server,
    method: str,
    target: str,
    *headers: tuple[str, str | bytes],
    body: bytes = b"",
    host: str | bytes | None = "x",
) -> Said:
    """One request, sent as it is written: nothing is encoded, added or checked but Host and Content-Length."""
    sent = [f"{method} {target} HTTP/1.1\r\n".encode("latin-1")]
    named = [] if host is None else [("Host", host)]
    for name, value in (*named, *headers, ("Content-Length", str(len(body))), ("Connection", "close")):
        sent.append(name.encode() + b": " + (value if isinstance(value, bytes) else value.encode("latin-1")) + b"\r\n")
    with connect(server) as client:
        with suppress(OSError):
            client.sendall(b"".join(sent) + b"\r\n" + body)
        answer = http.client.HTTPResponse(client, method=method)
        answer.begin()
        content = answer.read()
    headers_said: dict[str, str] = {}
    for name, value in answer.getheaders():
        known = headers_said.get(name.lower())
        headers_said[name.lower()] = value if known is None else f"{known}, {value}"
    return Said(answer.status, headers_said, content)
