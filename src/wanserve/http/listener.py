"""Knows the HTTP server that carries the application: Granian, inside this process and its event loop."""

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
from granian.net import SocketHolder  # type: ignore[attr-defined]  # its stubs forget it
from granian.server.embed import Server
from starlette.types import ASGIApp

from wanserve.domain.errors import SetupError

BACKLOG: Final = 1024

MAX_CONNECTIONS: Final = 16_384
"""Open at a time; further ones wait to be let in. A client that polls keeps its connection, so this is also how many may
wait for their videos at once. An idle one costs a few kilobytes."""

BUFFER_BYTES: Final = 64 * 1024
"""What is read of a connection ahead of whoever wants it, and so the most that a head may be. It is taken before any key
is known: by default it is six times as much."""

OTHER_FILES: Final = 256
"""Descriptors that are kept for the database, the videos and the children: no flood of connections may take them."""


@dataclass(frozen=True, slots=True)
class ConnectionTimeouts:
    """How long a client may take, in whole seconds, before its connection is closed.

    `head_s` is from one answer until the next request's head is whole, and so how long an idle connection lives: longer
    than a load balancer keeps one, which would otherwise send a request just as it is closed;
    `unread_s` is how long it may read nothing of an answer that it asked for. A player that pauses does that, and
    asks for the rest anew when it goes on.
    """

    head_s: int = 75
    unread_s: int = 120


DEFAULT_TIMEOUTS: Final = ConnectionTimeouts()


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


def room_for_connections() -> int:
    """How many connections may be open at a time; raises this process's own limit of open files for them, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + OTHER_FILES
    if soft < wanted:
        soft = min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(soft - OTHER_FILES, soft // 2) if soft < wanted else MAX_CONNECTIONS


async def listen(
    app: ASGIApp,
    host: str,
    port: int,
    until: Callable[[], Awaitable[float]],
    patience: ConnectionTimeouts = DEFAULT_TIMEOUTS,
) -> None:
    """Serve the application at the address until `until()` returns; it gives the seconds that the last answers have.

    Connections that are open after that are the process's to close by its end. Raises OSError where the address is
    taken.
    """
    server = _Carrier(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=patience.head_s * 1000, max_buffer_size=BUFFER_BYTES),
        websockets=False,
        backlog=BACKLOG,
        backpressure=room_for_connections(),
        log_enabled=False,
    )
    server.take(opened(host, port, patience.unread_s))
    serving = asyncio.create_task(server.serve())
    waiting = asyncio.ensure_future(until())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    server.stop()  # type: ignore[no-untyped-call]  # Granian types its signal handlers not at all
    # Granian itself would wait for every client to read its answer to the end, however slowly.
    await asyncio.wait({serving}, timeout=waiting.result() if waiting.done() else 0.0)
    if serving.done():
        await serving


def opened(host: str, port: int, unread_s: int) -> socket.socket:
    """A socket that listens at the numeric address. Raises OSError where that is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sys.platform == "linux":
        # What it accepts inherits this. It is the kernel that waits for a reader who has gone quiet.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, unread_s * 1000)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


class _Carrier(Server):
    """Granian on a socket of ours, for which it has no setting of its own."""

    descriptor: int

    def take(self, listening: socket.socket) -> None:
        """Serve what this socket accepts; the descriptor is Granian's from here on."""
        self.descriptor = listening.detach()

    def _init_shared_socket(self) -> None:
        self._ssp = None
        self._shd = SocketHolder(self.descriptor, False, BACKLOG)  # type: ignore[call-arg, assignment]  # as above
