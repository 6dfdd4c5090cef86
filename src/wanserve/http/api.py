"""The ASGI application: the doors and the other routes, and one error boundary around everything."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wanserve.domain.errors import StoreUncertain, WanserveError
from wanserve.http.answers import send_json
from wanserve.http.dialects.base import ONCE_HEADER, Dialect, EndpointNotFound, Query
from wanserve.http.doors import Door
from wanserve.http.routing import DIALECT, OPERATION, REQUEST_ID, STORED, ExactRoute, no_such_path

log = logging.getLogger(__name__)


OWN: Final = "wanserve"
"""What an answer counts for where it was in no dialect: files, health, documents."""


class Fault(WanserveError):
    """A bug of ours, as the client hears of it. The trace is in the log only."""


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
        refusal = dialect.refuse(error, scope[REQUEST_ID], scope.get(OPERATION))
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
    ordered = sorted(doors, key=lambda door: not isinstance(door.operation, Query))
    opened = [ExactRoute(path, door, methods=[door.operation.method]) for door in ordered for path in _paths(door)]
    router = Router([*opened, *routes], redirect_slashes=False, default=no_such_path)
    return CorsForBrowsers(Boundary(router, dialects, new_id, answers))


def _paths(door: Door) -> list[str]:
    path = door.operation.path
    return [path, f"{path}/"] if door.dialect.trailing_slash else [path]


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
