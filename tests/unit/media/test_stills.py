"""Stills: the right frames, in the right places, sizes and colours."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import av
import pytest
from av.video.frame import VideoFrame

from tests import needs
from wanserve.domain.catalogue import Size
from wanserve.domain.errors import MediaFailed
from wanserve.domain.generation import Generation
from wanserve.domain.ports import Clip, Frame
from wanserve.media import mp4
from wanserve.media.stills import Stills

COLOURS = (
    (255, 255, 255), (0, 0, 0), (128, 128, 128), (220, 30, 30), (30, 200, 40), (30, 40, 210), (230, 210, 30), (40, 200, 220),
)  # fmt: skip


def greys(generation: Generation) -> Iterator[Frame]:
    """Frames of one grey each, from black to white."""
    width, height = generation.width, generation.height
    for number in range(generation.frames):
        light = 255 * number // max(1, generation.frames - 1)
        yield memoryview(bytes([light]) * (width * height * 3)).cast("B", (height, width, 3))


def bars(generation: Generation) -> Iterator[Frame]:
    """Frames with the same upright bars, one of each colour."""
    width, height = generation.width, generation.height
    row = b"".join(bytes(COLOURS[x * len(COLOURS) // width]) for x in range(width))
    for _ in range(generation.frames):
        yield memoryview(row * height).cast("B", (height, width, 3))


def made(folder: Path, generation: Generation, frames: Iterator[Frame]) -> tuple[Path, Path]:
    """Write the thumbnail and the sprite sheet of a clip of these frames."""
    thumbnail, sheet = folder / "still.webp", folder / "still.jpg"
    stills = Stills(generation)
    mp4.write(folder / "clip.mp4", Clip(frames), generation, {}, stills.add)
    stills.write(thumbnail, sheet)
    return thumbnail, sheet


def size_of(file: Path) -> Size:
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        return stream.width, stream.height


def lightness(file: Path, columns: int, rows: int) -> list[int]:
    """The lightness in the middle of each cell of the picture, 0 to 255, row by row."""
    with av.open(str(file)) as container:
        picture = next(container.decode(video=0)).reformat(format="rgb24")
    plane = picture.planes[0]
    data, line = bytes(plane), plane.line_size
    return [
        data[
            (2 * row + 1) * picture.height // (2 * rows) * line + (2 * column + 1) * picture.width // (2 * columns) * 3
        ]
        for row in range(rows)
        for column in range(columns)
    ]


def colours_by_ffmpeg(file: Path, *filters: str) -> list[tuple[int, ...]]:
    """The colours in the middle of each bar, as the program ffmpeg decodes them, without this project's libraries."""
    scaled = ",".join([*filters, f"scale={len(COLOURS) * 10}:10:flags=neighbor", "format=rgb24"])
    command = [
        needs.program("ffmpeg"),
        "-v",
        "error",
        "-i",
        str(file),
        "-vf",
        scaled,
        "-frames:v",
        "1",
        "-f",
        "rawvideo",
        "-",
    ]
    pixels = subprocess.run(command, check=True, capture_output=True).stdout
    row = len(COLOURS) * 30
    return [tuple(pixels[5 * row + bar * 30 + 15 : 5 * row + bar * 30 + 18]) for bar in range(len(COLOURS))]


def max_error(found: Sequence[tuple[int, ...]]) -> int:
    """The largest difference between the found colours and the right ones."""
    return max(abs(a - b) for got, want in zip(found, COLOURS, strict=True) for a, b in zip(got, want, strict=True))


@pytest.mark.parametrize(("frames", "grid"), [(1, 1), (3, 1), (4, 2), (24, 4), (25, 5), (26, 5), (81, 5), (150, 5)])
def test_the_sheet_has_evenly_spaced_frames_in_reading_order(
    tmp_path: Path, generation: Generation, frames: int, grid: int
) -> None:
    """The thumbnail is the frame in the middle."""
    asked = replace(generation, frames=frames)
    thumbnail, sheet = made(tmp_path, asked, greys(asked))
    assert size_of(sheet) == (64 * grid, 48 * grid)
    found = lightness(sheet, grid, grid)
    step = 255 / max(1, frames - 1)
    # The middle frame of each of the equal parts of the clip.
    expected = [step * int((cell + 0.5) * frames / grid**2) for cell in range(grid**2)]
    assert found == pytest.approx(expected, abs=2.5)
    assert found == sorted(found)
    assert lightness(thumbnail, 1, 1) == pytest.approx([step * (frames // 2)], abs=2.5)


@pytest.mark.parametrize(
    ("size", "thumbnail_size", "sheet_size"),
    [
        ((1920, 1080), (640, 360), (1600, 900)),
        ((1280, 720), (640, 360), (1600, 900)),
        ((480, 832), (370, 640), (920, 1600)),
        ((832, 480), (640, 370), (1600, 920)),
        ((640, 480), (640, 480), (1600, 1200)),
        ((1024, 1024), (640, 640), (1600, 1600)),
        ((64, 48), (64, 48), (320, 240)),
    ],
)
def test_they_are_small_and_keep_the_aspect(
    tmp_path: Path, generation: Generation, size: Size, thumbnail_size: Size, sheet_size: Size
) -> None:
    """At most 640 and 5 times 320 on the longer side, and never larger than the video."""
    asked = replace(generation, width=size[0], height=size[1], frames=25)
    thumbnail, sheet = made(tmp_path, asked, greys(asked))
    assert (size_of(thumbnail), size_of(sheet)) == (thumbnail_size, sheet_size)


def test_they_are_a_whole_webp_and_a_whole_jpeg(tmp_path: Path, generation: Generation) -> None:
    """By their first bytes, and their lengths or last bytes."""
    thumbnail, sheet = (file.read_bytes() for file in made(tmp_path, generation, bars(generation)))
    assert (thumbnail[:4], thumbnail[8:12]) == (b"RIFF", b"WEBP")
    assert int.from_bytes(thumbnail[4:8], "little") == len(thumbnail) - 8
    assert (sheet[:3], sheet[-2:]) == (b"\xff\xd8\xff", b"\xff\xd9")
    # FFmpeg's steps are this table times the quality, divided by 8: not the best, which is twice as large for no gain.
    table = sheet.index(b"\xff\xdb") + 5
    assert list(sheet[table : table + 4]) == [8, 16 * 4 // 8, 16 * 4 // 8, 19 * 4 // 8]


@pytest.mark.parametrize("size", [(1280, 720), (320, 240)])
def test_their_colours_are_the_frames_own(tmp_path: Path, generation: Generation, size: Size) -> None:
    """The colours are right to a few units, scaled or not, also on a sheet of one cell."""
    asked = replace(generation, width=size[0], height=size[1], frames=1)
    thumbnail, sheet = made(tmp_path, asked, bars(asked))
    assert max_error(colours_by_ffmpeg(tmp_path / "clip.mp4", "scale=in_color_matrix=bt709")) <= 6
    assert max_error(colours_by_ffmpeg(thumbnail)) <= 6
    assert max_error(colours_by_ffmpeg(sheet)) <= 6


def test_they_carry_the_mark(tmp_path: Path, generation: Generation) -> None:
    """The watermark is in the corner of the thumbnail and of each cell."""
    asked = replace(generation, width=640, height=480, frames=4, watermark=True)
    black = memoryview(bytes(640 * 480 * 3)).cast("B", (480, 640, 3))
    thumbnail, sheet = made(tmp_path, asked, iter([black] * 4))
    for file, cells in ((thumbnail, 1), (sheet, 2)):
        with av.open(str(file)) as container:
            plane = next(container.decode(video=0)).planes[0]
        data, line = bytes(plane), plane.line_size
        width, height = plane.width // cells, plane.height // cells
        for cell in range(cells**2):
            right, bottom = (cell % cells + 1) * width, (cell // cells + 1) * height
            corner = [
                data[y * line + right - width // 5 : y * line + right] for y in range(bottom - height // 9, bottom)
            ]
            beside = [
                data[y * line + right - width : y * line + right - width // 5] for y in range(bottom - height, bottom)
            ]
            assert max(map(max, corner)) > 150
            assert max(map(max, beside)) < 40


def test_same_pictures_same_bytes(tmp_path: Path, generation: Generation) -> None:
    """Nothing depends on the number of cores of the machine."""
    first = [file.read_bytes() for file in made(tmp_path, generation, bars(generation))]
    assert [file.read_bytes() for file in made(tmp_path, generation, bars(generation))] == first
    # A JPEG that was split into slices for several threads has restart markers between them.
    assert b"\xff\xdd" not in first[1]


def test_the_video_does_not_change_by_being_looked_at(tmp_path: Path, generation: Generation) -> None:
    """The video's bytes are those of a clip without stills."""
    made(tmp_path, generation, bars(generation))
    mp4.write(tmp_path / "alone.mp4", Clip(bars(generation)), generation, {})
    assert (tmp_path / "clip.mp4").read_bytes() == (tmp_path / "alone.mp4").read_bytes()


def test_no_picture_is_kept_at_its_full_size(tmp_path: Path, generation: Generation) -> None:
    """Not even where no scaling is needed: the clip may be long and its pictures large."""
    stills = Stills(generation)
    seen = []

    def see(picture: VideoFrame) -> None:
        before = sys.getrefcount(picture)
        stills.add(picture)
        seen.append(sys.getrefcount(picture) - before)

    mp4.write(tmp_path / "clip.mp4", Clip(bars(generation)), generation, {}, see)
    assert seen == [0] * generation.frames


@pytest.mark.parametrize("name", ["still.webp", "still.jpg"])
def test_what_cannot_be_written_is_told(tmp_path: Path, generation: Generation, name: str) -> None:
    """The message has the file's name and the system's reason."""
    (tmp_path / name).mkdir()
    with pytest.raises(MediaFailed, match=f"cannot write {name}: Is a directory"):
        made(tmp_path, generation, bars(generation))
