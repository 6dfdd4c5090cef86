"""China's label in an MP4: FFmpeg, ExifTool and MediaInfo read it, and read the title and the comment beside it too."""

import json
import subprocess
from io import BytesIO
from pathlib import Path

import pytest

from tests import needs
from tests.pictures import pictures_of
from tests.unit.media.conftest import Draw
from wanserve.domain.errors import MediaDamaged
from wanserve.domain.generation import Generation
from wanserve.domain.marks import AigcLabel
from wanserve.domain.ports import Clip
from wanserve.media import mp4
from wanserve.media.boxes import Part, joined, parts, read_index, replace_index
from wanserve.media.marks.mp4_label import KEY, read_label, write_label

LABEL = AigcLabel(producer='Müller & Söhne 视频 "GmbH"', produce_id="19d8e7a6-c652-4f0e-9a53-0f6f4a1e2b3c")


def labelled(content: bytes, label: AigcLabel = LABEL) -> bytes:
    target = BytesIO()
    write_label(BytesIO(content), target, label)
    return target.getvalue()


@pytest.fixture
def video(tmp_path: Path, draw: Draw, generation: Generation) -> bytes:
    """A video as the encoder leaves it."""
    path = tmp_path / "plain.mp4"
    mp4.write(path, Clip(draw(generation)), generation, mp4.provenance("animatic", generation))
    return path.read_bytes()


def test_the_label_is_read_back_and_the_pictures_are_the_same(video: bytes) -> None:
    after = labelled(video)
    assert read_label(BytesIO(video)) is None
    assert read_label(BytesIO(after)) == LABEL
    assert pictures_of(after) == pictures_of(video)


def asked(label: AigcLabel) -> dict[str, str]:
    """The label as the standard has it."""
    return {
        "Label": label.label,
        "ContentProducer": label.producer,
        "ProduceID": label.produce_id,
        "ReservedCode1": "",
        "ContentPropagator": label.propagator,
        "PropagateID": label.propagate_id,
        "ReservedCode2": "",
    }


def ffprobe(path: Path) -> dict[str, str]:
    command = [needs.program("ffprobe"), "-v", "error", "-show_entries", "format_tags", "-of", "json", str(path)]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["format"]["tags"]
    return {"label": told["AIGC"], "title": told["title"], "comment": told["comment"]}


def exiftool(path: Path) -> dict[str, str]:
    command = [needs.program("exiftool"), "-json", "-api", "struct=0", str(path)]
    (told,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return {"label": told["AIGC"], "title": told["Title"], "comment": told["Comment"]}


def mediainfo(path: Path) -> dict[str, str]:
    command = [needs.program("mediainfo"), "--Output=JSON", str(path)]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["media"]["track"][0]
    return {"label": told["extra"]["AIGC"], "title": told["Title"], "comment": told["Comment"]}


@pytest.mark.parametrize("witness", [ffprobe, exiftool, mediainfo])
def test_other_tools_read_the_label_the_title_and_the_comment(
    witness: object, video: bytes, generation: Generation, tmp_path: Path
) -> None:
    assert callable(witness)
    path = tmp_path / "labelled.mp4"
    path.write_bytes(labelled(video))
    told = witness(path)
    # ExifTool gives what looks like JSON as an object.
    label = told["label"] if isinstance(told["label"], dict) else json.loads(told["label"])
    assert label == asked(LABEL)
    tags = mp4.provenance("animatic", generation)
    assert (told["title"], told["comment"]) == (tags["title"], tags["comment"])


def test_it_stands_where_the_standard_has_it(video: bytes) -> None:
    """`moov.udta.meta`, in its `keys` and its `ilst`."""
    index = read_index(BytesIO(labelled(video)))
    (user_data,) = (part for part in parts(index) if part.name == b"udta")
    older, ours = (part for part in parts(user_data.content) if part.name == b"meta")
    assert b"\xa9nam" in older.content
    assert b"AIGC" not in older.content
    names = [part.name for part in parts(ours.content[4:])]
    assert names == [b"hdlr", b"keys", b"ilst"]


def test_a_label_takes_the_place_of_the_one_before(video: bytes) -> None:
    other = AigcLabel(label="2", propagator="someone", propagate_id="7")
    after = labelled(labelled(video), other)
    assert read_label(BytesIO(after)) == other
    assert after.count(KEY) == 1
    assert len(after) < len(labelled(video)) + 20


def test_what_else_is_in_the_metadata_stays(video: bytes) -> None:
    """Another program's keys, in the same box as a label of its own."""

    def two_keys(content: bytes) -> bytes:
        value = Part(b"data", bytes([0, 0, 0, 1]) + bytes(4) + b"hers").raw
        label = Part(b"data", bytes([0, 0, 0, 1]) + bytes(4) + b'{"Label": "3"}').raw
        keys = [Part(b"mdta", b"com.example.her"), Part(b"mdta", KEY)]
        items = [Part(b"\0\0\0\1", value), Part(b"\0\0\0\2", label)]
        handler = Part(b"hdlr", bytes(8) + b"mdta" + bytes(13))
        meta = Part(
            b"meta",
            bytes(4) + joined([handler, Part(b"keys", bytes(7) + b"\2" + joined(keys)), Part(b"ilst", joined(items))]),
        )
        return content + Part(b"udta", meta.raw).raw

    target = BytesIO()
    replace_index(BytesIO(video), target, two_keys)
    hers = target.getvalue()
    before = read_label(BytesIO(hers))
    assert before == AigcLabel(label="3")
    after = labelled(hers)
    assert read_label(BytesIO(after)) == LABEL
    assert (after.count(KEY), after.count(b"com.example.her"), after.count(b"hers")) == (1, 1, 1)


@pytest.mark.parametrize(
    "text", ["", "no json", "[]", '"Label"', "{}", '{"ContentProducer": "a"}', "null", "1", '{"Label"']
)
def test_what_is_no_label_is_none(text: str) -> None:
    assert AigcLabel.read(text) is None


def test_a_number_of_no_key_is_refused(video: bytes) -> None:
    index = labelled(video)
    place = index.rindex(b"ilst") + 8
    with pytest.raises(MediaDamaged, match="a value of key 9, and 1 keys"):
        read_label(BytesIO(index[:place] + b"\0\0\0\x09" + index[place + 4 :]))
