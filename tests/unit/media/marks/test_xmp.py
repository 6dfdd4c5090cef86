"""The labels of pictures: ExifTool reads them, the picture itself stays as it was, and foreign XMP is read with care."""

import json
import struct
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import needs
from tests.pictures import pictures_of
from wanserve.domain.errors import MediaDamaged
from wanserve.domain.marks import AigcLabel, DigitalSource
from wanserve.domain.task import Variant
from wanserve.media.marks.xmp import PictureLabels, read_labels, with_labels

from .pictures import KINDS, write_pictures

LABELS = PictureLabels(
    AigcLabel(producer='Müller & Söhne <视频> "GmbH"', produce_id="task"), DigitalSource.TRAINED.uri, "wanserve 1.2.3"
)
HERS = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:T="http://www.tc260.org.cn/ns/AIGC/1.0/"
 xmlns:I="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" T:AIGC='{"Label": "2"}' I:DigitalSourceType="http://x/y"/>
</rdf:RDF></x:xmpmeta>"""


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Variant:
    found: Variant = request.param
    return found


@pytest.fixture
def picture(kind: Variant, tmp_path: Path) -> bytes:
    return write_pictures(tmp_path)[kind].read_bytes()


def test_the_labels_are_read_back_and_the_picture_is_the_same(kind: Variant, picture: bytes) -> None:
    after = with_labels(picture, kind, LABELS)
    assert read_labels(picture, kind) is None
    assert read_labels(after, kind) == LABELS
    assert pictures_of(after) == pictures_of(picture)


def test_they_take_the_place_of_those_before(kind: Variant, picture: bytes) -> None:
    once = with_labels(picture, kind, PictureLabels(AigcLabel("2"), "http://x/y"))
    assert with_labels(once, kind, LABELS) == with_labels(picture, kind, LABELS)


def test_exiftool_reads_them(kind: Variant, picture: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"labelled.{kind}"
    path.write_bytes(with_labels(picture, kind, LABELS))
    done = subprocess.run(
        [needs.program("exiftool"), "-json", "-n", "-a", "-G1", path],
        capture_output=True,
        check=True,
    )
    (told,) = json.loads(done.stdout)
    label = told["XMP-TC260:Aigc"]
    assert AigcLabel.read(label if isinstance(label, str) else json.dumps(label)) == LABELS.label
    assert told["XMP-iptcExt:DigitalSourceType"] == DigitalSource.TRAINED.uri
    assert told["XMP-xmp:CreatorTool"] == "wanserve 1.2.3"


def _png(xmp: bytes, picture: bytes) -> bytes:
    labelled = with_labels(picture, Variant.PREVIEW, LABELS)
    packet = LABELS.packet
    head = labelled.index(b"iTXt") - 4
    chunk = b"iTXtXML:com.adobe.xmp\0\0\0\0\0" + xmp
    end = labelled.index(packet) + len(packet)
    return labelled[:head] + struct.pack(">I", len(chunk) - 4) + chunk + labelled[end:]


def test_labels_of_others_may_be_attributes(tmp_path: Path) -> None:
    picture = write_pictures(tmp_path)[Variant.PREVIEW].read_bytes()
    assert read_labels(_png(HERS.encode(), picture), Variant.PREVIEW) == PictureLabels(AigcLabel("2"), "http://x/y", "")


@pytest.mark.parametrize(
    "xmp",
    [
        b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]><x>&a;</x>",
        b"<x><!ENTITY a 'b'></x>",
        b"<x>",
        b"\xff\xfe",
        b"no xml",
        b"<x>" + b" " * 60_000 + b"</x>",
    ],
)
def test_xmp_that_is_broken_or_dangerous_is_refused(xmp: bytes, tmp_path: Path) -> None:
    picture = write_pictures(tmp_path)[Variant.PREVIEW].read_bytes()
    with pytest.raises(MediaDamaged, match="its XMP"):
        read_labels(_png(xmp, picture), Variant.PREVIEW)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\xff\xd8", b"RIFF\0\0\0\0WEBP", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_of_this_kind_is_refused_or_has_no_labels(kind: Variant, content: bytes) -> None:
    with suppress(MediaDamaged):
        assert read_labels(content, kind) is None
    if kind is not Variant.SPRITESHEET or not content.startswith(b"\xff\xd8"):
        with pytest.raises(MediaDamaged):
            with_labels(content, kind, LABELS)


@given(st.data())
def test_a_picture_that_is_cut_or_changed_anywhere_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(KINDS))
    content = bytearray(_SAMPLES[kind])
    place = data.draw(st.integers(0, len(content)))
    damage = data.draw(st.binary(max_size=8))
    content[place : place + len(damage)] = damage
    cut = bytes(content[: data.draw(st.integers(0, len(content)))])
    with suppress(MediaDamaged):
        read_labels(cut, kind)
    with suppress(MediaDamaged):
        with_labels(cut, kind, LABELS)


def _samples() -> dict[Variant, bytes]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return {
            kind: with_labels(path.read_bytes(), kind, LABELS) for kind, path in write_pictures(Path(folder)).items()
        }


_SAMPLES = _samples()
