"""A server on loopback that answers each request as the test has written it down, and notes what it was asked."""

import json
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """An answer: its parts are sent one after another, and then the connection is closed.

    `drop`: it is closed before anything is sent. `length`: what Content-Length says, None for the true one, -1 for no such header.
    """

    status: int = 200
    parts: tuple[bytes, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    drop: bool = False
    before: threading.Event | None = None
    """It is sent once this is set."""


DROP = Reply(drop=True)


def reply(body: object, status: int = 200, **headers: str) -> Reply:
    """An answer of JSON."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, (json.dumps(body).encode(),), named)


def refuse(status: int, code: str = "c", message: str = "no", **headers: str) -> Reply:
    """An error of the server."""
    return reply({"error": {"message": message, "type": "t", "param": None, "code": code}}, status, **headers)


def stream(*parts: bytes) -> Reply:
    """A stream of events that ends after its parts."""
    return Reply(200, (b"retry: 20\n\n", *parts), {"Content-Type": "text/event-stream; charset=utf-8"}, length=-1)


@dataclass(frozen=True)
class Asked:
    """A request that came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Script:
    """What is answered to each method and path, in this order; the last answer is repeated. `asked` is what came in."""

    url: str = ""
    replies: dict[tuple[str, str], deque[Reply]] = field(default_factory=lambda: defaultdict(deque))
    asked: list[Asked] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def on(self, method: str, path: str, *replies: Reply) -> None:
        """Write down the answers to this method and path, which is without its query."""
        self.replies[method, path].extend(replies)

    def take(self, asked: Asked) -> Reply:
        """Note a request, and the answer to it."""
        with self.lock:
            self.asked.append(asked)
            waiting = self.replies[asked.method, asked.path.partition("?")[0]]
            if not waiting:
                return refuse(404, "not_found", f"nothing is written down for {asked.method} {asked.path}")
            return waiting.popleft() if len(waiting) > 1 else waiting[0]

    def of(self, method: str, end: str = "") -> list[Asked]:
        """The requests of this method whose path has this end."""
        return [asked for asked in self.asked if asked.method == method and asked.path.endswith(end)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        headers = {name.lower(): value for name, value in self.headers.items()}
        given = self.server.script.take(Asked(self.command, self.path, headers, body))
        self.close_connection = True
        if given.before is not None:
            given.before.wait(30)
        if given.drop:
            return
        self.send_response(given.status)
        for name, value in ({"Content-Type": "application/json"} | given.headers).items():
            self.send_header(name, value)
        if given.length != -1:
            self.send_header("Content-Length", str(given.length or sum(map(len, given.parts))))
        self.send_header("Connection", "close")
        self.end_headers()
        for part in given.parts:
            self.wfile.write(part)
            self.wfile.flush()

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def do_DELETE(self) -> None:
        self.answer()

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        script.url = f"http://127.0.0.1:{self.server_port}"


@contextmanager
def scripted(written: Script | None = None) -> Iterator[Script]:
    """A server with an empty script, or with this one."""
    script = written or Script()
    with _Server(script) as server:
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
        thread.start()
        try:
            yield script
        finally:
            server.shutdown()
            thread.join()
