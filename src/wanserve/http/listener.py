"""Knows the HTTP server that carries the application: Granian, inside this process and its event loop."""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable
from typing import Final

from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
from starlette.types import ASGIApp

from wanserve.domain.errors import SetupError

BACKLOG: Final = 1024


def free_address(host: str, port: int) -> tuple[str, int]:
    """The numeric address for `host`, and `port` or a free one where it is 0. Raises SetupError where it is taken.

    Granian itself would share the port with whoever has it, and each would get half of the requests.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            found = probe.getsockname()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SetupError(f"port {port} of {host} is taken: stop what has it, or give another --port") from error
        raise SetupError(f"cannot listen at {host} port {port}: {error.strerror}") from error
    return str(found[0]), int(found[1])


async def listen(app: ASGIApp, host: str, port: int, until: Callable[[], Awaitable[None]]) -> None:
    """Serve the application at the address until `until()` returns."""
    server = Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        backlog=BACKLOG,
        log_enabled=False,
    )
    serving = asyncio.create_task(server.serve())
    waiting = asyncio.ensure_future(until())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    server.stop()  # type: ignore[no-untyped-call]  # Granian types its signal handlers not at all
    await serving
