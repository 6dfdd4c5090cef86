"""Routes that match a path exactly, and the keys under which a request's state is kept in the ASGI scope."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from wanserve.http.dialects.base import EndpointNotFound, MethodNotAllowed

REQUEST_ID: Final = "wanserve.request_id"
"""Scope key: the id of this request."""

DIALECT: Final = "wanserve.dialect"
"""Scope key: the name of the dialect that the request uses."""

OPERATION: Final = "wanserve.operation"
"""Scope key: the dialect's operation that the path belongs to."""

STORED: Final = "wanserve.stored"
"""Scope key: set once the task of a submit was stored."""

BODY_READ: Final = "wanserve.body_read"
"""Scope key: set once the endpoint reads the body, so that nobody else has to."""


class ExactRoute(Route):
    """A Route that matches a path exactly, and raises MethodNotAllowed for another method.

    The dialect then answers, instead of Starlette with its plain text.
    """

    def __init__(self, path: str, endpoint: Callable[..., object], methods: Sequence[str]) -> None:
        super().__init__(path, endpoint, methods=list(methods))
        # Starlette's pattern ends in "$", which also matches before a newline at the end, and its "." stops at a newline.
        self.path_regex = re.compile(self.path_regex.pattern.removesuffix("$") + r"\Z", re.DOTALL)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See Route. Raises MethodNotAllowed."""
        if self.methods and scope["method"] not in self.methods:
            allowed = allowed_methods(scope["router"].routes, scope["path"])
            raise MethodNotAllowed(scope["method"], scope["path"], allowed)
        await self.app(scope, receive, send)


def allowed_methods(routes: Iterable[BaseRoute], path: str) -> list[str]:
    """All methods of a path: those of the routes without path parameters that match it, else of those with."""
    matching = [route for route in routes if isinstance(route, Route) and route.path_regex.match(path)]
    preferred = [route for route in matching if not route.param_convertors] or matching
    return sorted({method for route in preferred for method in route.methods or ()})


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application of every path without a route. Raises EndpointNotFound."""
    raise EndpointNotFound(f"there is no {scope['path']}")
