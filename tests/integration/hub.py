"""A model hub on loopback: as much of the protocol as huggingface_hub asks for to list and fetch a model's files.

Large files are sent by another host name, as the real hub sends them from a content network.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

REVISION = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    host: str
    token: str | None
    begin: int

    @property
    def content(self) -> bool:
        """Whether the content network was asked, and not the hub."""
        return self.host.startswith("localhost")

    @property
    def name(self) -> str:
        """The repository's file that was asked for; empty for any other request."""
        return self.path.partition(f"/{REVISION}/")[2]


@dataclass(slots=True)
class Hub:
    """Repositories by hub id, each a folder. What a test changes of them holds from the next request on.

    `cuts` and `stalls` are bytes of a file after which, once, its connection is closed or nothing more comes. `claims`
    are sizes that the listing tells instead of the true ones, `lies` contents that are sent instead of them, and
    `refuses` are the statuses and error codes with which a repository is denied.
    """

    repositories: dict[str, Path]
    cuts: dict[str, int] = field(default_factory=dict)
    stalls: dict[str, int] = field(default_factory=dict)
    claims: dict[str, int] = field(default_factory=dict)
    lies: dict[str, bytes] = field(default_factory=dict)
    refuses: dict[str, tuple[int, str]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    stalled: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """What HF_ENDPOINT must be."""
        return f"http://127.0.0.1:{self.port}"

    def fetched(self) -> list[str]:
        """The files that were sent since the last call, by name."""
        names = sorted(one.name for one in self.asked if one.name and is_large(one.name) == one.content)
        self.asked.clear()
        return names

    def listing(self, hub_id: str) -> dict[str, Any]:
        """The repository as the hub tells of it."""
        folder = self.repositories[hub_id]
        return {
            "id": hub_id,
            "modelId": hub_id,
            "sha": REVISION,
            "siblings": [self._sibling(folder, file) for file in sorted(folder.rglob("*")) if file.is_file()],
        }

    def _sibling(self, folder: Path, file: Path) -> dict[str, Any]:
        name, content = str(file.relative_to(folder)), file.read_bytes()
        told: dict[str, Any] = {
            "rfilename": name,
            "size": self.claims.get(name, len(content)),
            "blobId": hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest(),
        }
        if is_large(name):
            told["lfs"] = {"size": told["size"], "sha256": hashlib.sha256(content).hexdigest(), "pointerSize": 134}
        return told


def is_large(name: str) -> bool:
    """Whether the hub keeps the file beside git."""
    return not name.endswith(".json")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        begin = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
        asked = Asked("GET", path, str(self.headers["Host"]), self.headers.get("Authorization"), begin)
        self.hub.asked.append(asked)
        if path.startswith("/api/models/"):
            self._tell(path.removeprefix("/api/models/").partition("/revision/")[0])
        elif not asked.name:
            self._answer(404, b"")
        elif is_large(path) and not asked.content:
            self._answer(302, b"", Location=f"http://localhost:{self.hub.port}{path}")
        else:
            self._send(asked)

    def _tell(self, hub_id: str) -> None:
        if hub_id in self.hub.refuses:
            status, code = self.hub.refuses[hub_id]
            self._answer(
                status, b"", **({"X-Error-Code": code} if code else {"X-Error-Message": "Invalid credentials"})
            )
        elif hub_id not in self.hub.repositories:
            self._answer(404, b'{"error":"Repository not found"}', **{"X-Error-Code": "RepoNotFound"})
        else:
            self._answer(200, json.dumps(self.hub.listing(hub_id)).encode())

    def _send(self, asked: Asked) -> None:
        hub_id = asked.path.removeprefix("/").partition("/resolve/")[0]
        whole = self.hub.lies.get(asked.name) or (self.hub.repositories[hub_id] / asked.name).read_bytes()
        self.send_response(206 if asked.begin else 200)
        if asked.begin:
            self.send_header("Content-Range", f"bytes {asked.begin}-{len(whole) - 1}/{len(whole)}")
        self.send_header("Content-Length", str(len(whole) - asked.begin))
        self.end_headers()
        stalls = asked.name in self.hub.stalls
        end = self.hub.stalls.pop(asked.name, None) or self.hub.cuts.pop(asked.name, None)
        self.wfile.write(whole[asked.begin : end])
        if stalls:
            self.hub.stalled.set()
            self.hub.ended.wait()
        self.close_connection = end is not None

    def _answer(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


@contextmanager
def serving(repositories: dict[str, Path]) -> Iterator[Hub]:
    """The hub, answering on a free port until the block ends."""
    hub = Hub(repositories)
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        hub.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
