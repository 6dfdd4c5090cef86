"""A real HTTP server that receives webhooks, for the tests that send some. It answers each path as it is told."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE_S = 60
"""How long a test waits for what happens elsewhere; it happens at once unless the code is wrong."""


@dataclass(frozen=True)
class Received:
    """A request as it came. The names of the headers are in small letters."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """What was received, and what is answered: by path the statuses of the next answers, then 204.

    `headers` go with every answer. While `hold` is set, a request to /hang gets no answer.
    """

    port: int = 0
    scheme: str = "http"
    statuses: dict[str, list[int]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    hold: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str = "/hook") -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    def until(self, reached: Callable[[list[Received]], bool], timeout_s: float = PATIENCE_S) -> list[Received]:
        """What was received, once it is such."""
        with self.changed:
            assert self.changed.wait_for(lambda: reached(self.received), timeout_s), self.received
            return list(self.received)

    def at(self, path: str) -> list[Received]:
        """What was received at this path."""
        with self.changed:
            return [each for each in self.received if each.path == path]


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            names = {name.lower(): value for name, value in self.headers.items()}
            with receiver.changed:
                receiver.received.append(Received(self.path, names, body))
                receiver.changed.notify_all()
                left = receiver.statuses.get(self.path, [])
                status = left.pop(0) if left else 204
            if self.path.startswith("/hang"):
                receiver.hold.wait(PATIENCE_S)
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the standard library
            """Log nothing."""

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what some tests are about."""


@contextmanager
def receiving(port: int = 0, tls: ssl.SSLContext | None = None, receiver: Receiver | None = None) -> Iterator[Receiver]:
    """A receiver for the length of a block; `receiver` is one that was there before."""
    made = receiver or Receiver()
    server = _Server(("127.0.0.1", port), _handler(made))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        made.scheme = "https"
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()
