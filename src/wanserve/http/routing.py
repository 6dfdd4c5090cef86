"""Knows how a path finds its application, and leaves what finds none to the error boundary."""

from typing import Final

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from wanserve.http.dialects.base import EndpointNotFound, MethodNotAllowed

REQUEST_ID: Final = "wanserve.request_id"
"""Where the boundary leaves this request's id in the ASGI scope."""


class ExactRoute(Route):
    """A Route whose wrong method is an error of ours, said in a dialect, and not the framework's own answer."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See Route. Raises MethodNotAllowed."""
        if self.methods and scope["method"] not in self.methods:
            raise MethodNotAllowed(f"{scope['method']} is not for {scope['path']}")
        await self.app(scope, receive, send)


async def no_such_path(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application of every path that nobody has. Raises EndpointNotFound."""
    raise EndpointNotFound(f"there is no {scope['path']}")
