"""The routes of the server itself: health, metrics, and the OpenAPI document with a page to read it."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from wanserve.http.dialects.base import EndpointNotFound, JsonObject
from wanserve.http.health import CACHE_SECONDS, Health, Liveness, Readiness, WorkersReadiness
from wanserve.http.responses import open_file, send_file
from wanserve.http.routing import ExactRoute

STATIC_FOLDER: Final = Path(__file__).with_name("static")
"""Swagger UI, kept here because a page that loads it from a public network is blank on a closed one."""

STATIC_TYPES: Final = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
}
"""The media types of the files that are served, by name."""

NO_STORE: Final = {"cache-control": "no-store"}
"""For every answer of these routes except the static files."""

METRICS: Final = "/metrics"

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


class StaticFile:
    """The ASGI application of `/docs/static/{name}`."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send one of STATIC_TYPES. Raises EndpointNotFound, and what `send_file` raises."""
        name = scope["path_params"]["name"]
        media_type = STATIC_TYPES.get(name)
        if media_type is None:
            raise EndpointNotFound(f"there is no {scope['path']}")
        with open_file(STATIC_FOLDER / name) as file:
            etag = f'"{os.fstat(file.descriptor).st_mtime_ns:x}-{file.size_bytes:x}"'
            await send_file(file, etag, media_type, scope, send)


HealthCheck = Callable[[Health], Awaitable[tuple[int, Liveness | Readiness | WorkersReadiness]]]
"""Its status and answer."""


class MetricsPage(Protocol):
    """Writes the page of metrics for Prometheus; it reads the task table."""

    def __call__(self, *, ready: bool, workers_ready: bool) -> bytes:
        """The page, which includes the two states."""


@dataclass(slots=True)
class Ops:
    """The routes of the server itself. The page of metrics is made in `threads`."""

    health: Health
    metrics: MetricsPage
    document: JsonObject
    threads: Executor
    _page: tuple[float, bytes] | None = field(default=None, init=False)
    _page_lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    def routes(self, *, home: bool = True) -> list[BaseRoute]:
        """All routes of this module, for GET and HEAD; without `home` that of the root is somebody else's."""
        documents: dict[str, Callable[..., object]] = {
            **{path: partial(page, self) for path, (page, _) in PAGES.items() if path != METRICS},
            "/docs/static/{name}": StaticFile(),
        }
        return [*self.own_routes(), *_routes(documents | ({"/": self.home} if home else {}))]

    def own_routes(self) -> list[BaseRoute]:
        """The routes that tell of this process: its health and its metrics."""
        checks = {path: partial(_send_health, self.health, check) for path, check in HEALTH_CHECKS.items()}
        return _routes({**checks, METRICS: self.metrics_page})

    async def home(self, request: Request) -> Response:
        """Redirects from the root to the documents."""
        # Relative, like the links in the page, so that a proxy may serve all this under a prefix.
        return RedirectResponse("docs", headers=NO_STORE)

    async def metrics_page(self, request: Request) -> Response:
        """The metrics, for Prometheus."""
        (ready, _), (workers_ready, _) = await self.health.ready(), await self.health.workers_ready()
        async with self._page_lock:
            if self._page is None or time.monotonic() - self._page[0] >= CACHE_SECONDS:
                page = partial(self.metrics, ready=ready == 200, workers_ready=workers_ready == 200)
                content = await asyncio.get_running_loop().run_in_executor(self.threads, page)
                self._page = time.monotonic(), content
            return Response(self._page[1], headers=NO_STORE, media_type=METRICS_TYPE)

    async def openapi(self, request: Request) -> Response:
        """This document."""
        return JSONResponse(self.document, headers=NO_STORE)

    async def docs(self, request: Request) -> Response:
        """A page to read and to try the API."""
        return HTMLResponse(_PAGE, headers=NO_STORE)


def _routes(pages: Mapping[str, Callable[..., object]]) -> list[BaseRoute]:
    return [ExactRoute(path, page, methods=["GET", "HEAD"]) for path, page in pages.items()]


async def _send_health(health: Health, check: HealthCheck, request: Request) -> Response:
    status, answer = await check(health)
    return JSONResponse(answer, status, NO_STORE)


HEALTH_CHECKS: Final[Mapping[str, HealthCheck]] = {
    "/healthz": Health.alive,
    "/readyz": Health.ready,
    "/readyz/workers": Health.workers_ready,
}
"""The routes that answer with JSON, by path. Their statuses and answers in the OpenAPI document are those of their types."""

PAGES: Final[Mapping[str, tuple[Callable[[Ops, Request], Awaitable[Response]], str]]] = {
    METRICS: (Ops.metrics_page, METRICS_TYPE),
    "/openapi.json": (Ops.openapi, "application/json"),
    "/docs": (Ops.docs, "text/html"),
}
"""The other routes that the OpenAPI document lists, by path: each with the media type of its answer."""
