"""The scheme, host and port under which clients reach this server: the base of its links."""

import ipaddress
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from starlette.types import Scope

from wanserve.domain.errors import InvalidRequest

log = logging.getLogger(__name__)

# The underscore is not allowed in DNS, but the names of compose services have it.
_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|[A-Za-z0-9._-]{1,255})(?::(\d{1,5})?)?", re.ASCII)
_HTTPS: Final = re.compile(rb"\s*https\b|.*\bproto=\"?https\b", re.IGNORECASE)


@dataclass(slots=True)
class Origin:
    """The base of links: `public_url` where the operator has set it, else the address that the client used."""

    public_url: str | None = None
    _warned: bool = field(default=False, init=False)

    def check(self, scope: Scope) -> None:
        """Check the Host header. Raises InvalidRequest where it is not one host and port.

        Logs a warning, once, where a proxy terminates TLS and no public URL is set.
        """
        hosts = 0
        for name, value in scope["headers"]:
            if name == b"host":
                hosts += 1
                if hosts > 1 or not is_host_and_port(value):
                    raise InvalidRequest("Host", "must be one host and port, such as video.example or [::1]:8000")
            elif name in (b"x-forwarded-proto", b"forwarded"):
                self._warn(value)

    def base(self, scope: Scope) -> str:
        """The base of a link, without a slash at its end."""
        if self.public_url is not None:
            return self.public_url.rstrip("/")
        return f"{scope['scheme']}://{_host(scope['headers']) or _server_address(scope)}"

    def _warn(self, forwarded: bytes) -> None:
        if self._warned or self.public_url is not None or not _HTTPS.match(forwarded):
            return
        self._warned = True
        log.warning(
            "a proxy forwards https requests, but WANSERVE_PUBLIC_URL is not set: "
            "links to videos begin with http://, which clients may not be able to open"
        )


@lru_cache(maxsize=1024)
def is_host_and_port(text: bytes) -> bool:
    """Whether this is a host and perhaps a port: a name, an IPv4 address, or an IPv6 address in brackets.

    An empty text counts as well: a client of HTTP/1.0 may send no host.
    """
    if not text:
        return True
    match = _HOST.fullmatch(text.decode("latin-1"))
    if match is None or int(match[2] or 0) > 65535:
        return False
    try:
        return match[1] is None or bool(ipaddress.IPv6Address(match[1]))
    except ValueError:
        return False


def _host(headers: Iterable[tuple[bytes, bytes]]) -> str:
    return next((value.decode("latin-1") for name, value in headers if name == b"host"), "")


def _server_address(scope: Scope) -> str:
    host, port = scope.get("server") or ("localhost", None)
    bracketed = f"[{host}]" if ":" in host else host
    return bracketed if port is None else f"{bracketed}:{port}"
