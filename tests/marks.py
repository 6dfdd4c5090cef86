"""How the files of tests are marked: as a server does, with a certificate of this run's own; and a mark that is not written."""

from dataclasses import dataclass
from typing import BinaryIO, Final

from wanserve.domain.marks import MarkSettings, Origin
from wanserve.domain.task import Variant
from wanserve.machine.certificate import make_certificate, read_certificate
from wanserve.media.marks.marker import Mark

PEM: Final = make_certificate("wanserve")
MARKS: Final = MarkSettings("wanserve", read_certificate(PEM, PEM))


@dataclass(frozen=True)
class NotWritten:
    """A mark that is taken out: the file is copied as it is, and is read as if the mark were in it."""

    mark: Mark

    @property
    def name(self) -> str:
        """See Mark."""
        return self.mark.name

    def write(
        self, source: BinaryIO, target: BinaryIO, kind: Variant, origin: Origin, received: BinaryIO | None
    ) -> None:
        """Copy the file."""
        target.write(source.read())

    def require(self, file: BinaryIO, kind: Variant, origin: Origin) -> None:
        """See Mark."""
        self.mark.require(file, kind, origin)
