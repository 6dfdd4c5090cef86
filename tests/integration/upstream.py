"""An upstream on the loopback interface, of either dialect, that misbehaves where its script says so."""

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from wanserve.domain.generation import Generation
from wanserve.domain.ports import Clip, Frame
from wanserve.media import mp4
from wanserve.models.upstream import Dialect, Upstream

KEY: Final = "a-very-secret-key-of-the-upstream"
MODEL: Final = "wan2.2-t2v-plus"
THEIR_MODEL: Final = "their-model"
ASKED: Final = Generation(MODEL, "A kitten running in the moonlight", "flowers", 64, 64, 6, 30, 7, watermark=True)


def clip_bytes(folder: Path, generation: Generation = ASKED) -> bytes:
    """A small MP4 of this generation, plain grey."""

    def frames() -> Iterator[Frame]:
        height, width = generation.height, generation.width
        for number in range(generation.frames):
            yield memoryview(bytes([40 * number % 256]) * (height * width * 3)).cast("B", (height, width, 3))

    file = folder / "made-upstream.mp4"
    mp4.write(file, Clip(frames()), replace(generation, watermark=False), {})
    content = file.read_bytes()
    file.unlink()
    return content


@dataclass(frozen=True)
class Seen:
    """A request that the stub received."""

    operation: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


@dataclass
class Remote:
    """A task of the stub."""

    id: str
    polls: int = 0
    canceled: bool = False


class Handler(BaseHTTPRequestHandler):
    """Handles the requests of one connection."""

    protocol_version = "HTTP/1.1"
    stub: "StubUpstream"

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        operation = operation_of(self.command, self.path)
        seen = Seen(operation, self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        self.stub.note(seen)
        script = self.stub.script[operation]
        reply = script.pop(0) if script else usual
        try:
            reply(self, seen)
        except OSError:
            self.close_connection = True

    def send(self, status: int, body: bytes | dict[str, Any], **headers: str) -> None:
        """Send a whole answer."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "video/mp4" if isinstance(body, bytes) else "application/json"
        self.send_response(status)
        for name, value in ({"Content_Type": kind, "Content_Length": str(len(content))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Log nothing."""


Reply = Callable[[Handler, Seen], None]


def operation_of(method: str, path: str) -> str:
    """What a request asks for, in either dialect."""
    plain = path.partition("?")[0]
    if plain.endswith("/content") or "/elsewhere/" in plain:
        return "content"
    if method == "DELETE" or plain.endswith("/cancel"):
        return "cancel"
    if method == "POST":
        return "submit"
    return "check" if plain.endswith(("/models", "/videos", "/tasks", "-8000-000000000000")) else "poll"


class QuietServer(ThreadingHTTPServer):
    """A server whose clients may go away at any moment."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing."""


@dataclass
class StubUpstream:
    """A server that makes every video at its second poll, unless `script` has a reply for the next request of that kind."""

    video: bytes
    dialect: Dialect = Dialect.OPENAI
    script: dict[str, list[Reply]] = field(default_factory=lambda: defaultdict(list))
    seen: list[Seen] = field(default_factory=list)
    tasks: dict[str, Remote] = field(default_factory=dict)
    keys: dict[str, Remote] = field(default_factory=dict)
    closed: threading.Event = field(default_factory=threading.Event)
    _arrived: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        self._server = QuietServer(("127.0.0.1", 0), type("Bound", (Handler,), {"stub": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.root = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self.closed.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def upstream(self, **changes: Any) -> Upstream:
        """This stub as an upstream."""
        made = Upstream("stub", f"{self.root}/v1", self.dialect, {MODEL: THEIR_MODEL}, KEY)
        return replace(made, **changes)

    def note(self, seen: Seen) -> None:
        with self._arrived:
            self.seen.append(seen)
            self._arrived.notify_all()

    def asked(self, operation: str) -> list[Seen]:
        """The requests of one kind."""
        with self._arrived:
            return [seen for seen in self.seen if seen.operation == operation]

    def wait_for(self, operation: str, count: int = 1) -> None:
        """Wait until so many requests of this kind have come."""

        def come() -> bool:
            return sum(seen.operation == operation for seen in self.seen) >= count

        with self._arrived:
            assert self._arrived.wait_for(come, 60), f"no {operation} came"

    def accept(self, key: str) -> Remote:
        """The task of this idempotency key, a new one where there is none."""
        if key not in self.keys:
            task = Remote(f"remote-{len(self.tasks) + 1}")
            self.keys[key] = self.tasks[task.id] = task
        return self.keys[key]

    def told(self, task: Remote, state: str, code: str = "", message: str = "", **more: Any) -> dict[str, Any]:
        """An answer about a task, in the stub's dialect; `state` is queued, in_progress, completed, failed or canceled."""
        if self.dialect is Dialect.OPENAI:
            error = {"code": code, "message": message} if code or message else None
            return {"id": task.id, "object": "video", "status": state, "error": error} | more
        theirs = {"queued": "PENDING", "in_progress": "RUNNING", "completed": "SUCCEEDED"}.get(state, state.upper())
        output = (
            {"task_id": task.id, "task_status": theirs} | ({"code": code, "message": message} if code else {}) | more
        )
        if state == "completed":
            output = {
                "video_url": f"{self.root}/v1/{task.id}/content?signature=x",
                "actual_prompt": "A kitten, extended",
            } | output
        return {"request_id": "r", "output": output}


def usual(handler: Handler, seen: Seen) -> None:
    """What a working upstream answers."""
    stub = handler.stub
    if seen.operation == "submit":
        return handler.send(200, stub.told(stub.accept(seen.headers["idempotency-key"]), "queued"))
    if seen.operation == "check":
        models = {"object": "list", "data": [{"id": THEIR_MODEL, "object": "model"}], "request_id": "r"}
        return handler.send(200, models)
    if seen.operation == "content":
        return handler.send(200, stub.video)
    task = stub.tasks[next(part for part in seen.path.split("/") if part.startswith("remote-"))]
    if seen.operation == "cancel":
        task.canceled = True
        return handler.send(200, stub.told(task, "canceled"))
    task.polls += 1
    more: dict[str, Any] = {"progress": 40} if stub.dialect is Dialect.OPENAI else {}
    return handler.send(200, stub.told(task, "completed") if task.polls > 1 else stub.told(task, "in_progress", **more))


def says(status: int, body: bytes | dict[str, Any] = b"", **headers: str) -> Reply:
    """A reply of this status; names of headers have underscores."""
    return lambda handler, _: handler.send(status, body, **headers)


def is_now(state: str, code: str = "", message: str = "", **more: Any) -> Reply:
    """A reply that the task is in this state."""

    def reply(handler: Handler, seen: Seen) -> None:
        stub = handler.stub
        if seen.operation == "submit":
            task = stub.accept(seen.headers["idempotency-key"])
        else:
            task = stub.tasks[next(part for part in seen.path.split("/") if part.startswith("remote-"))]
        handler.send(200, stub.told(task, state, code, message, **more))

    return reply


def hangs(handler: Handler, seen: Seen) -> None:
    """Send nothing until the client goes away or the stub ends."""
    handler.connection.settimeout(0.05)
    while not handler.stub.closed.is_set():
        with suppress(TimeoutError):
            if handler.connection.recv(1) == b"":
                break
    handler.close_connection = True


def drops(handler: Handler, seen: Seen) -> None:
    """Close the connection without an answer."""
    handler.close_connection = True
    handler.connection.close()


def cuts(handler: Handler, seen: Seen) -> None:
    """Send half of the video, and close the connection."""
    video = handler.stub.video
    handler.send_response(200)
    handler.send_header("Content-Type", "video/mp4")
    handler.send_header("Content-Length", str(len(video)))
    handler.end_headers()
    handler.wfile.write(video[: len(video) // 2])
    drops(handler, seen)


def drips(handler: Handler, seen: Seen) -> None:
    """Send a byte of the video from time to time, until the client goes away."""
    handler.send_response(200)
    handler.send_header("Content-Type", "video/mp4")
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    while not handler.stub.closed.wait(0.02):
        handler.wfile.write(b"x")
        handler.wfile.flush()


@contextmanager
def stub(folder: Path, dialect: Dialect = Dialect.OPENAI, generation: Generation = ASKED) -> Iterator[StubUpstream]:
    """A stub for the length of a block."""
    made = StubUpstream(clip_bytes(folder, generation), dialect)
    try:
        yield made
    finally:
        made.close()
