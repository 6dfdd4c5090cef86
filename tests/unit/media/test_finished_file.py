"""Files of other servers: what decodes within the limits is kept as it is, and anything else is refused."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.video.frame import VideoFrame
from hypothesis import given
from hypothesis import strategies as st

from wanserve.domain.errors import Canceled, MediaDamaged, MediaFailed, MediaUnavailable
from wanserve.domain.generation import Generation
from wanserve.domain.ports import Clip, Frame
from wanserve.media import finished_file, mp4

ASKED = Generation("wan2.2-t2v-plus", "a cat", "", 96, 64, 12, 30, 1)


def frames(generation: Generation) -> Iterator[Frame]:
    width, height = generation.width, generation.height
    for number in range(generation.frames):
        yield memoryview(bytes([20 * number % 256]) * (width * height * 3)).cast("B", (height, width, 3))


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A good file, as one of our own servers makes it."""
    path = tmp_path / "made.mp4"
    mp4.write(path, Clip(frames(ASKED)), ASKED, {})
    return path


def foreign(
    path: Path, codec: str = "mpeg4", pixels: str = "yuv420p", rate: Fraction = Fraction(16), count: int = 9
) -> Path:
    """A file of another encoder, whose index comes after the pictures."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, av.video.stream.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        for number in range(count):
            picture = VideoFrame(64, 48, "rgb24").reformat(format=pixels)
            picture.pts = number
            for packet in stream.encode(picture):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def examined(path: Path, on_frame: Callable[[], None] = lambda: None) -> list[str]:
    return finished_file.differences(finished_file.examine(path, on_frame), ASKED)


def test_a_file_as_it_was_asked_has_no_difference(made: Path) -> None:
    before = made.read_bytes()
    assert examined(made) == []
    assert made.read_bytes() == before


def test_a_file_of_another_encoder_is_kept_and_its_differences_are_told(tmp_path: Path) -> None:
    path = foreign(tmp_path / "foreign.mp4")
    assert examined(path) == [
        "size: 64x48 instead of 96x64",
        "number of frames: 9 instead of 12",
        "frame rate: 16 instead of 30",
        "codec: mpeg4 instead of h264",
    ]


def test_a_frame_rate_that_is_written_as_a_fraction_is_none_of_them(tmp_path: Path) -> None:
    path = foreign(tmp_path / "ntsc.mp4", rate=Fraction(30000, 1001))
    assert "frame rate: 29.97 instead of 30" in examined(path)
    facts = finished_file.examine(path, lambda: None)
    assert finished_file.differences(replace(facts, fps=30.001), ASKED)[-1] == "codec: mpeg4 instead of h264"


def test_stills_are_made_of_it(tmp_path: Path) -> None:
    path = foreign(tmp_path / "foreign.mp4")
    facts = finished_file.examine(path, lambda: None)
    thumbnail, sheet = tmp_path / "x.webp", tmp_path / "x.jpg"
    finished_file.stills_of(path, facts, ASKED).write(thumbnail, sheet)
    for file, size in ((thumbnail, (64, 48)), (sheet, (192, 144))):
        with av.open(str(file)) as container:
            stream = container.streams.video[0]
            assert (stream.width, stream.height) == size


def test_what_is_called_for_each_frame_may_end_it(made: Path) -> None:
    def stop() -> None:
        raise Canceled("asked")

    with pytest.raises(Canceled):
        finished_file.examine(made, stop)
    seen: list[None] = []
    finished_file.examine(made, lambda: seen.append(None))
    assert len(seen) == ASKED.frames


@pytest.mark.parametrize(
    "content", [b"", b"<html>not here</html>", bytes(5000), b"\x00\x00\x00\x18ftypmp42" + bytes(12)]
)
def test_what_is_no_mp4_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.mp4").write_bytes(content)
    with pytest.raises(MediaFailed):
        examined(tmp_path / "x.mp4")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_is_refused(made: Path, share: float) -> None:
    content = made.read_bytes()
    made.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(MediaDamaged):
        examined(made)


def test_damage_in_the_middle_is_found(made: Path) -> None:
    content = bytearray(made.read_bytes())
    middle = content.index(b"mdat") + 600
    content[middle : middle + 200] = b"\xff" * 200
    made.write_bytes(content)
    with pytest.raises(MediaFailed):
        examined(made)


def test_a_file_with_sound_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48000)
        assert isinstance(stream, av.audio.stream.AudioStream)
        silence = av.audio.frame.AudioFrame(format="fltp", layout="stereo", samples=1024)
        silence.sample_rate = 48000
        for plane in silence.planes:
            memoryview(plane)[:] = bytes(plane.buffer_size)
        for packet in [*stream.encode(silence), *stream.encode()]:
            container.mux(packet)
    with pytest.raises(MediaFailed, match="no video stream"):
        examined(path)


@pytest.mark.parametrize(
    ("limit", "value", "problem"),
    [("MAX_PIXELS", 100, "pictures are 96x64"), ("MAX_FRAMES", 5, "it has 12 frames")],
)
def test_what_is_larger_than_the_limits_is_refused(
    made: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, problem: str
) -> None:
    monkeypatch.setattr(finished_file, limit, value)
    with pytest.raises(MediaFailed, match=problem):
        examined(made)


def test_a_file_that_is_not_there_is_this_machines_problem(tmp_path: Path) -> None:
    with pytest.raises(MediaUnavailable):
        examined(tmp_path / "none.mp4")


@given(position=st.integers(0, 3000), damage=st.binary(min_size=1, max_size=40))
def test_whatever_the_file_contains_it_is_examined_or_refused(
    tmp_path_factory: pytest.TempPathFactory, position: int, damage: bytes
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "x.mp4"
    mp4.write(path, Clip(frames(ASKED)), ASKED, {})
    content = bytearray(path.read_bytes())
    start = position % len(content)
    content[start : start + len(damage)] = damage
    path.write_bytes(content)
    try:
        facts = finished_file.examine(path, lambda: None)
        finished_file.stills_of(path, facts, ASKED)
    except MediaFailed:
        pass
