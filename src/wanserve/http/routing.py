"""How a path finds its application; what finds none is left to the error boundary."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from wanserve.http.dialects.base import EndpointNotFound, MethodNotAllowed

REQUEST_ID: Final = "wanserve.request_id"
"""Where the boundary leaves this request's id in the ASGI scope."""

DIALECT: Final = "wanserve.dialect"
"""In the ASGI scope the name of the dialect that a request spoke."""

OPERATION: Final = "wanserve.operation"
"""In the ASGI scope the dialect's operation that was met."""

STORED: Final = "wanserve.stored"
"""In the ASGI scope once the task of a submit was stored."""

BODY_READ: Final = "wanserve.body_read"
"""In the ASGI scope once the request's body was read, or as much of it as ever will be."""


class ExactRoute(Route):
    """A Route whose path is met to the letter.

    Its wrong method is an error of ours, said in a dialect, and not the framework's own answer.
    """

    def __init__(self, path: str, endpoint: Callable[..., object], methods: Sequence[str]) -> None:
        super().__init__(path, endpoint, methods=list(methods))
        # The framework's pattern ends in "$", which also matches before a newline at the end, and its "." stops there.
        self.path_regex = re.compile(self.path_regex.pattern.removesuffix("$") + r"\Z", re.DOTALL)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See Route. Raises MethodNotAllowed."""
        if self.methods and scope["method"] not in self.methods:
            allowed = methods_of(scope["router"].routes, scope["path"])
            raise MethodNotAllowed(scope["method"], scope["path"], allowed)
        await self.app(scope, receive, send)


def methods_of(routes: Iterable[BaseRoute], path: str) -> list[str]:
    """Every method that is meant for the path: of the routes that are this very path, else of those whose variables fit."""
    met = [route for route in routes if isinstance(route, Route) and route.path_regex.match(path)]
    meant = [route for route in met if not route.param_convertors] or met
    return sorted({method for route in meant for method in route.methods or ()})


async def no_such_path(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application of every path that nobody has. Raises EndpointNotFound."""
    raise EndpointNotFound(f"there is no {scope['path']}")
