"""The ASGI application: the doors and the other routes, and one error boundary around everything."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import Headers
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wanserve.domain.errors import StoreUncertain, WanserveError
from wanserve.http import cors
from wanserve.http.body import Discarder
from wanserve.http.dialects.base import ONCE_HEADER, Dialect, MethodNotAllowed, Query
from wanserve.http.endpoints import Door
from wanserve.http.origin import Origin
from wanserve.http.ranges import RangeNotSatisfiable
from wanserve.http.responses import send_json
from wanserve.http.routing import BODY_READ, DIALECT, OPERATION, REQUEST_ID, STORED, ExactRoute, no_such_path

log = logging.getLogger(__name__)


OWN: Final = "wanserve"
"""What an answer counts for where it was in no dialect: files, health, documents."""

LAST_RESORT: Final = {"error": "An unexpected error occurred, please try again later", "code": "InternalError"}
"""What a client hears where even the refusal fails."""


class Fault(WanserveError):
    """A bug of ours, as the client hears of it. The trace is in the log only."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """Gives each request its id, and says every error in the dialect of its path. Nothing passes it."""

    app: ASGIApp
    dialects: Sequence[Dialect]
    new_id: Callable[[], str]
    answers: Counter[tuple[str, int]]
    origin: Origin = field(default_factory=Origin)
    discarder: Discarder = field(default_factory=Discarder)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens."""
        request_id = scope[REQUEST_ID] = self.new_id()
        always = ((b"x-request-id", request_id.encode()), *cors.HEADERS)
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            if not started:
                started = True
                self.answers[scope.get(DIALECT, OWN), message["status"]] += 1
                message["headers"] = [*message["headers"], *always]
            await send(message)

        error = await self._answer(scope, receive, watched)
        try:
            if error is not None and not started:
                await self._refuse(error, scope, receive, watched)
        except Exception:
            log.exception("%s: the refusal failed", _what(scope))
            if not started:
                await send_json(watched, 500, {**LAST_RESORT, "request_id": request_id})
        finally:
            # Its trace holds this frame, and so the connection: that would stay open until the collector comes by.
            del error

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> WanserveError | None:
        """Answer, or give back what is to be said instead."""
        try:
            if (allowed := cors.preflight(scope)) is not None:
                await send({"type": "http.response.start", "status": 200, "headers": allowed})
                await send({"type": "http.response.body", "body": b""})
                return None
            self.origin.check(scope)
            await self.app(scope, receive, send)
            return None
        except WanserveError as error:
            if error.status >= 500:
                log.error("%s: %s: %s", _what(scope), error.code, error)
            return error
        except Exception:
            log.exception("%s", _what(scope))
            return Fault("an unexpected error")

    async def _refuse(self, error: WanserveError, scope: Scope, receive: Receive, send: Send) -> None:
        dialect = self._dialect(scope["path"])
        scope.setdefault(DIALECT, dialect.name)
        refusal = dialect.refuse(error, scope[REQUEST_ID], scope.get(OPERATION))
        headers = {**refusal.headers, **_facts(error)}
        asked = Headers(scope=scope)
        if (STORED in scope or isinstance(error, StoreUncertain)) and ONCE_HEADER not in asked:
            headers["x-should-retry"] = "false"
        if BODY_READ not in scope:
            send = self.discarder.around(asked, receive, send)
        await send_json(send, refusal.status, refusal.body, headers.items())

    def _dialect(self, path: str) -> Dialect:
        """The dialect whose prefix is the longest that the path has; the first one's is the root, which all have."""
        fitting = [
            (0, 0),
            *((len(p), at) for at, one in enumerate(self.dialects) for p in one.prefixes if _under(path, p)),
        ]
        return self.dialects[max(fitting, key=lambda pair: pair[0])[1]]


def _under(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix.rstrip('/')}/")


def _facts(error: WanserveError) -> dict[str, str]:
    """The headers that HTTP wants with an error, in whichever dialect it is said."""
    match error:
        case MethodNotAllowed(allowed=allowed):
            return {"Allow": ", ".join(allowed)}
        case RangeNotSatisfiable(size=size):
            return {"Content-Range": f"bytes */{size}"}
        case _:
            return {}


def _what(scope: Scope) -> str:
    return f"{scope['method']} {scope['path']} (request {scope[REQUEST_ID]})"


def application(
    doors: Sequence[Door],
    routes: Sequence[BaseRoute],
    dialects: Sequence[Dialect],
    new_id: Callable[[], str],
    answers: Counter[tuple[str, int]],
    origin: Origin,
) -> ASGIApp:
    """The whole HTTP side: the dialects' doors, then `routes` (files, health, documents), in the boundary.

    Each answer is counted in `answers`, by its dialect and status. The first dialect says what is in none.
    """
    # A path is held against one route after the other, so what is asked most comes first.
    ordered = sorted(doors, key=lambda door: not isinstance(door.operation, Query))
    opened = [ExactRoute(path, door, methods=[door.operation.method]) for door in ordered for path in _paths(door)]
    router = Router([*opened, *routes], redirect_slashes=False, default=no_such_path)
    return Boundary(router, dialects, new_id, answers, origin)


def _paths(door: Door) -> Iterable[str]:
    """Where an operation is found: under each of its dialect's mounts, and with a slash at its end where that is as good."""
    dialect, path = door.dialect, door.operation.path
    for mount in dialect.mounts:
        mounted = mount + path.removeprefix(dialect.mounts[0])
        yield from (mounted, f"{mounted}/") if dialect.trailing_slash else (mounted,)
