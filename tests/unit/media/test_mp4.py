"""Encoding: the file is a clip that players read, or there is no file."""

import gc
import json
import resource
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import count
from pathlib import Path

import av
import pytest

from tests import needs
from wanserve.domain.errors import Canceled, EngineFailed, MediaFailed
from wanserve.domain.generation import Generation, LoraUse
from wanserve.domain.ports import Clip, Frame
from wanserve.media import mp4

Draw = Callable[..., Iterator[Frame]]


def flat(generation: Generation, colour: tuple[int, ...]) -> Iterator[Frame]:
    """Frames of one colour that share their memory, as those of an engine may."""
    pixels = bytes(colour) * (generation.width * generation.height)
    frame = memoryview(pixels).cast("B", (generation.height, generation.width, len(colour)))
    for _ in range(generation.frames):
        yield frame


def decoded(path: Path) -> list[tuple[int, int, int]]:
    """The luma and the two chromas in the middle of every frame."""
    middles = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            planes = [(memoryview(plane), plane) for plane in frame.planes]
            y, u, v = (data[plane.height // 2 * plane.line_size + plane.width // 2] for data, plane in planes)
            middles.append((y, u, v))
    return middles


def test_an_independent_reader_agrees(tmp_path: Path, generation: Generation, draw: Draw) -> None:
    """Ffprobe sees the size, length, rate, colours and tags that were asked for."""
    path = tmp_path / "clip.mp4"
    mp4.write(path, Clip(draw(generation)), generation, mp4.provenance("animatic", generation))
    command = [
        needs.program("ffprobe"),
        "-v",
        "error",
        "-count_frames",
        "-of",
        "json",
        "-show_format",
        "-show_streams",
        str(path),
    ]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    (stream,) = told["streams"]
    expected = {
        "codec_name": "h264", "pix_fmt": "yuv420p", "width": 64, "height": 48,
        "r_frame_rate": "30/1", "avg_frame_rate": "30/1", "nb_frames": "10", "nb_read_frames": "10",
        "start_time": "0.000000", "duration": "0.333333",
        "color_range": "tv", "color_space": "bt709", "color_transfer": "bt709", "color_primaries": "bt709",
    }  # fmt: skip
    assert {name: stream[name] for name in expected} == expected
    tags = told["format"]["tags"]
    assert "animatic" in tags["artist"]
    assert tags["comment"].startswith("Generated video, not a recording.")
    assert "wan2.2-t2v-plus" in tags["description"]
    assert "creation_time" not in tags


def test_the_index_comes_first(tmp_path: Path, generation: Generation, draw: Draw) -> None:
    """A player can start before the whole file is downloaded."""
    path = tmp_path / "clip.mp4"
    mp4.write(path, Clip(draw(generation)), generation, {})
    data = path.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_the_prompt_stays_private(tmp_path: Path, generation: Generation, draw: Draw) -> None:
    """The tags name the engine, and do not contain the prompt."""
    path = tmp_path / "clip.mp4"
    mp4.write(path, Clip(draw(generation)), generation, mp4.provenance("animatic", generation))
    assert b"kitten" not in path.read_bytes()


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ((255, 0, 0), (63, 102, 240)),  # BT.709, limited range: y = 16 + 219 * 0.2126, and so on
        ((255, 0, 0, 99), (63, 102, 240)),
        ((0, 0, 0), (16, 128, 128)),
        ((255, 255, 255), (235, 128, 128)),
    ],
)
@pytest.mark.parametrize("width", [64, 40, 50])
def test_colours_are_bt709_limited(
    tmp_path: Path, generation: Generation, width: int, colour: tuple[int, ...], expected: tuple[int, int, int]
) -> None:
    """Also with widths whose rows FFmpeg pads (40 and 50)."""
    asked = replace(generation, width=width, frames=2)
    path = tmp_path / "clip.mp4"
    mp4.write(path, Clip(flat(asked, colour)), asked, {})
    for middle in decoded(path):
        assert all(abs(got - want) <= 1 for got, want in zip(middle, expected, strict=True)), middle


def test_frames_may_share_their_memory(tmp_path: Path, generation: Generation) -> None:
    """Each frame is used before the next is drawn over it."""
    pixels = bytearray(generation.width * generation.height * 4)
    frame = memoryview(pixels).cast("B", (generation.height, generation.width, 4))

    def brighter() -> Iterator[Frame]:
        for number in range(generation.frames):
            pixels[:] = bytes([number * 25]) * len(pixels)
            yield frame

    path = tmp_path / "clip.mp4"
    mp4.write(path, Clip(brighter()), generation, {})
    lumas = [middle[0] for middle in decoded(path)]
    assert lumas == pytest.approx([16 + number * 25 * 219 / 255 for number in range(10)], abs=1.5)


def test_same_frames_same_bytes(tmp_path: Path, generation: Generation, draw: Draw) -> None:
    """With three or four bytes a pixel, at any time, as long as the tags are the same too."""
    paths = [tmp_path / name for name in ("one.mp4", "two.mp4", "three.mp4", "four.mp4")]
    mp4.write(paths[0], Clip(draw(generation)), generation, {"title": "a"})
    mp4.write(paths[1], Clip(draw(generation)), generation, {"title": "a"})
    mp4.write(paths[2], Clip(draw(generation, channels=3)), generation, {"title": "a"})
    mp4.write(paths[3], Clip(draw(generation)), generation, {"title": "b"})
    first, second, third, fourth = (path.read_bytes() for path in paths)
    assert first == second == third != fourth


def test_memory_is_free_at_once(tmp_path: Path, generation: Generation, draw: Draw) -> None:
    """No part of the encoder, which takes tens of megabytes, waits for the garbage collector."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        mp4.write(tmp_path / "clip.mp4", Clip(draw(generation)), generation, {})
        gc.collect()
        circles = [
            type(thing).__name__ for thing in gc.garbage if type(thing).__module__.startswith(("av", "wanserve"))
        ]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert circles == []


def test_one_frame_is_a_video(tmp_path: Path, generation: Generation, draw: Draw) -> None:
    """The shortest clip lasts one frame."""
    asked = replace(generation, frames=1)
    path = tmp_path / "clip.mp4"
    mp4.write(path, Clip(draw(asked)), asked, {})
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.frames, stream.duration, stream.time_base) == (1, 512, Fraction(1, 512 * 30))


@pytest.mark.parametrize("given", [0, 1, 9])
def test_too_few_frames(tmp_path: Path, generation: Generation, draw: Draw, given: int) -> None:
    """The message has both numbers, and no file is left."""
    with pytest.raises(MediaFailed, match=f"gave {given} frames instead of 10"):
        mp4.write(tmp_path / "clip.mp4", Clip(draw(generation, given)), generation, {})
    assert not any(tmp_path.iterdir())


def test_too_many_frames(tmp_path: Path, generation: Generation, draw: Draw) -> None:
    """An engine that does not stop is closed at the first frame too many."""
    endless = draw(generation, 10**9)
    with pytest.raises(MediaFailed, match="more than 10 frames"):
        mp4.write(tmp_path / "clip.mp4", Clip(endless), generation, {})
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (memoryview(bytes(64 * 48 * 3)).cast("B", (64, 48, 3)), "frame 0 is 48x64 instead of 64x48"),
        (memoryview(bytes(64 * 48 * 2)).cast("B", (48, 64, 2)), r"its shape is \(48, 64, 2\)"),
        (memoryview(bytes(64 * 48 * 3)), r"its shape is \(9216,\)"),
        (memoryview(bytes(64 * 48 * 12)).cast("B").cast("f", (48, 64, 3)), "its format f"),
        (memoryview(bytes(96 * 64 * 3)).cast("B", (96, 64, 3))[::2], "is not C-contiguous"),
    ],
)
def test_a_wrong_frame(tmp_path: Path, generation: Generation, frame: Frame, told: str) -> None:
    """The message says what is wrong, and no file is left."""
    with pytest.raises(MediaFailed, match=told):
        mp4.write(tmp_path / "clip.mp4", Clip(iter([frame])), generation, {})
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("after", [0, 3, 10])
@pytest.mark.parametrize(
    "error",
    [Canceled("stop"), EngineFailed("no"), OSError(5, "engine's own"), KeyboardInterrupt(), av.FFmpegError(1, "x")],
)
def test_the_engines_errors_pass_through(
    tmp_path: Path,
    generation: Generation,
    draw: Draw,
    open_files: Callable[[], list[str]],
    error: BaseException,
    after: int,
) -> None:
    """They are unchanged, also those that look like a media error. The unfinished file is closed and deleted."""

    def failing() -> Iterator[Frame]:
        yield from draw(generation, after)
        raise error

    before = open_files()
    with pytest.raises(type(error)) as caught:
        mp4.write(tmp_path / "clip.mp4", Clip(failing()), generation, {})
    assert caught.value is error
    assert not any(tmp_path.iterdir())
    assert open_files() == before


def test_a_path_that_cannot_be_written(tmp_path: Path, generation: Generation) -> None:
    """The error is raised before the first frame is drawn."""
    drawn = count()

    def frames() -> Iterator[Frame]:
        next(drawn)
        yield memoryview(b"")

    with pytest.raises(MediaFailed, match=r"cannot write clip\.mp4: No such file or directory"):
        mp4.write(tmp_path / "missing" / "clip.mp4", Clip(frames()), generation, {})
    assert next(drawn) == 0


def test_a_disk_that_fills_up(
    tmp_path: Path,
    generation: Generation,
    draw: Draw,
    open_files: Callable[[], list[str]],
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A limit on the file's size replaces the full disk: the same failure, at any byte of the file."""
    path = tmp_path / "clip.mp4"
    mp4.write(path, Clip(draw(generation)), generation, {})
    whole = path.stat().st_size
    before = open_files()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for room in (0, 30, whole // 2, whole - 1):
        frames = list(draw(generation))
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            with pytest.raises(MediaFailed, match=r"cannot write clip\.mp4: File too large"):
                mp4.write(path, Clip(iter(frames)), generation, {})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert not any(tmp_path.iterdir()), room
    assert open_files() == before
    assert capfd.readouterr() == ("", "")


def test_a_size_that_the_codec_cannot_do(tmp_path: Path, generation: Generation) -> None:
    """A size with half a chroma sample is refused at once."""
    with pytest.raises(MediaFailed, match=r"cannot write clip\.mp4"):
        mp4.write(tmp_path / "clip.mp4", Clip(iter(())), replace(generation, width=63), {})
    assert not any(tmp_path.iterdir())


def test_odd_names_and_tags(
    tmp_path: Path,
    generation: Generation,
    draw: Draw,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A relative name that looks like a URL, non-ASCII text, half a surrogate pair; and nothing on stderr."""
    monkeypatch.chdir(tmp_path)
    path = Path("http:猫 %d.mp4")
    mp4.write(path, Clip(draw(generation)), generation, {"title": "月光の猫", "comment": "broken \ud83d here"})
    with av.open(str(path.absolute())) as container:
        assert container.metadata["title"] == "月光の猫"
        assert container.metadata["comment"] == "broken ? here"
    assert capfd.readouterr() == ("", "")


def test_every_tag_is_kept(tmp_path: Path, generation: Generation, draw: Draw) -> None:
    """Each tag of TAGS reads back as it was given, and there are no others."""
    tags = {name: f"the {name}" for name in mp4.TAGS}
    mp4.write(
        tmp_path / "clip.mp4", Clip(draw(generation)), generation, {**tags, "software": "lost", "encoder": "lost"}
    )
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert {name: container.metadata.get(name) for name in mp4.TAGS} == tags
        assert "lost" not in container.metadata.values()


def test_frames_of_another_size_are_scaled_smoothly(tmp_path: Path, generation: Generation) -> None:
    """At twice the width and height a sharp edge becomes a ramp: pixels are not only repeated."""
    asked = replace(generation, width=64, height=32, frames=1)
    pixels = bytearray(32 * 16 * 3)
    for y in range(16):
        pixels[(y * 32 + 16) * 3 : (y + 1) * 32 * 3] = b"\xff" * 48
    frame = memoryview(pixels).cast("B", (16, 32, 3))
    path = tmp_path / "clip.mp4"
    mp4.write(path, Clip(iter([frame]), size=(32, 16)), asked, {})
    with av.open(str(path)) as container:
        (picture,) = list(container.decode(video=0))
    assert (picture.width, picture.height) == (64, 32)
    plane = picture.planes[0]
    row = list(memoryview(plane)[16 * plane.line_size : 16 * plane.line_size + 64])
    assert row[4] <= 20
    assert row[-4] >= 230
    steps = {value for value in row if 40 < value < 210}
    assert len(steps) >= 2


@pytest.mark.parametrize("watermark", [False, True])
def test_frames_that_change_their_size_come_out_at_the_videos(
    tmp_path: Path, generation: Generation, *, watermark: bool
) -> None:
    """A window that shrinks and grows: its left half stays black and its right half white, whatever its size."""
    sizes = [(64, 48), (96, 72), (80, 60), (32, 24), (64, 48)]
    asked = replace(generation, frames=len(sizes), watermark=watermark)
    rows = {width: (bytes(4 * (width // 2)) + b"\xff" * 4 * (width // 2)) for width, _ in sizes}
    frames = (memoryview(rows[w] * h).cast("B", (h, w, 4)) for w, h in sizes)
    path = tmp_path / "clip.mp4"
    mp4.write(path, Clip(frames, scaled=True), asked, {})
    with av.open(str(path)) as container:
        pictures = list(container.decode(video=0))
    assert [(p.width, p.height) for p in pictures] == [(generation.width, generation.height)] * len(sizes)
    for picture in pictures:
        plane = picture.planes[0]
        row = list(memoryview(plane)[10 * plane.line_size : 10 * plane.line_size + 64])
        assert max(row[:28]) < 30
        assert min(row[36:]) > 220


def test_frames_of_another_size_are_refused_where_no_scaling_is_told(tmp_path: Path, generation: Generation) -> None:
    frame = memoryview(bytes(96 * 72 * 4)).cast("B", (72, 96, 4))
    with pytest.raises(MediaFailed, match="is 96x72 instead of 64x48"):
        mp4.write(tmp_path / "clip.mp4", Clip(iter([frame])), replace(generation, frames=1), {})


def test_scaled_frames_are_held_to_the_size_that_was_told(tmp_path: Path, generation: Generation, draw: Draw) -> None:
    with pytest.raises(MediaFailed, match=f"is {generation.width}x{generation.height} instead of 32x16"):
        mp4.write(tmp_path / "clip.mp4", Clip(draw(generation), size=(32, 16)), generation, {})


def test_how_it_was_made_stands_in_the_description(generation: Generation) -> None:
    told = mp4.provenance("wan", generation, "profile exact, drawn at 1280*720")["description"]
    assert told.endswith(f"seed {generation.seed}, profile exact, drawn at 1280*720.")
    assert mp4.provenance("wan", generation)["description"].endswith(f"seed {generation.seed}.")


def test_what_was_chosen_stands_in_the_description_before_how_it_was_made(generation: Generation) -> None:
    """From there the studio brings it back into its form."""
    made = replace(generation, profile="fast", steps=8, guidance_scale=1.0, loras=(LoraUse("ink.v2", 0.8),))
    told = mp4.provenance("wan", made, "4 steps")["description"]
    chosen = "chosen (profile=fast, steps=8, guidance_scale=1, lora=ink.v2:0.8)"
    assert told.endswith(f"seed {generation.seed}, {chosen}, 4 steps.")
