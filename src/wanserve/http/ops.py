"""Health, metrics, and the OpenAPI document with a page to read it."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from wanserve.http.dialects.base import EndpointNotFound, JsonObject
from wanserve.http.responses import open_file, send_file
from wanserve.http.routing import ExactRoute

STATIC_FOLDER: Final = Path(__file__).with_name("static")
"""Swagger UI, kept here because a page that loads it from a public network is blank on a closed one."""

STATIC_TYPES: Final = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
}
"""The media types of the files that are served, by name."""

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
"""How long a test write to the task table may take before the table counts as not writable."""

CACHE_SECONDS: Final = 1.0
"""How long the result of a test write, and the page of metrics, are cached."""


class StaticFile:
    """The ASGI application of `/docs/static/{name}`."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send one of STATIC_TYPES. Raises EndpointNotFound, and what `send_file` raises."""
        name = scope["path_params"]["name"]
        media_type = STATIC_TYPES.get(name)
        if media_type is None:
            raise EndpointNotFound(f"there is no {scope['path']}")
        with open_file(STATIC_FOLDER / name) as descriptor:
            file = os.fstat(descriptor)
            etag = f'"{file.st_mtime_ns:x}-{file.st_size:x}"'
            await send_file(descriptor, etag, media_type, scope, send)


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """The state of one worker, as `/readyz/workers` shows it.

    `problem` says why it cannot make videos now, or is None; `unloadable` are the models that did not load at the last
    attempt, each with the reason.
    """

    device: str
    loaded: bool
    problem: str | None
    unloadable: Mapping[str, str] = field(default_factory=dict)


class MetricsPage(Protocol):
    """Writes the page of metrics for Prometheus; it reads the task table."""

    def __call__(self, *, ready: bool, workers_ready: bool) -> bytes:
        """The page, which includes the two states."""


@dataclass(slots=True)
class Ops:
    """The routes for health, metrics and documents.

    `engine` and `why` are the engine and why it was chosen; `stopping` says whether this process was told to stop.
    """

    engine: str
    why: str
    workers: Callable[[], Sequence[WorkerHealth]]
    check_writable: Callable[[], None]
    stopping: Callable[[], bool]
    metrics: MetricsPage
    document: JsonObject
    store_s: float = STORE_SECONDS
    _running_check: asyncio.Future[None] | None = field(default=None, init=False)
    _last_check: tuple[float, str] | None = field(default=None, init=False)
    _page: tuple[float, bytes] | None = field(default=None, init=False)
    _page_lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _thread: Executor = field(
        # Its own threads, so that health checks do not wait for requests of clients.
        default_factory=lambda: ThreadPoolExecutor(2, "health"),
        init=False,
    )

    def routes(self) -> list[BaseRoute]:
        """All routes of this module, for GET and HEAD."""
        pages = {
            "/": self.home,
            "/healthz": self.healthz,
            "/readyz": self.readyz,
            "/readyz/workers": self.readyz_workers,
            "/metrics": self.metrics_page,
            "/openapi.json": self.openapi,
            "/docs": self.docs,
        }
        served: dict[str, Callable[..., object]] = {**pages, "/docs/static/{name}": StaticFile()}
        return [ExactRoute(path, page, methods=["GET", "HEAD"]) for path, page in served.items()]

    async def home(self, request: Request) -> Response:
        """Redirects from the root to the documents."""
        # Relative, like the links in the page, so that a proxy may serve all this under a prefix.
        return RedirectResponse("docs")

    async def healthz(self, request: Request) -> Response:
        """200 while the process can answer at all."""
        return JSONResponse({"status": "alive"})

    async def readyz(self, request: Request) -> Response:
        """200 while this process would accept and answer the next request, else 503; the body says why."""
        store = await self._store()
        ready = store == "ok" and not self.stopping()
        status = "stopping" if self.stopping() else "ready" if ready else "not ready"
        return JSONResponse({"status": status, "store": store}, 200 if ready else 503)

    async def readyz_workers(self, request: Request) -> Response:
        """200 while a worker of this process would make the next task, else 503; the body says why."""
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
        """Whether the task table is writable: "ok", or what is wrong."""
        if self._last_check is not None and time.monotonic() - self._last_check[0] < CACHE_SECONDS:
            return self._last_check[1]
        # Off the event loop, because a write waits for the disk; while one hangs, no second one is started.
        if self._running_check is None or self._running_check.done():
            self._running_check = asyncio.get_running_loop().run_in_executor(self._thread, self.check_writable)
        await asyncio.wait({self._running_check}, timeout=self.store_s)
        if not self._running_check.done():
            return f"the task table took no write for {self.store_s:g} s"
        error = self._running_check.exception()
        result = "ok" if error is None else str(error)
        self._last_check = time.monotonic(), result
        return result

    async def metrics_page(self, request: Request) -> Response:
        """The metrics, for Prometheus."""
        ready = await self._store() == "ok" and not self.stopping()
        async with self._page_lock:
            if self._page is None or time.monotonic() - self._page[0] >= CACHE_SECONDS:
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


def ops_paths() -> dict[str, JsonObject]:
    """The part of the OpenAPI document about these routes, by path."""

    def get(summary: str, **answers: str) -> JsonObject:
        responses = {status.lstrip("_"): {"description": description} for status, description in answers.items()}
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
    }
