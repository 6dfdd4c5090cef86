"""How the files of this installation are marked by its settings, and by which certificate."""

import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from wanserve.domain.errors import SetupError
from wanserve.domain.marks import Certificate, CertificateStore, MarkSettings
from wanserve.machine.certificate import make_certificate, read_certificate, valid_until, without_key
from wanserve.settings import Settings

log = logging.getLogger(__name__)

WARNED_DAYS: Final = 30
"""So many days before the certificate expires each start says so."""


def mark_settings(settings: Settings, store: CertificateStore) -> MarkSettings:
    """What a worker's child process needs to mark files. Raises SetupError for a certificate that cannot sign."""
    certificate = certificate_of(settings, store)
    if (left := valid_until(certificate) - datetime.now(UTC)) < timedelta(days=WARNED_DAYS):
        log.warning("the certificate that signs the videos expires in %d days", left.days)
    return MarkSettings(
        settings.producer,
        certificate,
        settings.marks,
        watermark_always=settings.watermark == "always",
        watermark_text=settings.watermark_text,
    )


def certificate_of(settings: Settings, store: CertificateStore) -> Certificate:
    """The certificate of the owner's where the settings name one, else that of the installation. Raises SetupError."""
    if settings.certificate is None or settings.certificate_key is None:
        pem = store.read(lambda: make_certificate(settings.producer))
        return _checked("the certificate of this installation", pem, pem, settings.timestamp_url)
    chain, key = settings.certificate, settings.certificate_key
    return _checked(
        f"certificate: {chain}", _read("certificate", chain), _read("certificate_key", key), settings.timestamp_url
    )


def known_certificates(settings: Settings, store: CertificateStore) -> bytes:
    """The certificates by which this installation signs, or has signed, as PEM; also those that have expired.

    Nothing where there are none: none is made.
    """
    own = b""
    with suppress(SetupError):
        own = store.read(_make_none)
    owners = b"" if settings.certificate is None else _read("certificate", settings.certificate)
    return without_key(own) + without_key(owners)


def _make_none() -> bytes:
    raise SetupError("nothing was signed here yet")


def _checked(what: str, chain: bytes, key: bytes, timestamp_url: str | None) -> Certificate:
    try:
        return read_certificate(chain, key, timestamp_url)
    except SetupError as error:
        raise SetupError(f"{what}: {error}") from error


def _read(setting: str, path: Path) -> bytes:
    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        raise SetupError(f"{setting}: {path} cannot be read: {error.strerror or error}") from error
