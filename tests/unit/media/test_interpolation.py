"""More frames a second: how many come, which of them are the drawn ones, and what happens in between."""

import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from wanserve.domain.errors import Canceled, MediaFailed
from wanserve.domain.generation import Generation
from wanserve.domain.ports import Clip, Frame
from wanserve.media import mp4, probe
from wanserve.media.interpolation import how_interpolated, interpolate
from wanserve.media.stills import Stills
from wanserve.models.frame_rate import frames_after

WIDTH, HEIGHT = 160, 96
DRAWN = Generation("wanx2.1-t2v-turbo", "A secret kitten", "", WIDTH, HEIGHT, frames=17, fps=16, seed=7)
OUTPUT = replace(DRAWN, frames=30, fps=30)


def moving(frames: int = DRAWN.frames, *, jump_at: int | None = None, channels: int = 3) -> Iterator[Frame]:
    """A bright square that moves 4 pixels to the right with each frame over a pattern; from `jump_at` on, another picture."""
    ground = [bytes(((x * x + y * 3) % 60 + 40, (x + y * y) % 60 + 40, (x * y) % 60 + 40, 0))[:channels]
              for y in range(HEIGHT) for x in range(WIDTH)]  # fmt: skip
    for number in range(frames):
        pixels = list(ground)
        other = jump_at is not None and number >= jump_at
        for y in range(32, 64):
            for x in range(32):
                pixels[y * WIDTH + 8 + 4 * number + x] = bytes((250, 220, (x * 7 + y * 5) % 100, 0))[:channels]
        whole = b"".join(pixels)
        yield memoryview(bytes(255 - each for each in whole) if other else whole).cast("B", (HEIGHT, WIDTH, channels))


def nothing() -> None:
    """A tick that does nothing."""


def made(frames: Iterator[Frame], drawn: Generation = DRAWN, output: Generation = OUTPUT) -> list[bytes]:
    return [bytes(frame) for frame in interpolate(frames, drawn, output, nothing)]


def left_edge(pixels: bytes) -> int:
    """Where the bright square begins in the middle row."""
    row = pixels[48 * WIDTH * 3 : 49 * WIDTH * 3]
    return next(x for x in range(WIDTH) if row[3 * x] > 180 and row[3 * x + 1] > 160)


def test_frames_at_the_time_of_a_drawn_one_are_that_one() -> None:
    drawn, after = [bytes(frame) for frame in moving()], made(moving())
    assert len(after) == 30
    # Sixteen and thirty frames a second meet every half second.
    assert (after[0], after[15]) == (drawn[0], drawn[8])
    assert len(set(after)) == 30, "no frame is repeated, the last ones included"


def test_between_them_the_square_moves_evenly_up_to_the_end() -> None:
    edges = [left_edge(pixels) for pixels in made(moving())]
    for number, edge in enumerate(edges):
        assert edge == pytest.approx(8 + 4 * 16 * number / 30, abs=2), number
    assert edges == sorted(edges)


def test_the_same_frames_give_the_same_bytes() -> None:
    assert made(moving()) == made(moving())


def test_frames_may_share_their_memory_and_have_four_bytes_a_pixel() -> None:
    def shared() -> Iterator[Frame]:
        memory = bytearray(WIDTH * HEIGHT * 4)
        for frame in moving(channels=4):
            memory[:] = frame.cast("B")
            yield memoryview(memory).cast("B", (HEIGHT, WIDTH, 4))

    after = [bytes(frame)[: WIDTH * 4 : 4] for frame in interpolate(shared(), DRAWN, OUTPUT, nothing)]
    assert len(after) == 30
    first, eighth = (
        bytes(frame)[: WIDTH * 4 : 4] for number, frame in enumerate(moving(channels=4)) if number in (0, 8)
    )
    assert (after[0], after[15]) == (first, eighth)


def test_a_cut_stays_a_cut() -> None:
    dark = [sum(pixels) / len(pixels) < 128 for pixels in made(moving(jump_at=9))]
    # Between the drawn frames 8 and 9 lies frame 16 of the output, nearer to the second. No frame is a mixture.
    assert dark == [True] * 16 + [False] * 14


@pytest.mark.parametrize("frames", [1, 5, 9, 81])
def test_a_clip_of_any_length_comes_out_at_the_length_that_was_told(frames: int) -> None:
    def plain() -> Iterator[Frame]:
        for number in range(frames):
            yield memoryview(bytes([number]) * 64 * 48 * 3).cast("B", (48, 64, 3))

    drawn = replace(DRAWN, width=64, height=48, frames=frames)
    output = replace(drawn, frames=frames_after(frames, 16, 30), fps=30)
    assert len(made(plain(), drawn, output)) == output.frames


@pytest.mark.parametrize("given", [0, 16, 18])
def test_a_wrong_number_of_frames_is_told(given: int) -> None:
    told = f"the engine gave {given} frames instead of 17" if given < 17 else "the engine gave more than 17 frames"
    with pytest.raises(MediaFailed, match=f"^{told}$"):
        made(moving(given))


def test_a_wrong_frame_is_told() -> None:
    def wrong() -> Iterator[Frame]:
        yield next(moving())
        yield memoryview(bytes(48)).cast("B", (4, 4, 3))

    with pytest.raises(MediaFailed, match=r"^frame 1 is of another size than the first one$"):
        made(wrong())
    with pytest.raises(MediaFailed, match=r"^frame 0 is not C-contiguous"):
        made(iter([memoryview(bytes(16)).cast("B", (4, 4))]))


def test_it_can_be_stopped_at_every_frame() -> None:
    for stop_at in (1, 9):
        calls = 0

        def tick(stop_at: int = stop_at) -> None:
            nonlocal calls
            calls += 1
            if calls == stop_at:
                raise Canceled("a cancel was requested")

        with pytest.raises(Canceled):
            list(interpolate(moving(), DRAWN, OUTPUT, tick))


def test_the_engines_errors_pass_through() -> None:
    def fails() -> Iterator[Frame]:
        yield next(moving())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        made(fails())


def test_frames_are_taken_as_they_are_needed_and_not_kept() -> None:
    taken = 0

    def counted() -> Iterator[Frame]:
        nonlocal taken
        for frame in moving():
            taken += 1
            yield frame

    kept = []
    for number, frame in enumerate(interpolate(counted(), DRAWN, OUTPUT, nothing)):
        # FFmpeg's filter looks at two frames on each side.
        assert taken <= min(17, number * 16 / 30 + 4)
        kept.append(weakref.ref(frame))
        del frame
    assert sum(reference() is not None for reference in kept) <= 2


def test_the_file_has_the_frames_the_length_and_the_description_of_what_was_made(tmp_path: Path) -> None:
    file, stills, how = tmp_path / "clip.mp4", Stills(OUTPUT), how_interpolated(DRAWN, OUTPUT)
    tags = mp4.provenance("wan", OUTPUT, how)
    mp4.write(file, Clip(interpolate(moving(), DRAWN, OUTPUT, nothing)), OUTPUT, tags, stills.add)
    facts = probe.check(file, OUTPUT)
    assert (facts.frames, facts.fps, facts.seconds) == (30, 30.0, 1.0)
    told = "interpolated from 16 to 30 frames a second by FFmpeg's minterpolate."
    assert facts.tags["description"].endswith(told)
    assert "secret" not in str(facts.tags)
    again = tmp_path / "again.mp4"
    mp4.write(again, Clip(interpolate(moving(), DRAWN, OUTPUT, nothing)), OUTPUT, tags)
    assert again.read_bytes() == file.read_bytes()
