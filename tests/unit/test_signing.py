"""Which certificate signs by the settings, and by which ones the files of this installation are recognised."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from tests.certificates import Issued, Order, issue
from wanserve.domain.errors import SetupError
from wanserve.domain.marks import MarksPolicy, WatermarkText
from wanserve.machine.certificate import make_certificate, without_key
from wanserve.machine.certificate_file import FileCertificate
from wanserve.settings import Settings
from wanserve.signing import known_certificates, mark_settings


def owners(folder: Path, issued: Issued) -> Settings:
    chain, key = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(issued.chain)
    key.write_bytes(issued.key)
    return Settings(data_dir=folder, certificate=chain, certificate_key=key)


@pytest.fixture
def store(tmp_path: Path) -> FileCertificate:
    return FileCertificate(tmp_path / "certificate.pem")


def test_an_installation_makes_its_own_and_marks_as_the_settings_say(tmp_path: Path, store: FileCertificate) -> None:
    settings = Settings(
        data_dir=tmp_path,
        producer="Example",
        marks=MarksPolicy.BEST_EFFORT,
        watermark="always",
        watermark_text=WatermarkText.ENGLISH,
    )
    marks = mark_settings(settings, store)
    assert (marks.producer, marks.policy) == ("Example", MarksPolicy.BEST_EFFORT)
    assert (marks.watermark_always, marks.watermark_text) == (True, WatermarkText.ENGLISH)
    assert marks.certificate == mark_settings(settings, store).certificate
    assert marks.certificate.chain in known_certificates(settings, store)


def test_an_owners_certificate_comes_first_and_none_is_made(tmp_path: Path, store: FileCertificate) -> None:
    issued = issue()
    settings = owners(tmp_path, issued)
    assert mark_settings(settings, store).certificate.chain == issued.chain
    assert not store.path.exists()


def test_files_are_recognised_by_every_certificate_that_signed_here_also_an_expired_one(
    tmp_path: Path, store: FileCertificate
) -> None:
    own = store.read(lambda: make_certificate("Example"))
    issued = issue(Order(begins=timedelta(days=-9), ends=timedelta(days=-1)))
    settings = owners(tmp_path, issued)
    with pytest.raises(SetupError, match=r"chain\.pem: the certificate expired on"):
        mark_settings(settings, store)
    known = known_certificates(settings, store)
    assert known == without_key(own) + issued.chain
    assert b"PRIVATE" not in known


def test_looking_makes_no_certificate(tmp_path: Path, store: FileCertificate) -> None:
    assert known_certificates(Settings(data_dir=tmp_path), store) == b""
    assert not store.path.exists()


@pytest.mark.parametrize(("days", "told"), [(29, True), (31, False)])
def test_a_start_says_that_a_certificate_is_about_to_expire(
    days: int, told: bool, tmp_path: Path, store: FileCertificate, caplog: pytest.LogCaptureFixture
) -> None:
    settings = owners(tmp_path, issue(Order(ends=timedelta(days=days, hours=1))))
    with caplog.at_level(logging.WARNING):
        # The authority of these tests is valid for a year.
        mark_settings(settings, store)
    assert (f"expires in {days} days" in caplog.text) == told
