"""Under which scheme, host and port clients reach this server: the base of the links that it gives out."""

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

# Names with an underscore are none of the DNS's, but services of a compose file have them.
_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|[A-Za-z0-9._-]{1,255})(?::(\d{1,5})?)?", re.ASCII)
_HTTPS: Final = re.compile(rb"\s*https\b|.*\bproto=\"?https\b", re.IGNORECASE)


@dataclass(slots=True)
class Origin:
    """`public_url` is what the owner says of it, or None: then it is the address that the client used."""

    public_url: str | None = None
    _warned: bool = field(default=False, init=False)

    def check(self, scope: Scope) -> None:
        """Raise InvalidRequest where the request's Host is no host and port.

        A proxy that ends TLS and of which no public URL is set is told of in the log, once.
        """
        hosts = 0
        for name, value in scope["headers"]:
            if name == b"host":
                hosts += 1
                if hosts > 1 or not is_host(value):
                    raise InvalidRequest("Host", "must be one host and port, such as video.example or [::1]:8000")
            elif name in (b"x-forwarded-proto", b"forwarded"):
                self._warn(value)

    def base(self, scope: Scope) -> str:
        """The base of a link, without a slash at its end."""
        if self.public_url is not None:
            return self.public_url.rstrip("/")
        return f"{scope['scheme']}://{_host(scope['headers']) or _listening(scope)}"

    def _warn(self, forwarded: bytes) -> None:
        if self._warned or self.public_url is not None or not _HTTPS.match(forwarded):
            return
        self._warned = True
        log.warning(
            "a proxy forwards requests that came by https, and WANSERVE_PUBLIC_URL is not set: "
            "links to videos begin with http://, which its clients may not be able to open"
        )


@lru_cache(maxsize=1024)
def is_host(text: bytes) -> bool:
    """Whether this is a host and perhaps a port: a name, an IPv4 address, or an IPv6 address in brackets.

    An empty one is, too: it is how a client of HTTP/1.0 names none.
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


def _listening(scope: Scope) -> str:
    host, port = scope.get("server") or ("localhost", None)
    named = f"[{host}]" if ":" in host else host
    return named if port is None else f"{named}:{port}"
