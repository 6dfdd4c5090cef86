"""Finds the addresses of a receiver's host, and refuses those that are not on the public Internet."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ipaddress import ip_address

from wanserve.domain.webhooks import Address, is_public

Resolve = Callable[[str, int], Awaitable[list[Address]]]
"""Finds the addresses of a host. Raises OSError."""


class PrivateAddress(Exception):
    """The host has an address to which nothing may be sent."""


async def resolve(host: str, port: int) -> list[Address]:
    """The addresses of a host by the system's resolver. Raises OSError.

    It runs in a thread of its own that nothing waits for: a resolver that hangs must not hold up the end of a try, or of
    this process.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[Address]] = loop.create_future()

    def look_up() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            # Without the zone of a link-local address.
            addresses = dict.fromkeys(ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers)
            _tell(list(addresses))
        except (OSError, UnicodeError) as error:
            _tell(OSError(f"the host cannot be found: {error}"))

    def _tell(outcome: list[Address] | OSError) -> None:
        # The loop is closed where the process has ended meanwhile.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_set, outcome)

    def _set(outcome: list[Address] | OSError) -> None:
        if found.done():
            return
        if isinstance(outcome, OSError):
            found.set_exception(outcome)
        else:
            found.set_result(outcome)

    threading.Thread(target=look_up, name="webhook-resolver", daemon=True).start()
    return await found


async def checked_addresses(host: str, port: int, look_up: Resolve, *, allow_private: bool) -> list[Address]:
    """The addresses of the host, at least one. Raises OSError, or PrivateAddress where one of them is not public.

    One is enough: a name that leads to a public and to a private address is made to trick somebody.
    """
    addresses = await look_up(host, port)
    if not addresses:
        raise OSError("the host has no address")
    if not allow_private and not all(is_public(address) for address in addresses):
        raise PrivateAddress("the host has a private or local address, to which this server sends nothing")
    return addresses
