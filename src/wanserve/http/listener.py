"""The HTTP server, Granian, in this process and on its event loop; and the socket that it serves."""

import asyncio
import errno
import resource
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.net import SocketHolder  # type: ignore[attr-defined]  # missing in Granian's stubs
from granian.server.embed import Server
from starlette.types import ASGIApp

from wanserve.domain.errors import SetupError

BACKLOG: Final = 1024

MAX_CONNECTIONS: Final = 16_384
"""How many connections may be open at the same time; further ones wait to be accepted. A client that polls keeps its
connection, so as many clients may wait for a video. An idle connection takes a few kilobytes."""

BUFFER_BYTES: Final = 64 * 1024
"""How much of a connection is read ahead, and the maximum size of a request's head. This memory is taken before the key is
checked; Granian's default is six times as much."""

RESERVED_FILES: Final = 256
"""File descriptors that connections may not use up: they are for the database, the videos and the child processes."""


@dataclass(frozen=True, slots=True)
class ConnectionTimeouts:
    """How long a client may take, in whole seconds, before its connection is closed.

    `head_s` is from the end of one answer until the next request's head is complete, and so how long an idle connection is
    kept: longer than a load balancer keeps one, which could otherwise send a request just when it is closed.
    `unread_s` is how long a client may read nothing of an answer that is being sent. A paused player does that, and
    requests the rest later.
    """

    head_s: int = 75
    unread_s: int = 120


DEFAULT_TIMEOUTS: Final = ConnectionTimeouts()


def bind_socket(host: str, port: int, timeouts: ConnectionTimeouts = DEFAULT_TIMEOUTS) -> socket.socket:
    """A TCP socket bound to the address, or to a free port where `port` is 0. Raises SetupError.

    Not left to Granian, which would share the port with another server that has it: each would get half of the requests.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if sys.platform == "linux":
                # Accepted connections inherit this. The kernel then closes those whose client has stopped reading.
                bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timeouts.unread_s * 1000)
            bound.bind(address)
        except OSError:
            bound.close()
            raise
    except OSError as error:
        raise _cannot_listen(host, port, error) from error
    return bound


def start_listening(bound: socket.socket) -> str:
    """Let the kernel accept connections, which wait until `serve_app` runs; returns the URL. Raises SetupError."""
    host, port = bound.getsockname()[:2]
    try:
        bound.listen(BACKLOG)
    except OSError as error:
        # Of two sockets that are bound to one port, the first to listen gets it.
        raise _cannot_listen(host, port, error) from error
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _cannot_listen(host: str, port: int, error: OSError) -> SetupError:
    if error.errno == errno.EADDRINUSE:
        return SetupError(f"port {port} of {host} is taken: stop what has it, or give another --port")
    return SetupError(f"cannot listen at {host} port {port}: {error.strerror}")


def connection_limit() -> int:
    """How many connections may be open at the same time.

    Raises this process's soft limit of open files for that, as far as the hard limit allows.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = MAX_CONNECTIONS + RESERVED_FILES
    if soft < needed:
        soft = min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(soft - RESERVED_FILES, soft // 2) if soft < needed else MAX_CONNECTIONS


async def serve_app(
    app: ASGIApp,
    listening: socket.socket,
    until: Callable[[], Awaitable[float]],
    timeouts: ConnectionTimeouts = DEFAULT_TIMEOUTS,
) -> None:
    """Serve the application on the socket until `until()` returns how many seconds unfinished answers have left.

    Takes the socket over. Connections that are still open when this returns are closed by the end of the process.
    """
    host, port = listening.getsockname()[:2]
    server = _SocketServer(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=timeouts.head_s * 1000, max_buffer_size=BUFFER_BYTES),
        websockets=False,
        backlog=BACKLOG,
        backpressure=connection_limit(),
        log_enabled=False,
    )
    server.descriptor = listening.detach()
    serving = asyncio.create_task(server.serve())
    waiting = asyncio.ensure_future(until())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    server.stop()  # type: ignore[no-untyped-call]  # untyped in Granian
    # Granian itself would wait until every client has read its answer, however slowly.
    await asyncio.wait({serving}, timeout=waiting.result() if waiting.done() else 0.0)
    if serving.done():
        await serving


class _SocketServer(Server):
    """Granian on a socket that is open already.

    Granian has no setting for that, so a private method is overridden: pyproject.toml pins Granian's exact version. Before
    another version is used, see that `serve` still calls `_init_shared_socket` once, and what `SocketHolder` takes.
    """

    descriptor: int

    def _init_shared_socket(self) -> None:
        self._ssp = None
        self._shd = SocketHolder(self.descriptor, False, BACKLOG)  # type: ignore[call-arg, assignment]  # as above
