"""The secret of the links, in a file of the data directory."""

import logging
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wanserve.domain.errors import SetupError
from wanserve.machine.fsync import write_once

log = logging.getLogger(__name__)

SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class FileLinkSecret:
    """A LinkSecret in one file."""

    path: Path

    def read(self) -> bytes:
        """The secret of 32 bytes. The first call of all creates it.

        Raises SetupError where it can be neither read nor created, or has another length.
        """
        path = self.path
        try:
            if not path.exists():
                write_once(path, secrets.token_bytes(SECRET_BYTES))
            secret = path.read_bytes()
        except OSError as error:
            raise SetupError(f"cannot use the link secret {path}: {error.strerror or error}") from error
        if len(secret) != SECRET_BYTES:
            raise SetupError(
                f"the link secret {path} holds {len(secret)} bytes instead of {SECRET_BYTES}:"
                " delete it, and the next start creates a new one. Earlier links then no longer work"
            )
        return secret

    def restore(self, secret: bytes) -> None:
        """See LinkSecret."""
        if not self.path.exists():
            log.warning("the link secret %s was deleted and is written again", self.path)
            write_once(self.path, secret)
