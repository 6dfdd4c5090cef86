"""Knows how a link to a file proves that we gave it out, and until when it is good."""

import hmac
import logging
import os
import re
import secrets
from base64 import urlsafe_b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from wanserve.domain.errors import SetupError, WanserveError
from wanserve.machine.fsync import sync

log = logging.getLogger(__name__)

_SECRET_BYTES = 32

# Seconds in at most so many digits: enough for 30 million years, and no text becomes a number that takes long to read.
_EXPIRY = re.compile(r"[0-9]{1,15}", re.ASCII)


class LinkInvalid(WanserveError):
    """The link was not given out by this server, or was altered."""

    code = "link_invalid"
    status = 403


class LinkExpired(WanserveError):
    """The link was good once."""

    code = "link_expired"
    status = 403


@dataclass(frozen=True, slots=True)
class LinkSigner:
    """Signs links with one secret; whoever has the same secret can check them."""

    secret: bytes = field(repr=False)

    def query(self, key: str, expires_s: int) -> str:
        """The query that makes a link to `key` good until `expires_s`, in seconds since 1970."""
        return f"expires={expires_s}&signature={self._signature(key, str(expires_s))}"

    def verify(self, key: str, expires_text: str, signature_text: str, now_s: int) -> None:
        """Return where the link is good at `now_s`, in seconds since 1970. Raises LinkInvalid, LinkExpired.

        The texts are as the client sent them: any text at all may come.
        """
        # The texts themselves are signed and compared, so that none of the other ways to write a number or to end a
        # base64 text passes. Bytes, as compare_digest takes no text beyond ASCII.
        expected = self._signature(key, expires_text).encode()
        if not hmac.compare_digest(expected, signature_text.encode("utf-8", "surrogatepass")):
            raise LinkInvalid("The link is not valid.")
        if not _EXPIRY.fullmatch(expires_text):
            raise LinkInvalid("The link is not valid.")
        if now_s >= int(expires_text):
            raise LinkExpired("The link has expired.")

    def _signature(self, key: str, expires_text: str) -> str:
        # With the length of the first text before it, no two pairs make one message.
        message = f"wanserve file\n{len(expires_text)}\n{expires_text}\n{key}"
        digest = hmac.digest(self.secret, message.encode("utf-8", "surrogatepass"), "sha256")
        return urlsafe_b64encode(digest).rstrip(b"=").decode()


def load_secret(path: Path) -> bytes:
    """Read the secret of 32 bytes; the first to come makes it, readable for its owner alone.

    Raises SetupError where it can be neither read nor made, or is not whole.
    """
    try:
        if not path.exists():
            _place_secret(path, secrets.token_bytes(_SECRET_BYTES))
        secret = path.read_bytes()
    except OSError as error:
        raise SetupError(f"cannot use the link secret {path}: {error.strerror or error}") from error
    if len(secret) != _SECRET_BYTES:
        raise SetupError(
            f"the link secret {path} holds {len(secret)} bytes instead of {_SECRET_BYTES}:"
            " remove it and a new one is made, with which links given out before no longer work"
        )
    return secret


def put_back_secret(path: Path, secret: bytes) -> None:
    """Write the secret again where its file has gone: with another one, all links would end at the next start.

    Raises OSError.
    """
    if not path.exists():
        log.warning("the link secret %s has gone and is put back", path)
        _place_secret(path, secret)


def _place_secret(path: Path, secret: bytes) -> None:
    """Put the secret in place, whole or not at all, unless another process is faster."""
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(8)}~")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, does not replace a secret that somebody made meanwhile and may have used.
        with suppress(FileExistsError):
            path.hardlink_to(unfinished)
    finally:
        unfinished.unlink()
    sync(path.parent)
