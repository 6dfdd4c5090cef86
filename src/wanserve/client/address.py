"""Where the server is, and the key: as given, else from the environment."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from wanserve.client.errors import InvalidKey, ServerUnreachable
from wanserve.machine.environment import process_environment

DEFAULT_URL: Final = "http://127.0.0.1:8000"
"""Where a server listens that was told nothing else."""


def client_address(url: str | None, key: str | None, environ: Mapping[str, str] | None = None) -> tuple[str, str]:
    """The URL of a running server and an API key of it: as given, else from the environment, else empty."""
    variables = process_environment() if environ is None else environ
    return (
        variables.get("WANSERVE_URL", "").strip() if url is None else url,
        variables.get("WANSERVE_KEY", "").strip() if key is None else key,
    )


def checked_address(url: str | None, key: str | None) -> tuple[str, str]:
    """The same, with the default URL where there is none. Raises ServerUnreachable or InvalidKey for what cannot be one."""
    found, secret = client_address(url, key)
    base = (found or DEFAULT_URL).strip().rstrip("/")
    try:
        parts = urlsplit(base)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine or parts.query or parts.fragment:
        raise ServerUnreachable(f"{base!r} is not the address of a server, such as {DEFAULT_URL}")
    if not secret.isascii() or not secret.isprintable():
        raise InvalidKey(401, "the key has characters that no key has", "invalid_api_key")
    return base, secret
