"""Knows how a path finds its application, and leaves what finds none to the error boundary."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from starlette.routing import Route
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
            raise MethodNotAllowed(scope["method"], scope["path"])
        await self.app(scope, receive, send)


async def no_such_path(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application of every path that nobody has. Raises EndpointNotFound."""
    raise EndpointNotFound(f"there is no {scope['path']}")
