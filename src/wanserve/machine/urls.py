"""Checks the URLs that the owner sets."""

from urllib.parse import urlsplit


def is_url(text: str) -> bool:
    """Whether this is an http or https URL without a user name, a fragment, blanks or control characters."""
    try:
        parts = urlsplit(text)
        port_is_one = parts.port is None or parts.port > 0
    except ValueError:
        return False
    named = parts.scheme in ("http", "https") and bool(parts.hostname) and port_is_one
    return named and text.isprintable() and not any(letter in text for letter in " #@\\")
