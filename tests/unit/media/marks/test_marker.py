"""Every file of an attempt has every mark, or the attempt fails: each mark is taken out once, written wrong once."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.certificates import issue
from tests.marks import MARKS, NotWritten
from tests.pictures import pictures_of
from wanserve.domain.errors import MarksFailed, MediaDamaged, MediaUnavailable
from wanserve.domain.marks import AigcLabel, DigitalSource, MarksPolicy, Origin
from wanserve.domain.task import Variant
from wanserve.machine.certificate import read_certificate
from wanserve.media.marks import credentials, mp4_label, xmp
from wanserve.media.marks.marker import MARKED, Label, Mark, Marker, SignedCredentials, labelled

ALL: Sequence[Mark] = (Label(), SignedCredentials(MARKS.certificate))
REQUIRED = Marker.by(MARKS)


@dataclass(frozen=True)
class OfAnotherTask(NotWritten):
    """A mark that is written with a wrong origin, as a bug might."""

    def write(
        self, source: BinaryIO, target: BinaryIO, kind: Variant, origin: Origin, received: BinaryIO | None
    ) -> None:
        wrong = replace(origin, task_id="another", source=DigitalSource.ALGORITHMIC, engine="another")
        self.mark.write(source, target, kind, wrong, received)


class Broken(NotWritten):
    """A mark that cannot be written."""

    def write(
        self, source: BinaryIO, target: BinaryIO, kind: Variant, origin: Origin, received: BinaryIO | None
    ) -> None:
        raise MarksFailed("out of order")


def marks_with(change: type[NotWritten], number: int) -> list[Mark]:
    return [change(mark) if place == number else mark for place, mark in enumerate(ALL)]


def labels_of(path: Path, kind: Variant) -> AigcLabel | None:
    if kind is Variant.VIDEO:
        return mp4_label.read_label(BytesIO(path.read_bytes()))
    found = xmp.read_labels(path.read_bytes(), kind)
    return found.label if found else None


def test_each_file_has_each_mark(files: Mapping[Variant, Path], origin: Origin) -> None:
    before = {kind: pictures_of(path) for kind, path in files.items()}
    assert REQUIRED.mark(files, origin) == []
    for kind in MARKED:
        with files[kind].open("rb") as file:
            label = labels_of(files[kind], kind)
            assert label == AigcLabel("1", "Example Studio", origin.task_id)
            found = credentials.read(file, kind.media_type, MARKS.certificate.chain)
            assert found is not None
            assert (found.trusted, found.problems, found.altered) == (True, (), False)
            assert pictures_of(files[kind]) == before[kind]
    assert sorted(files[Variant.VIDEO].parent.iterdir()) == sorted(files.values()), "nothing else is left there"


@pytest.mark.parametrize("change", [NotWritten, OfAnotherTask, Broken])
@pytest.mark.parametrize("number", range(len(ALL)))
@pytest.mark.parametrize("kind", MARKED)
def test_without_one_of_them_no_file_passes(
    change: type[NotWritten], number: int, kind: Variant, files: Mapping[Variant, Path], origin: Origin
) -> None:
    marker = Marker(marks_with(change, number), MarksPolicy.REQUIRED)
    with pytest.raises(MarksFailed):
        marker.mark({kind: files[kind]}, origin)


@pytest.mark.parametrize("change", [NotWritten, Broken])
@pytest.mark.parametrize("number", range(len(ALL)))
def test_where_marks_are_made_as_well_as_can_be_the_file_is_kept_with_a_note(
    change: type[NotWritten],
    number: int,
    files: Mapping[Variant, Path],
    origin: Origin,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = {kind: pictures_of(path) for kind, path in files.items()}
    marker = Marker(marks_with(change, number), MarksPolicy.BEST_EFFORT)
    with caplog.at_level(logging.WARNING):
        notes = marker.mark(files, origin)
    assert notes
    assert all(note.startswith(f"without its {ALL[number].name}: ") for note in notes)
    assert f"the file is kept without its {ALL[number].name}" in caplog.text
    for kind in MARKED:
        assert pictures_of(files[kind]) == before[kind]
        with files[kind].open("rb") as file:
            assert (labels_of(files[kind], kind) is None) == (number == 0)
            assert (credentials.read(file, kind.media_type) is None) == (number == 1)


def test_a_file_that_is_damaged_or_gone_is_another_error(files: Mapping[Variant, Path], origin: Origin) -> None:
    for policy in MarksPolicy:
        marker = Marker(ALL, policy)
        files[Variant.THUMBNAIL].write_bytes(b"no picture")
        with pytest.raises(MediaDamaged):
            marker.mark({Variant.THUMBNAIL: files[Variant.THUMBNAIL]}, origin)
        files[Variant.SPRITESHEET].unlink(missing_ok=True)
        with pytest.raises(MediaUnavailable, match="cannot mark"):
            marker.mark({Variant.SPRITESHEET: files[Variant.SPRITESHEET]}, origin)


def test_trying_out_finds_what_a_video_would(caplog: pytest.LogCaptureFixture) -> None:
    REQUIRED.try_out()
    broken = Marker(marks_with(Broken, 1), MarksPolicy.REQUIRED)
    with pytest.raises(MarksFailed, match="out of order"):
        broken.try_out()
    with caplog.at_level(logging.WARNING):
        replace(broken, policy=MarksPolicy.BEST_EFFORT).try_out()
    assert "out of order" in caplog.text


def upstreams(files: Mapping[Variant, Path], origin: Origin) -> Path:
    """A video as another server marked it, with a certificate of its own."""
    theirs = issue()
    certificate = read_certificate(theirs.chain, theirs.key)
    hers = replace(origin, task_id="hers", producer="Her Studio")
    Marker((Label(), SignedCredentials(certificate)), MarksPolicy.REQUIRED).mark(
        {Variant.VIDEO: files[Variant.VIDEO]}, hers
    )
    return files[Variant.VIDEO]


def test_what_another_server_said_of_its_file_stays_in_it(files: Mapping[Variant, Path], origin: Origin) -> None:
    path = upstreams(files, replace(origin, source=DigitalSource.ALGORITHMIC))
    with path.open("rb") as received:
        assert REQUIRED.mark(files, origin, received) == []
    for kind in MARKED:
        with files[kind].open("rb") as file:
            found = credentials.read(file, kind.media_type, MARKS.certificate.chain)
        assert found is not None
        assert found.trusted
        assert found.source == DigitalSource.ALGORITHMIC.uri, "it was drawn there, whatever our engine is"
    label = labels_of(path, Variant.VIDEO)
    assert label == AigcLabel("1", "Her Studio", "hers", "", "Example Studio", origin.task_id)
    still = labels_of(files[Variant.THUMBNAIL], Variant.THUMBNAIL)
    assert still == AigcLabel("1", "Example Studio", origin.task_id), "the stills are ours"


def test_another_servers_file_without_any_mark_gets_ours(files: Mapping[Variant, Path], origin: Origin) -> None:
    with files[Variant.VIDEO].open("rb") as received:
        REQUIRED.mark(files, origin, received)
    assert labels_of(files[Variant.VIDEO], Variant.VIDEO) == AigcLabel("1", "Example Studio", origin.task_id)


def test_a_preview_has_the_label(files: Mapping[Variant, Path], origin: Origin) -> None:
    content = labelled(files[Variant.PREVIEW].read_bytes(), Variant.PREVIEW, origin)
    found = xmp.read_labels(content, Variant.PREVIEW)
    assert found is not None
    assert (found.label, found.source) == (AigcLabel.of(origin), DigitalSource.TRAINED.uri)
