"""Reading back: a file is accepted only when all of it can be read."""

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import av
import pytest

from wanserve.domain.errors import MediaFailed
from wanserve.domain.generation import Generation
from wanserve.domain.ports import Clip, Frame
from wanserve.media import mp4, probe

Draw = Callable[..., Iterator[Frame]]


@pytest.fixture
def clip(tmp_path: Path, generation: Generation, draw: Draw) -> Path:
    """An undamaged file of the generation."""
    path = tmp_path / "clip.mp4"
    mp4.write(path, Clip(draw(generation)), generation, {"title": "a title"})
    return path


def foreign(path: Path, codec: str, pixel_format: str = "yuv420p") -> None:
    """A file as another program might write it: another codec, and the index at the end."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=30, width=64, height=48)
        assert isinstance(stream, av.VideoStream)
        stream.codec_context.pix_fmt = pixel_format
        for number in range(10):
            frame = av.VideoFrame(64, 48, pixel_format)
            for plane in frame.planes:
                memoryview(plane)[:] = bytes([number * 20]) * plane.buffer_size
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def test_the_facts(clip: Path, generation: Generation) -> None:
    """An undamaged file is described correctly, and passes."""
    facts = probe.check(clip, generation)
    assert facts == probe.read(clip)
    assert (facts.width, facts.height, facts.frames, facts.fps) == (64, 48, 10, 30.0)
    assert facts.seconds == pytest.approx(1 / 3)
    assert (facts.codec, facts.pixel_format, facts.faststart) == ("h264", "yuv420p", True)
    assert facts.tags["title"] == "a title"
    assert facts.bytes == clip.stat().st_size


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"width": 80}, "size 64x48 instead of 80x48"),
        ({"frames": 11}, "frames 10 instead of 11, seconds 0.333 instead of 0.367"),
        ({"fps": 16}, r"frames a second 30.0 instead of 16.0, seconds 0.333 instead of 0.625"),
    ],
)
def test_not_what_was_asked(clip: Path, generation: Generation, changed: dict[str, int], told: str) -> None:
    """The message has each difference, with both values."""
    with pytest.raises(MediaFailed, match=told):
        probe.check(clip, replace(generation, **changed))  # type: ignore[arg-type]  # all of these are numbers


def test_each_metadata_tag_that_was_given_must_be_there(tmp_path: Path, generation: Generation, draw: Draw) -> None:
    """The plain ones, by which a file that is encoded again still says what it is."""
    tags = mp4.provenance("animatic", generation, task_id="task")
    for missing in tags:
        path = tmp_path / f"without {missing}.mp4"
        mp4.write(path, Clip(draw(generation)), generation, {name: tags[name] for name in tags if name != missing})
        with pytest.raises(MediaFailed, match=f"is not what was requested: tag {missing}  instead of "):
            probe.check(path, generation, tags)
        probe.check(path, generation)


def test_a_foreign_file(tmp_path: Path, generation: Generation) -> None:
    """It can be read, because it is complete. It does not pass, because some players do not support it."""
    path = tmp_path / "clip.mp4"
    foreign(path, "mpeg4")
    assert not probe.read(path).faststart
    with pytest.raises(MediaFailed, match="codec mpeg4 instead of h264, index before the pictures False"):
        probe.check(path, generation)
    foreign(path, "libx264", "yuv444p")
    with pytest.raises(MediaFailed, match="pixel format yuv444p instead of yuv420p"):
        probe.check(path, generation)


def test_every_cut_is_seen(clip: Path) -> None:
    """At whichever byte the file ends too early, with the index at its front or at its end."""
    whole = clip.read_bytes()
    foreign(clip, "libx264")
    for data in (whole, clip.read_bytes()):
        for end in {*range(0, len(data), 97), len(data) - 1}:
            clip.write_bytes(data[:end])
            with pytest.raises(MediaFailed):
                probe.read(clip)


@pytest.mark.parametrize("tail", [b"\0", bytes(4096), b"garbage that is no box", b"\0\0\0\7free"])
def test_a_tail_is_seen(clip: Path, tail: bytes) -> None:
    """Bytes after the last box: a file system's zeros, or the rest of an older file."""
    with clip.open("ab") as file:
        file.write(tail)
    with pytest.raises(MediaFailed, match="no whole MP4 box at byte"):
        probe.read(clip)


@pytest.mark.parametrize("fraction", [0.3, 0.5, 0.7, 0.9, 0.98, 0.9999])
def test_zeros_for_an_end_are_seen(clip: Path, fraction: float) -> None:
    """What a power cut leaves of a file that was not synced: its length, without its last pages."""
    data = bytearray(clip.read_bytes())
    start = int(len(data) * fraction)
    data[start:] = bytes(len(data) - start)
    clip.write_bytes(data)
    with pytest.raises(MediaFailed):
        probe.read(clip)


@pytest.mark.parametrize("seed", range(12))
def test_scribbled_pages_are_seen(clip: Path, seed: int) -> None:
    """One page of the file has other data."""
    data = bytearray(clip.read_bytes())
    chance = random.Random(seed)
    start = chance.randrange(len(data) - 4096)
    data[start : start + 4096] = chance.randbytes(4096)
    clip.write_bytes(data)
    with pytest.raises(MediaFailed):
        probe.read(clip)


def test_a_large_box_is_no_damage(clip: Path) -> None:
    """A box may have its size in eight bytes, if the size is correct."""
    whole = clip.read_bytes()
    clip.write_bytes(whole + struct.pack(">I4sQ", 1, b"free", 20) + b"1234")
    assert probe.read(clip).frames == 10
    for lie in (0, 15, 21, 2**63):
        clip.write_bytes(whole + struct.pack(">I4sQ", 1, b"free", lie) + b"1234")
        with pytest.raises(MediaFailed, match="no whole MP4 box"):
            probe.read(clip)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "\\(0 bytes\\) is not an MP4 video: it has no ftyp, moov, mdat"),
        (b"<html>502 Bad Gateway</html>", "no whole MP4 box at byte 0"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "no whole MP4 box at byte 0"),
        (struct.pack(">I4sI4sI4s", 8, b"ftyp", 8, b"moov", 8, b"mdat"), "cannot be read back: Invalid data"),
    ],
)
def test_no_video_at_all(tmp_path: Path, data: bytes, told: str) -> None:
    """The message is one line that names the file."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(data)
    with pytest.raises(MediaFailed, match=rf"clip\.mp4 .*{told}"):
        probe.read(path)


def test_sound_alone(tmp_path: Path) -> None:
    """An MP4, but no video."""
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48000)
        silence = av.AudioFrame(format="fltp", layout="stereo", samples=1024)
        silence.sample_rate = 48000
        for plane in silence.planes:
            memoryview(plane)[:] = bytes(plane.buffer_size)
        container.mux(stream.encode(silence))
        container.mux(stream.encode())
    with pytest.raises(MediaFailed, match=r"clip\.mp4 has no video stream"):
        probe.read(path)


@pytest.mark.parametrize("name", ["missing.mp4", "."])
def test_no_file_at_all(tmp_path: Path, name: str) -> None:
    """A file that is gone, or a directory."""
    with pytest.raises(MediaFailed, match=r"cannot be read back: (No such file|Is a directory)"):
        probe.read(tmp_path / name)


def test_nothing_stays_open(clip: Path, open_files: Callable[[], list[str]], generation: Generation) -> None:
    """Neither after an undamaged file nor after a damaged one."""
    data = clip.read_bytes()
    before = open_files()
    probe.check(clip, generation)
    failures: list[MediaFailed] = []
    for broken in (data[:-1], data[:2000] + bytes(len(data) - 2000), data + b"\0", b""):
        clip.write_bytes(broken)
        with pytest.raises(MediaFailed) as caught:
            probe.read(clip)
        failures.append(caught.value)
    assert open_files() == before
    assert len(failures) == 4
