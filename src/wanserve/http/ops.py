"""Tells whether the server lives and is ready, and serves the OpenAPI document with a page to read it."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Protocol

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from wanserve.http.dialects.base import EndpointNotFound, JsonObject
from wanserve.http.responses import open_file, send_file
from wanserve.http.routing import ExactRoute

_PACKAGE: Final = "fastapi_offline"
"""Carries Swagger UI: a page that fetches it from somebody's network would be blank on a closed one."""

STATIC_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
}

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><title>wanserve API</title>
<link rel="stylesheet" href="docs/static/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="docs/static/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({ url: "openapi.json", dom_id: "#page", validatorUrl: null });</script>
</body>
</html>
"""


STORE_SECONDS: Final = 3.0
"""How long the task table may take for a write before it counts as one that takes none."""

FRESH_SECONDS: Final = 1.0
"""For so long an answer about the store, and a page of metrics, serves all who ask: neither is done more often."""


@dataclass(frozen=True, slots=True)
class Static:
    """The ASGI application of the files that the documents' page loads. They are in `folder`, by their names."""

    folder: Path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send one. Raises EndpointNotFound, and what `send_file` raises."""
        name = scope["path_params"]["name"]
        media_type = STATIC_TYPES.get(Path(name).suffix)
        file = self.folder / name
        if media_type is None or not file.is_file():
            raise EndpointNotFound(f"there is no {scope['path']}")
        with open_file(file) as descriptor:
            about = os.fstat(descriptor)
            tag = f'"{about.st_mtime_ns:x}-{about.st_size:x}"'
            await send_file(descriptor, tag, media_type, scope, send)


def static_folder() -> Path:
    """Where the page's files are. The package is named, not imported: it would load FastAPI, which nothing here needs."""
    found = find_spec(_PACKAGE)
    assert found, f"{_PACKAGE} is installed with wanserve"
    assert found.origin
    return Path(found.origin).with_name("static")


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """One worker, as `/readyz/workers` tells of it.

    `problem` says why it makes no videos now, where it does not; `unloadable` are the models that did not load at the
    last try, each with the reason.
    """

    device: str
    loaded: bool
    problem: str | None
    unloadable: Mapping[str, str] = field(default_factory=dict)


class MetricsPage(Protocol):
    """Gives Prometheus's page; it reads the task table."""

    def __call__(self, *, ready: bool, workers_ready: bool) -> bytes:
        """The page, with the two verdicts in it."""


@dataclass(slots=True)
class Ops:
    """What the routes need to know: the engine and why it was chosen, the workers, whether the store is writable.

    `stopping` says whether this process was told to stop.
    """

    engine: str
    why: str
    workers: Callable[[], Sequence[WorkerHealth]]
    check_writable: Callable[[], None]
    stopping: Callable[[], bool]
    metrics: MetricsPage
    document: JsonObject
    store_s: float = STORE_SECONDS
    _checking: asyncio.Future[None] | None = field(default=None, init=False)
    _checked: tuple[float, str] | None = field(default=None, init=False)
    _page: tuple[float, bytes] | None = field(default=None, init=False)
    _paging: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _thread: Executor = field(
        # Of its own: what is asked about the server's health waits for no request of a client.
        default_factory=lambda: ThreadPoolExecutor(2, "health"),
        init=False,
    )

    def routes(self) -> list[BaseRoute]:
        """Every route of this module, each for GET and HEAD."""
        pages = {
            "/": self.home,
            "/healthz": self.healthz,
            "/readyz": self.readyz,
            "/readyz/workers": self.readyz_workers,
            "/metrics": self.metrics_page,
            "/openapi.json": self.openapi,
            "/docs": self.docs,
        }
        served: dict[str, Callable[..., object]] = {**pages, "/docs/static/{name}": Static(static_folder())}
        return [ExactRoute(path, page, methods=["GET", "HEAD"]) for path, page in served.items()]

    async def home(self, request: Request) -> Response:
        """A browser that comes to the root is shown the documents."""
        # Relative, as are the page's own links: a proxy may serve all this under a path of its own.
        return RedirectResponse("docs")

    async def healthz(self, request: Request) -> Response:
        """200 while the process answers at all."""
        return JSONResponse({"status": "alive"})

    async def readyz(self, request: Request) -> Response:
        """200 while this process would accept and answer the next request, else 503; the body says what is missing."""
        store = await self._store()
        ready = store == "ok" and not self.stopping()
        status = "stopping" if self.stopping() else "ready" if ready else "not ready"
        return JSONResponse({"status": status, "store": store}, 200 if ready else 503)

    async def readyz_workers(self, request: Request) -> Response:
        """200 while a worker of this process would make the next task, else 503; the body says what is missing."""
        workers = self.workers()
        ready = self._workers_ready(workers)
        body = {
            "status": "ready" if ready else "not ready" if workers else "this process has no workers",
            "engine": {"name": self.engine, "why": self.why},
            "workers": [
                {
                    "device": worker.device,
                    "loaded": worker.loaded,
                    "problem": worker.problem,
                    "unloadable": dict(worker.unloadable),
                }
                for worker in workers
            ],
        }
        return JSONResponse(body, 200 if ready else 503)

    def _workers_ready(self, workers: Sequence[WorkerHealth]) -> bool:
        return not self.stopping() and any(worker.problem is None for worker in workers)

    async def _store(self) -> str:
        """How the task table takes a write: "ok", or what is wrong with it."""
        if self._checked is not None and time.monotonic() - self._checked[0] < FRESH_SECONDS:
            return self._checked[1]
        # A write waits for the disk: not on the event loop. And one that hangs is not joined by a second.
        if self._checking is None or self._checking.done():
            self._checking = asyncio.get_running_loop().run_in_executor(self._thread, self.check_writable)
        await asyncio.wait({self._checking}, timeout=self.store_s)
        if not self._checking.done():
            return f"the task table took no write for {self.store_s:g} s"
        error = self._checking.exception()
        says = "ok" if error is None else str(error)
        self._checked = time.monotonic(), says
        return says

    async def metrics_page(self, request: Request) -> Response:
        """What the server counts, for Prometheus."""
        ready = await self._store() == "ok" and not self.stopping()
        async with self._paging:
            if self._page is None or time.monotonic() - self._page[0] >= FRESH_SECONDS:
                page = partial(self.metrics, ready=ready, workers_ready=self._workers_ready(self.workers()))
                content = await asyncio.get_running_loop().run_in_executor(self._thread, page)
                self._page = time.monotonic(), content
            return Response(self._page[1], media_type=METRICS_TYPE)

    async def openapi(self, request: Request) -> Response:
        """The OpenAPI document."""
        return JSONResponse(self.document)

    async def docs(self, request: Request) -> Response:
        """A page to read and to try the API."""
        return HTMLResponse(_PAGE)


def ops_about() -> dict[str, JsonObject]:
    """What the OpenAPI document says of these routes and of the files, by path."""

    def get(summary: str, **answers: str) -> JsonObject:
        responses = {status.lstrip("_"): {"description": says} for status, says in answers.items()}
        return {"get": {"tags": ["server"], "summary": summary, "security": [], "responses": responses}}

    return {
        "/healthz": get("Whether the process lives", _200="It does."),
        "/readyz": get(
            "Whether this process would accept and answer the next request",
            _200="Ready.",
            _503="Stopping, or not ready: what is wrong with the store.",
        ),
        "/readyz/workers": get(
            "Whether a worker would make the next task",
            _200="Ready: engine and why, workers, models that did not load.",
            _503="Not ready: what is missing.",
        ),
        "/metrics": get("What the server counts, for Prometheus", _200="Text, version 0.0.4."),
        "/openapi.json": get("This document", _200="OpenAPI 3.1."),
        "/docs": get("A page to read this document", _200="HTML."),
        "/files/{key}": {
            "get": {
                "tags": ["server"],
                "summary": "A video, by the signed link of its task",
                "description": "HEAD, ranges and conditions are served.",
                "security": [],
                "parameters": [
                    {"name": "key", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "expires", "in": "query", "required": True, "schema": {"type": "string"}},
                    {"name": "signature", "in": "query", "required": True, "schema": {"type": "string"}},
                ],
                "responses": {
                    "200": {"description": "The MP4.", "content": {"video/mp4": {}}},
                    "206": {"description": "A range of it.", "content": {"video/mp4": {}}},
                    "304": {"description": "Not changed."},
                    "403": {"description": "The link is wrong or has expired."},
                    "404": {"description": "The file is gone."},
                    "412": {"description": "The file is another version than If-Match names."},
                    "416": {"description": "The range lies outside the file."},
                },
            }
        },
    }
