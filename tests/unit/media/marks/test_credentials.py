"""Content Credentials: c2pa's own reader finds them valid, and finds each change of the file and of what is said of it."""

import json
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import c2pa
import pytest

from tests.certificates import Order, issue
from tests.marks import MARKS
from tests.pictures import pictures_of
from tests.timestamps import Authority, authority
from wanserve.domain.errors import MarksFailed
from wanserve.domain.marks import DigitalSource, Origin
from wanserve.domain.task import Variant
from wanserve.machine.certificate import read_certificate
from wanserve.media import probe
from wanserve.media.marks import credentials

CERTIFICATE = MARKS.certificate
SIGNED = (Variant.VIDEO, Variant.THUMBNAIL, Variant.SPRITESHEET)


@pytest.fixture(params=SIGNED)
def kind(request: pytest.FixtureRequest) -> Variant:
    found: Variant = request.param
    return found


def signed(path: Path, kind: Variant, origin: Origin, certificate: Any = CERTIFICATE, received: Any = None) -> bytes:
    with path.open("rb") as source:
        target = BytesIO()
        credentials.sign(source, target, kind.media_type, origin, certificate, received)
    return target.getvalue()


def manifest_of(content: bytes, kind: Variant) -> dict[str, Any]:
    """The newest manifest, as c2pa's own reader tells it with its own settings."""
    told: dict[str, Any] = json.loads(c2pa.Reader(kind.media_type, BytesIO(content)).json())
    found: dict[str, Any] = told["manifests"][told["active_manifest"]]
    return found | {"state": told["validation_state"], "status": told.get("validation_status", [])}


def test_c2pas_own_reader_finds_them_valid(kind: Variant, files: dict[Variant, Path], origin: Origin) -> None:
    content = signed(files[kind], kind, origin)
    told = manifest_of(content, kind)
    assert told["state"] == "Valid"
    assert [each["code"] for each in told["status"]] == ["signingCredential.untrusted"]
    assert told["claim_generator_info"][0]["name"] == "wanserve"
    (actions,) = (each for each in told["assertions"] if each["label"] == "c2pa.actions.v2")
    (action,) = actions["data"]["actions"]
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"] == "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    assert action["softwareAgent"]["name"] == "wanserve engine wan"
    assert action["when"] == "2026-09-21T14:13:20Z"
    assert action["parameters"] == {"model": "wan2.2-t2v-plus", "producer": "Example Studio"}
    assert actions["created"], "it is the signer's own word"
    assert told["signature_info"]["alg"] == "Es256"
    assert pictures_of(content) == pictures_of(files[kind])


def test_a_stream_begins_at_once_as_before(files: dict[Variant, Path], origin: Origin) -> None:
    path = files[Variant.VIDEO]
    path.write_bytes(signed(path, Variant.VIDEO, origin))
    facts = probe.read(path)
    assert facts.faststart
    assert facts.tags["title"] == "Generated video"


def test_what_is_read_is_what_was_signed(kind: Variant, files: dict[Variant, Path], origin: Origin) -> None:
    content = BytesIO(signed(files[kind], kind, origin))
    found = credentials.read(content, kind.media_type)
    assert found is not None
    assert (found.trusted, found.altered, found.problems) == (False, False, ())
    assert found.signer == "wanserve, wanserve installation"
    assert (found.made_by, found.model, found.made_at) == (
        "wanserve engine wan",
        "wan2.2-t2v-plus",
        "2026-09-21T14:13:20Z",
    )
    assert found.source == DigitalSource.TRAINED.uri
    assert found.signed_at == ""
    here = credentials.read(content, kind.media_type, CERTIFICATE.chain)
    assert here is not None
    assert here.trusted
    elsewhere = credentials.read(content, kind.media_type, issue().root)
    assert elsewhere is not None
    assert not elsewhere.trusted
    credentials.require(content, kind.media_type, origin, CERTIFICATE)


def test_a_file_without_them_has_none(kind: Variant, files: dict[Variant, Path], origin: Origin) -> None:
    content = BytesIO(files[kind].read_bytes())
    assert credentials.read(content, kind.media_type) is None
    with pytest.raises(MarksFailed, match="it has no Content Credentials"):
        credentials.require(content, kind.media_type, origin, CERTIFICATE)
    assert credentials.read(BytesIO(b"a text"), "text/plain") is None


def changed(content: bytes, kind: Variant) -> Iterator[tuple[str, bytes]]:
    """The file with one bit of the picture changed, and with one of what is said of it."""
    picture = {Variant.VIDEO: b"mdat", Variant.THUMBNAIL: b"VP8 ", Variant.SPRITESHEET: b"\xff\xda"}[kind]
    for name, place in (
        ("the picture", content.index(picture) + 40),
        ("the model", content.index(b"wan2.2-t2v-plus")),
        ("the engine", content.index(b"wanserve engine")),
        ("the time", content.index(b"2026-09-21T14:13:20Z") + 3),
    ):
        yield name, content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def test_each_change_is_told_as_such(kind: Variant, files: dict[Variant, Path], origin: Origin) -> None:
    for name, content in changed(signed(files[kind], kind, origin), kind):
        found = credentials.read(BytesIO(content), kind.media_type, CERTIFICATE.chain)
        assert found is not None, name
        assert found.altered, name
        assert not found.trusted, name
        with pytest.raises(MarksFailed, match="its Content Credentials are not valid"):
            credentials.require(BytesIO(content), kind.media_type, origin, CERTIFICATE)


def test_the_whole_file_is_covered(files: dict[Variant, Path], origin: Origin) -> None:
    """Of a video: its title too, and not only its pictures."""
    content = signed(files[Variant.VIDEO], Variant.VIDEO, origin)
    assert content.count(b"Generated video, not a recording") > 0
    place = content.index(b"Generated video, not a recording")
    found = credentials.read(BytesIO(content[:place] + b"X" + content[place + 1 :]), "video/mp4")
    assert found is not None
    assert found.altered


def test_another_origin_or_signer_is_not_taken_for_ours(files: dict[Variant, Path], origin: Origin) -> None:
    owners = issue()
    hers = read_certificate(owners.chain, owners.key)
    content = BytesIO(signed(files[Variant.VIDEO], Variant.VIDEO, origin, hers))
    with pytest.raises(MarksFailed, match=r"not valid: signingCredential\.untrusted"):
        credentials.require(content, "video/mp4", origin, CERTIFICATE)
    credentials.require(content, "video/mp4", origin, hers)
    from dataclasses import replace

    with pytest.raises(MarksFailed, match="tell of another origin"):
        credentials.require(content, "video/mp4", replace(origin, model="another"), hers)


@pytest.mark.parametrize("ends", [-3600, 3600])
def test_an_expired_certificate_is_found_at_the_latest_when_it_is_read_back(
    ends: int, files: dict[Variant, Path], origin: Origin
) -> None:
    """As where it expires while the server runs."""
    from datetime import timedelta

    owners = issue(Order(begins=timedelta(days=-9), ends=timedelta(seconds=ends)))
    certificate = CERTIFICATE.__class__(owners.chain, owners.key)

    def sign_and_read() -> None:
        content = BytesIO(signed(files[Variant.VIDEO], Variant.VIDEO, origin, certificate))
        credentials.require(content, "video/mp4", origin, certificate)

    if ends > 0:
        sign_and_read()
        return
    with pytest.raises(MarksFailed):
        sign_and_read()


def test_a_file_of_another_signer_is_named_as_what_ours_was_made_from(
    files: dict[Variant, Path], origin: Origin, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs.mp4"
    owners = issue()
    theirs.write_bytes(signed(files[Variant.VIDEO], Variant.VIDEO, origin, read_certificate(owners.chain, owners.key)))
    with theirs.open("rb") as received:
        content = signed(theirs, Variant.VIDEO, origin, received=received)
    told = json.loads(c2pa.Reader("video/mp4", BytesIO(content)).json())
    assert len(told["manifests"]) == 2, "what they signed is kept"
    (ingredient,) = told["manifests"][told["active_manifest"]]["ingredients"]
    assert ingredient["relationship"] == "parentOf"
    assert manifest_of(content, Variant.VIDEO)["state"] == "Valid"
    found = credentials.read(BytesIO(content), "video/mp4", CERTIFICATE.chain)
    assert found is not None
    assert (found.trusted, found.problems, found.source) == (True, (), DigitalSource.TRAINED.uri)


def test_a_file_without_credentials_is_not_named(files: dict[Variant, Path], origin: Origin) -> None:
    with files[Variant.VIDEO].open("rb") as received:
        content = signed(files[Variant.VIDEO], Variant.VIDEO, origin, received=received)
    assert not manifest_of(content, Variant.VIDEO).get("ingredients")


def test_a_key_that_does_not_fit_is_an_error_and_no_crash(files: dict[Variant, Path], origin: Origin) -> None:
    certificate = CERTIFICATE.__class__(CERTIFICATE.chain, b"no key")
    with pytest.raises(MarksFailed, match="cannot be signed"):
        signed(files[Variant.VIDEO], Variant.VIDEO, origin, certificate)


@pytest.fixture
def stamps(tmp_path: Path) -> Iterator[Authority]:
    with authority(tmp_path) as found:
        yield found


def test_a_time_stamping_authority_says_when(files: dict[Variant, Path], origin: Origin, stamps: Authority) -> None:
    certificate = read_certificate(CERTIFICATE.chain, CERTIFICATE.key, stamps.url)
    content = BytesIO(signed(files[Variant.VIDEO], Variant.VIDEO, origin, certificate))
    assert stamps.asked == 1
    found = credentials.read(content, "video/mp4", CERTIFICATE.chain)
    assert found is not None
    assert found.signed_at.startswith("20")
    credentials.require(content, "video/mp4", origin, certificate)


@pytest.mark.parametrize("answer", ["refused", "nonsense"])
def test_one_that_does_not_stamp_is_told(
    answer: str, files: dict[Variant, Path], origin: Origin, stamps: Authority
) -> None:
    stamps.answers = answer
    certificate = read_certificate(CERTIFICATE.chain, CERTIFICATE.key, stamps.url)
    with pytest.raises(MarksFailed, match="cannot be signed"):
        signed(files[Variant.VIDEO], Variant.VIDEO, origin, certificate)


def test_one_that_cannot_be_reached_is_told(files: dict[Variant, Path], origin: Origin) -> None:
    certificate = read_certificate(CERTIFICATE.chain, CERTIFICATE.key, "http://127.0.0.1:9/")
    with pytest.raises(MarksFailed, match="cannot be signed"):
        signed(files[Variant.VIDEO], Variant.VIDEO, origin, certificate)


def test_reading_asks_nobody(files: dict[Variant, Path], origin: Origin, tmp_path: Path) -> None:
    """A file may name a place of its credentials; it is not asked, as that would tell who looks at which file."""
    with authority(tmp_path) as listens:
        actions = [{"action": "c2pa.created", "digitalSourceType": DigitalSource.TRAINED.uri}]
        manifest = {
            "claim_generator_info": [{"name": "x"}],
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
        }
        with c2pa.Builder(manifest) as builder:
            builder.set_no_embed()
            builder.set_remote_url(listens.url)
            info = c2pa.C2paSignerInfo(b"es256", CERTIFICATE.chain, CERTIFICATE.key, None)
            copy = tmp_path / "copy.jpg"
            shutil.copy(files[Variant.SPRITESHEET], copy)
            with c2pa.Signer.from_info(info) as signer, copy.open("rb") as source:
                target = BytesIO()
                builder.sign(signer, "image/jpeg", source, target)
        with pytest.raises(MarksFailed, match="must fetch remote manifests"):
            credentials.read(target, "image/jpeg")
        assert listens.asked == 0
