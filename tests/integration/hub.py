"""A model hub on the loopback interface, with what huggingface_hub needs to list and fetch files.

Large files are sent by another host name, because the real hub sends them from a content delivery network.
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
class HubRequest:
    """A request that the hub received."""

    method: str
    path: str
    host: str
    token: str | None
    begin: int

    @property
    def is_to_content_host(self) -> bool:
        """Whether the request went to the content delivery network, and not to the hub."""
        return self.host.startswith("localhost")

    @property
    def name(self) -> str:
        """The file of the repository that is requested; empty for any other request."""
        return self.path.partition(f"/{REVISION}/")[2]


@dataclass(slots=True)
class Hub:
    """The repositories by hub id, each a folder. What a test changes takes effect at the next request.

    `cut_after` and `stall_after` are numbers of bytes of a file after which the connection is closed, or nothing more
    is sent, once. `listed_sizes` are wrong sizes in the listing, `sent_instead` are wrong contents, and `refusals` are
    the statuses and error codes with which the hub refuses a repository.
    """

    repositories: dict[str, Path]
    cut_after: dict[str, int] = field(default_factory=dict)
    stall_after: dict[str, int] = field(default_factory=dict)
    listed_sizes: dict[str, int] = field(default_factory=dict)
    sent_instead: dict[str, bytes] = field(default_factory=dict)
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    requests: list[HubRequest] = field(default_factory=list)
    port: int = 0
    stalled: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """The value of HF_ENDPOINT for this hub."""
        return f"http://127.0.0.1:{self.port}"

    def fetched(self) -> list[str]:
        """The names of the files that were sent since the last call."""
        names = sorted(one.name for one in self.requests if one.name and is_large(one.name) == one.is_to_content_host)
        self.requests.clear()
        return names

    def listing(self, hub_id: str) -> dict[str, Any]:
        """The hub's description of the repository."""
        folder = self.repositories[hub_id]
        return {
            "id": hub_id,
            "modelId": hub_id,
            "sha": REVISION,
            "siblings": [self._sibling(folder, file) for file in sorted(folder.rglob("*")) if file.is_file()],
        }

    def _sibling(self, folder: Path, file: Path) -> dict[str, Any]:
        name, content = str(file.relative_to(folder)), file.read_bytes()
        entry: dict[str, Any] = {
            "rfilename": name,
            "size": self.listed_sizes.get(name, len(content)),
            "blobId": hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest(),
        }
        if is_large(name):
            entry["lfs"] = {"size": entry["size"], "sha256": hashlib.sha256(content).hexdigest(), "pointerSize": 134}
        return entry


def is_large(name: str) -> bool:
    """Whether the hub stores the file in LFS."""
    return not name.endswith(".json")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        begin = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
        request = HubRequest("GET", path, str(self.headers["Host"]), self.headers.get("Authorization"), begin)
        self.hub.requests.append(request)
        if path.startswith("/api/models/"):
            self._send_listing(path.removeprefix("/api/models/").partition("/revision/")[0])
        elif not request.name:
            self._answer(404, b"")
        elif is_large(path) and not request.is_to_content_host:
            self._answer(302, b"", Location=f"http://localhost:{self.hub.port}{path}")
        else:
            self._send(request)

    def _send_listing(self, hub_id: str) -> None:
        if hub_id in self.hub.refusals:
            status, code = self.hub.refusals[hub_id]
            self._answer(
                status, b"", **({"X-Error-Code": code} if code else {"X-Error-Message": "Invalid credentials"})
            )
        elif hub_id not in self.hub.repositories:
            self._answer(404, b'{"error":"Repository not found"}', **{"X-Error-Code": "RepoNotFound"})
        else:
            self._answer(200, json.dumps(self.hub.listing(hub_id)).encode())

    def _send(self, request: HubRequest) -> None:
        hub_id = request.path.removeprefix("/").partition("/resolve/")[0]
        whole = self.hub.sent_instead.get(request.name) or (self.hub.repositories[hub_id] / request.name).read_bytes()
        self.send_response(206 if request.begin else 200)
        if request.begin:
            self.send_header("Content-Range", f"bytes {request.begin}-{len(whole) - 1}/{len(whole)}")
        self.send_header("Content-Length", str(len(whole) - request.begin))
        self.end_headers()
        stalls = request.name in self.hub.stall_after
        end = self.hub.stall_after.pop(request.name, None) or self.hub.cut_after.pop(request.name, None)
        self.wfile.write(whole[request.begin : end])
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
    """Run a hub on a free port within the block."""
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
