"""The watermark: it is readable and in its place on every picture that should have it, and on no others."""

import gc
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from itertools import groupby
from pathlib import Path

import av
import pytest
from av.video.frame import VideoFrame

from wanserve.domain.catalogue import Size
from wanserve.domain.errors import MediaFailed
from wanserve.domain.generation import Generation
from wanserve.domain.marks import WatermarkText
from wanserve.domain.ports import Clip, Frame
from wanserve.media import mp4

SIZES = [(480, 832), (640, 480), (832, 480), (1280, 720), (1920, 1080)]


def plain(size: Size, colour: tuple[int, int, int], count: int) -> Iterator[Frame]:
    """Frames of one colour."""
    width, height = size
    frame = memoryview(bytes(colour) * (width * height)).cast("B", (height, width, 3))
    for _ in range(count):
        yield frame


def planes(picture: VideoFrame) -> list[list[bytes]]:
    """The rows of the luma plane and of the two chroma planes."""
    found = []
    for plane in picture.planes:
        data, line = bytes(plane), plane.line_size
        found.append([data[y * line : y * line + plane.width] for y in range(plane.height)])
    return found


def shown(
    folder: Path, generation: Generation, colour: tuple[int, int, int], size: Size | None = None
) -> list[list[list[bytes]]]:
    """The planes of each picture that goes into the encoder."""
    pictures: list[list[list[bytes]]] = []
    drawn = plain(size or (generation.width, generation.height), colour, generation.frames)
    clip = Clip(drawn, size=size)
    mp4.write(folder / "clip.mp4", clip, generation, {}, lambda picture: pictures.append(planes(picture)))
    return pictures


def covered(rows: list[bytes]) -> tuple[int, int, int, int]:
    """The bounds of what differs from the first pixel: left, top, right, bottom."""
    ground = rows[0][:1]
    touched = [y for y, row in enumerate(rows) if row.strip(ground)]
    left = min(len(rows[y]) - len(rows[y].lstrip(ground)) for y in touched)
    right = max(len(rows[y].rstrip(ground)) for y in touched)
    return left, touched[0], right, touched[-1] + 1


@pytest.fixture
def marked(generation: Generation) -> Generation:
    """Three frames with a watermark."""
    return replace(generation, width=640, height=480, frames=3, watermark=True)


@pytest.mark.parametrize("size", SIZES)
def test_it_stands_at_the_bottom_right_of_every_frame(tmp_path: Path, marked: Generation, size: Size) -> None:
    """At least a fiftieth of the shorter side from an edge, a twentieth of that side high, and equal on all frames."""
    width, height = size
    pictures = shown(tmp_path, replace(marked, width=width, height=height), (90, 90, 90))
    left, top, right, bottom = covered(pictures[0][0])
    short = min(size)
    assert 0.02 < (width - right) / short < 0.03
    assert 0.02 < (height - bottom) / short < 0.03
    assert 0.05 < (bottom - top) / short < 0.065
    assert 0.16 < (right - left) / short < 0.18
    assert len(pictures) == 3
    assert pictures[0] == pictures[1] == pictures[2]


@pytest.mark.parametrize("text", WatermarkText)
@pytest.mark.parametrize("size", SIZES)
def test_its_letters_are_a_twentieth_of_the_shorter_side_high_at_least(
    tmp_path: Path, marked: Generation, size: Size, text: WatermarkText
) -> None:
    """By their white alone, without the outline; the tall ones of each text, and on the whole picture's width."""
    asked = replace(marked, width=size[0], height=size[1], frames=1)
    pictures: list[list[list[bytes]]] = []
    clip = Clip(plain(size, (0, 0, 0), 1))
    mp4.write(tmp_path / "clip.mp4", clip, asked, {}, lambda picture: pictures.append(planes(picture)), text)
    rows = pictures[0][0]
    white = [y for y, row in enumerate(rows) if max(row) > 128]
    assert white[-1] - white[0] + 1 >= 0.05 * min(size)
    # The first letter of each text is A.
    first = min(x for row in rows for x, sample in enumerate(row) if sample > 128)
    width = round(0.05 * min(size) / 2)
    letter = [y for y, row in enumerate(rows) if max(row[first : first + width]) > 128]
    least = 0.05 if text is not WatermarkText.CHINESE else 0.04
    assert letter[-1] - letter[0] + 1 >= least * min(size) - 1
    assert first > 0, "it fits"


def test_players_see_it(tmp_path: Path, marked: Generation) -> None:
    """It is in the file, on the first frame and the last, and the rest of the picture is unchanged."""
    shown(tmp_path, marked, (0, 0, 0))
    with av.open(str(tmp_path / "clip.mp4")) as container:
        brightness = [planes(frame)[0] for frame in container.decode(video=0)]
    assert len(brightness) == 3
    for rows in brightness:
        assert max(max(row[540:]) for row in rows[440:]) > 200
        assert max(max(row) for row in rows[:430]) < 20
        assert max(max(row[:530]) for row in rows) < 20


@pytest.mark.parametrize("size", SIZES)
def test_it_reads_on_black_and_on_white(tmp_path: Path, marked: Generation, size: Size) -> None:
    """White characters, with an outline that is much darker than a white background; neither has a colour."""
    asked = replace(marked, width=size[0], height=size[1], frames=1)
    ((on_black, *colours),) = shown(tmp_path, asked, (0, 0, 0))
    assert 190 < max(max(row) for row in on_black) < 235, "white, and a little of the ground shines through"
    assert {sample for rows in colours for row in rows for sample in row} <= {127, 128, 129}
    ((on_white, *_),) = shown(tmp_path, asked, (255, 255, 255))
    assert min(min(row) for row in on_white) < 150
    left, top, right, bottom = covered(on_white)
    light = sum(sample > 215 for row in on_white[top:bottom] for sample in row[left:right])
    assert light > (right - left) * (bottom - top) / 5, "the letters themselves stay white"


def test_a_coloured_ground_keeps_its_colour_around_it(tmp_path: Path, marked: Generation) -> None:
    """The chroma changes only where the luma does, and is almost neutral under the characters."""
    ((brightness, blue, red),) = shown(tmp_path, replace(marked, frames=1), (200, 30, 30))
    left, top, right, bottom = covered(brightness)
    for rows in (blue, red):
        box = covered(rows)
        assert box[0] >= left // 2 - 1
        assert box[1] >= top // 2 - 1
        assert box[2] <= right // 2 + 1
        assert box[3] <= bottom // 2 + 1
        assert min(abs(sample - 128) for row in rows for sample in row) < 15


def test_it_is_four_letters(tmp_path: Path, marked: Generation) -> None:
    """A, I, 生, 成: two narrow ones and two wide ones, of which the second and the third have upright strokes."""
    ((rows, *_),) = shown(tmp_path, replace(marked, width=1920, height=1080, frames=1), (0, 0, 0))
    left, top, right, bottom = covered(rows)
    columns = [max(rows[y][x] for y in range(top, bottom)) > 60 for x in range(left, right)]
    widths = [len(list(run)) for lit, run in groupby(columns) if lit]
    assert len(widths) == 4
    a, i, life, become = widths
    assert i < a / 3
    assert a < life < 1.2 * become
    assert 54 <= life < 58


def test_it_comes_after_the_scaling(tmp_path: Path, marked: Generation) -> None:
    """It is as large and sharp on a clip that was drawn at half the size."""
    assert shown(tmp_path, marked, (90, 90, 90), (320, 240)) == shown(tmp_path, marked, (90, 90, 90))


def test_where_it_is_not_asked_for_nothing_is_changed(tmp_path: Path, marked: Generation) -> None:
    """Every picture is uniform."""
    for brightness, blue, red in shown(tmp_path, replace(marked, watermark=False), (90, 90, 90)):
        for rows in (brightness, blue, red):
            assert len(set(rows)) == 1
            assert len(set(rows[0])) == 1


def test_same_frames_same_bytes(tmp_path: Path, marked: Generation) -> None:
    """With and without a watermark, and the two files differ."""
    files = []
    for asked in (marked, marked, replace(marked, watermark=False)):
        shown(tmp_path, asked, (90, 120, 90))
        files.append((tmp_path / "clip.mp4").read_bytes())
    assert files[0] == files[1] != files[2]


def test_a_picture_smaller_than_any_model_makes_has_it_too(tmp_path: Path, marked: Generation) -> None:
    """It is too small to read there, which is not an error."""
    for width, height in ((64, 48), (16, 16), (2, 2)):
        assert len(shown(tmp_path, replace(marked, width=width, height=height), (0, 0, 0))) == 3


def test_memory_is_free_at_once(tmp_path: Path, marked: Generation) -> None:
    """No part of it waits for the garbage collector."""
    shown(tmp_path, marked, (0, 0, 0))
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        shown(tmp_path, marked, (0, 0, 0))
        gc.collect()
        circles = [
            type(thing).__name__
            for thing in gc.garbage
            if type(thing).__module__.startswith(("av", "wanserve", "thorvg"))
        ]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert circles == []


def test_a_damaged_installation_is_told(tmp_path: Path, marked: Generation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A video without the requested watermark would be worse than no video."""
    (tmp_path / "watermark-zh.svg").write_text("no drawing")
    monkeypatch.setattr(resources, "files", lambda _package: tmp_path)
    with pytest.raises(MediaFailed, match="the watermark cannot be drawn"):
        shown(tmp_path, marked, (0, 0, 0))
    assert not (tmp_path / "clip.mp4").exists()
