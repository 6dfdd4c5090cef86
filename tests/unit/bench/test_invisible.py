"""The bench of invisible marks: a mark that anybody sees survives everything, and one that is not there is found nowhere."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bench.interpolation import Pixels
from bench.invisible import BITS, FRAMES, Sample, Tally, agreeing, cropped, scaled, voted

COLUMNS, ROWS = 8, 4
SIZE = (416, 240)
NAMES = [f"{attack}_drawn" for attack in ("none", "crf28", "half", "crop", "crop_scaled", "together")]


class Checkered:
    """Paints the bits over the whole picture, as black and white fields."""

    def mark(self, picture: Pixels, payload: Sequence[int]) -> Pixels:
        height, width, _ = picture.shape
        fields = np.array(payload, np.uint8).reshape(ROWS, COLUMNS) * 255
        large = np.kron(fields, np.ones((height // ROWS, width // COLUMNS), np.uint8))
        return np.repeat(large[:, :, None], 3, axis=2)

    def read(self, picture: Pixels) -> Sequence[int]:
        height, width, _ = picture.shape
        middles = picture[height // ROWS // 2 :: height // ROWS, width // COLUMNS // 2 :: width // COLUMNS, 0]
        return [int(bit) for bit in (middles[:ROWS, :COLUMNS] > 127).ravel()]


class Nothing(Checkered):
    def mark(self, picture: Pixels, payload: Sequence[int]) -> Pixels:
        return picture


@pytest.fixture
def sample() -> Sample:
    return Sample("a grey clip", "drawn", [np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)] * FRAMES)


def test_a_mark_that_is_seen_survives_everything(sample: Sample, tmp_path: Path) -> None:
    tally = Tally()
    tally.add(Checkered(), sample, tmp_path)
    assert dict(tally.bits) == {name: [BITS] for name in NAMES}
    assert tally.unmarked == [BITS // 2]
    assert tally.psnr_db["drawn"][0] < 10


def test_half_of_the_bits_of_no_mark_agree(sample: Sample, tmp_path: Path) -> None:
    tally = Tally()
    tally.add(Nothing(), sample, tmp_path)
    assert dict(tally.bits) == {name: [BITS // 2] for name in NAMES}


def test_a_payload_is_the_clips_own_and_half_ones(sample: Sample) -> None:
    assert sum(sample.payload) == BITS // 2
    assert sample.payload == Sample("a grey clip", "photographs", sample.frames).payload
    assert sample.payload != Sample("another", "drawn", sample.frames).payload


def test_the_majority_of_the_frames_decides(sample: Sample) -> None:
    method = Checkered()
    right = method.mark(sample.frames[0], sample.payload)
    wrong = method.mark(sample.frames[0], [1 - bit for bit in sample.payload])
    frames = [right] * FRAMES
    frames[3] = wrong
    assert voted(method, frames) == sample.payload
    frames[8] = wrong
    assert agreeing(voted(method, frames), sample.payload) == 0


def test_a_crop_takes_a_twentieth_at_each_edge(sample: Sample) -> None:
    assert cropped(sample.frames[0]).shape == (240 - 2 * 12, 416 - 2 * 20, 3)
    assert scaled(cropped(sample.frames[0]), SIZE).shape == (240, 416, 3)
