"""How the files of tests are marked: as a server does, with a certificate of this run's own."""

from typing import Final

from wanserve.domain.marks import MarkSettings
from wanserve.machine.certificate import make_certificate, read_certificate

PEM: Final = make_certificate("wanserve")
MARKS: Final = MarkSettings("wanserve", read_certificate(PEM, PEM))
