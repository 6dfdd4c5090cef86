"""The certificate of an installation and its key, in a file of the data directory."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wanserve.domain.errors import SetupError
from wanserve.machine.fsync import write_once


@dataclass(frozen=True, slots=True)
class FileCertificate:
    """A CertificateStore in one file, which only its owner can read."""

    path: Path

    def read(self, make: Callable[[], bytes]) -> bytes:
        """See CertificateStore."""
        try:
            if not self.path.exists():
                write_once(self.path, make())
            return self.path.read_bytes()
        except OSError as error:
            raise SetupError(f"cannot use the certificate {self.path}: {error.strerror or error}") from error
