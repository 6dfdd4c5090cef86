"""Builds the ASGI application: a router over all endpoints, inside the one middleware that turns errors into answers."""

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
from wanserve.http.body import BodyDiscarder
from wanserve.http.dialects.base import IDEMPOTENCY_HEADER, Dialect, MethodNotAllowed, Query
from wanserve.http.endpoints import Endpoint
from wanserve.http.origin import Origin
from wanserve.http.ranges import RangeNotSatisfiable
from wanserve.http.responses import send_json
from wanserve.http.routing import BODY_READ, DIALECT, OPERATION, REQUEST_ID, STORED, ExactRoute, not_found

log = logging.getLogger(__name__)

NO_DIALECT: Final = "wanserve"
"""The dialect that the metrics show for answers outside of any: files, health, documents."""

LAST_RESORT: Final = {"error": "An unexpected error occurred, please try again later", "code": "InternalError"}
"""The answer where even the dialect's error answer fails."""


class UnexpectedError(WanserveError):
    """An unexpected error of the server; the traceback is in its log."""


@dataclass(frozen=True, slots=True)
class ErrorMiddleware:
    """Turns every error into an answer in the dialect of its path; gives each answer its request id and CORS headers.

    It also counts the answers in `answers`, by dialect and status.
    """

    app: ASGIApp
    dialects: Sequence[Dialect]
    new_id: Callable[[], str]
    answers: Counter[tuple[str, int]]
    origin: Origin = field(default_factory=Origin)
    discarder: BodyDiscarder = field(default_factory=BodyDiscarder)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; no exception leaves this method."""
        request_id = scope[REQUEST_ID] = self.new_id()
        common_headers = ((b"x-request-id", request_id.encode()), *cors.HEADERS)
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if not started:
                started = True
                self.answers[scope.get(DIALECT, NO_DIALECT), message["status"]] += 1
                message["headers"] = [*message["headers"], *common_headers]
            await send(message)

        error = await self._answer(scope, receive, send_with_headers)
        try:
            if error is not None and not started:
                await self._refuse(error, scope, receive, send_with_headers)
        except Exception:
            log.exception("%s: the answer to an error failed", _describe(scope))
            if not started:
                await send_json(send_with_headers, 500, {**LAST_RESORT, "request_id": request_id})
        finally:
            # The traceback refers to this frame and so to the connection, which would stay open until the next
            # garbage collection.
            del error

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> WanserveError | None:
        """Call the application; returns the error that it raised."""
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
                log.error("%s: %s: %s", _describe(scope), error.code, error)
            return error
        except Exception:
            log.exception("%s", _describe(scope))
            return UnexpectedError("an unexpected error")

    async def _refuse(self, error: WanserveError, scope: Scope, receive: Receive, send: Send) -> None:
        dialect = self._dialect_of(scope["path"])
        scope.setdefault(DIALECT, dialect.name)
        refusal = dialect.refuse(error, scope[REQUEST_ID], scope.get(OPERATION))
        headers = {**refusal.headers, **_error_headers(error)}
        request_headers = Headers(scope=scope)
        if (STORED in scope or isinstance(error, StoreUncertain)) and IDEMPOTENCY_HEADER not in request_headers:
            headers["x-should-retry"] = "false"
        if BODY_READ not in scope:
            send = self.discarder.wrap(request_headers, receive, send)
        await send_json(send, refusal.status, refusal.body, headers.items())

    def _dialect_of(self, path: str) -> Dialect:
        """The dialect with the longest prefix of the path. The first dialect has the prefix `/`, which fits every path."""
        fitting = [
            (0, 0),
            *((len(p), at) for at, one in enumerate(self.dialects) for p in one.prefixes if _is_under(path, p)),
        ]
        return self.dialects[max(fitting, key=lambda pair: pair[0])[1]]


def _is_under(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix.rstrip('/')}/")


def _error_headers(error: WanserveError) -> dict[str, str]:
    """The headers that HTTP requires with an error, the same in every dialect."""
    match error:
        case MethodNotAllowed(allowed=allowed):
            return {"Allow": ", ".join(allowed)}
        case RangeNotSatisfiable(size=size):
            return {"Content-Range": f"bytes */{size}"}
        case _:
            return {}


def _describe(scope: Scope) -> str:
    return f"{scope['method']} {scope['path']} (request {scope[REQUEST_ID]})"


def application(
    endpoints: Sequence[Endpoint],
    routes: Sequence[BaseRoute],
    dialects: Sequence[Dialect],
    new_id: Callable[[], str],
    answers: Counter[tuple[str, int]],
    origin: Origin,
) -> ASGIApp:
    """The ASGI application: the dialects' endpoints, then `routes` (files, health, documents), in the ErrorMiddleware.

    Answers are counted in `answers`, by dialect and status. Errors outside of every dialect are written by the first.
    """
    # The router tries one route after the other, so the most frequent requests, polls, come first.
    ordered = sorted(endpoints, key=lambda endpoint: not isinstance(endpoint.operation, Query))
    dialect_routes = [
        ExactRoute(path, endpoint, methods=[endpoint.operation.method])
        for endpoint in ordered
        for path in _paths(endpoint)
    ]
    router = Router([*dialect_routes, *routes], redirect_slashes=False, default=not_found)
    return ErrorMiddleware(router, dialects, new_id, answers, origin)


def _paths(endpoint: Endpoint) -> Iterable[str]:
    """The paths of an operation: under each of its dialect's mounts, and where the dialect allows it with a slash at the end."""
    dialect, path = endpoint.dialect, endpoint.operation.path
    for mount in dialect.mounts:
        mounted = mount + path.removeprefix(dialect.mounts[0])
        yield from (mounted, f"{mounted}/") if dialect.trailing_slash else (mounted,)
