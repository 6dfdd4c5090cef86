"""The ASGI application: a door for each operation of each dialect, and one error boundary around everything."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

import pydantic_core
from starlette.datastructures import Headers, QueryParams
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wanserve.domain.errors import StoreUncertain, WanserveError
from wanserve.domain.task import Task
from wanserve.http.auth import Gate, Kind
from wanserve.http.body import read_body
from wanserve.http.dialects.base import (
    ONCE_HEADER,
    Dialect,
    EndpointNotFound,
    Incoming,
    Json,
    Operation,
    Outgoing,
    Query,
    Submit,
)
from wanserve.http.files import Links
from wanserve.http.routing import REQUEST_ID, ExactRoute, no_such_path
from wanserve.tasks import Tasks

log = logging.getLogger(__name__)


STORED: Final = "wanserve.stored"
"""In the ASGI scope once the task of a submit was stored."""

DIALECT: Final = "wanserve.dialect"
"""In the ASGI scope the name of the dialect that a request spoke."""

OWN: Final = "wanserve"
"""What an answer counts for where it was in no dialect: files, health, documents."""

NO_QUERY: Final = QueryParams()
"""Parsing an empty query takes as long as finding the task."""


class Fault(WanserveError):
    """A bug of ours, as the client hears of it. The trace is in the log only."""


@dataclass(frozen=True, slots=True)
class Door:
    """One operation of one dialect, as an ASGI application: let in, ask the use case, answer."""

    dialect: Dialect
    operation: Operation
    tasks: Tasks
    gate: Gate
    links: Links

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises WanserveError for the boundary to say."""
        scope[DIALECT] = self.dialect.name
        headers, asked = Headers(scope=scope), scope["query_string"]
        query = QueryParams(asked) if asked else NO_QUERY
        task = await self._ask(Incoming(headers, query, scope["path_params"], await read_body(receive)))
        if isinstance(self.operation, Submit):
            # From here on an error must not be answered by another submit that cannot be told from this one.
            scope[STORED] = True
        outgoing = Outgoing(scope[REQUEST_ID], self.links.video_url(task, scope, headers) if task.video else None)
        await send_json(send, 200, self.operation.write(task, outgoing), scope[REQUEST_ID])

    async def _ask(self, incoming: Incoming) -> Task:
        credential = self.dialect.credential(incoming)
        match self.operation:
            case Submit(read=read):
                key = self.gate.admit(credential, Kind.SUBMIT)
                submitted = self.tasks.submit(key, read(incoming), incoming.headers.get(ONCE_HEADER))
                return await asyncio.wrap_future(submitted)
            case Query(read=ask):
                key = self.gate.admit(credential, Kind.QUERY)
                # A read of the local file takes some ten microseconds: less than handing it to a thread.
                return self.tasks.get(key.account, ask(incoming))
            case _:
                assert_never(self.operation)


@dataclass(frozen=True, slots=True)
class Boundary:
    """Gives each request its id, and says every error in the dialect of its path. Nothing passes it."""

    app: ASGIApp
    dialects: Sequence[Dialect]
    new_id: Callable[[], str]
    answers: Counter[tuple[str, int]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens."""
        scope[REQUEST_ID] = self.new_id()
        answered = False

        async def watched(message: Message) -> None:
            nonlocal answered
            if not answered:
                answered = True
                self.answers[scope.get(DIALECT, OWN), message["status"]] += 1
            await send(message)

        error: WanserveError
        try:
            await self.app(scope, receive, watched)
            return
        except WanserveError as raised:
            error = raised
            if error.status >= 500:
                log.error("%s: %s: %s", _what(scope), error.code, error)
        except HTTPException:
            # Only the framework's static files raise it: no such file.
            error = EndpointNotFound(f"there is no {scope['path']}")
        except Exception:
            log.exception("%s", _what(scope))
            error = Fault("an unexpected error")
        try:
            if not answered:
                await self._refuse(error, scope, watched)
        finally:
            # Its trace holds this frame, and so the connection: that would stay open until the collector comes by.
            del error

    async def _refuse(self, error: WanserveError, scope: Scope, send: Send) -> None:
        dialect = self._dialect(scope["path"])
        scope.setdefault(DIALECT, dialect.name)
        refusal = dialect.refuse(error, scope[REQUEST_ID])
        headers = dict(refusal.headers)
        if (STORED in scope or isinstance(error, StoreUncertain)) and ONCE_HEADER not in Headers(scope=scope):
            headers["x-should-retry"] = "false"
        await send_json(send, refusal.status, refusal.body, scope[REQUEST_ID], headers.items())

    def _dialect(self, path: str) -> Dialect:
        fitting = [(prefix, dialect) for dialect in self.dialects for prefix in dialect.prefixes]
        return max((pair for pair in fitting if path.startswith(pair[0])), key=lambda pair: len(pair[0]))[1]


def _what(scope: Scope) -> str:
    return f"{scope['method']} {scope['path']} (request {scope[REQUEST_ID]})"


def application(
    doors: Sequence[Door],
    routes: Sequence[BaseRoute],
    dialects: Sequence[Dialect],
    new_id: Callable[[], str],
    answers: Counter[tuple[str, int]],
) -> ASGIApp:
    """The whole HTTP side: the dialects' doors, then `routes` (files, health, documents), in the boundary, in CORS.

    Each answer is counted in `answers`, by its dialect and status.
    """
    # A path is held against one route after the other, so what is asked most comes first.
    ordered = sorted(doors, key=lambda door: isinstance(door.operation, Submit))
    opened = [ExactRoute(door.operation.path, door, methods=[door.operation.method]) for door in ordered]
    router = Router([*opened, *routes], redirect_slashes=False, default=no_such_path)
    return CorsForBrowsers(Boundary(router, dialects, new_id, answers))


class CorsForBrowsers:
    """CORS around the boundary, so that a browser can read errors too; preflights end here, without a key.

    Only browsers send an Origin; the others are spared the work, which is a fifth of a poll.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._cors = CORSMiddleware(
            app,
            allow_origins=["*"],
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["Retry-After", "x-request-id"],
            max_age=86_400,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        from_browser = any(name == b"origin" for name, _ in scope["headers"])
        await (self._cors if from_browser else self._app)(scope, receive, send)


async def send_json(
    send: Send, status: int, body: Json, request_id: str, headers: Iterable[tuple[str, str]] = ()
) -> None:
    """Send one JSON answer, not to be cached: a poll's answer is old at once."""
    content = pydantic_core.to_json(body)
    start = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-request-id", request_id.encode()),
        *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers),
    ]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": content})
