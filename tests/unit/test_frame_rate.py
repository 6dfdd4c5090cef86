"""How many frames are drawn for a video of more frames a second, and how long that video is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import new_generation
from wanserve.domain.generation import Generation
from wanserve.models.frame_rate import as_drawn, frames_after


def video(frames: int, fps: int) -> Generation:
    return Generation("wanx2.1-t2v-turbo", "a cat", "", 64, 48, frames, fps, seed=1)


@pytest.mark.parametrize(
    ("frames", "fps", "after"),
    [(81, 30, 150), (65, 30, 120), (17, 30, 30), (9, 30, 15), (5, 30, 7), (1, 30, 1), (81, 24, 120), (81, 60, 300)],
)
def test_five_seconds_of_the_model_are_150_frames_at_30(frames: int, fps: int, after: int) -> None:
    assert frames_after(frames, 16, fps) == after
    assert as_drawn(video(after, fps), 16) == video(frames, 16)


@given(st.integers(0, 250), st.integers(17, 60))
def test_every_frame_lies_between_drawn_ones_and_the_same_number_is_drawn_again(fours: int, output_fps: int) -> None:
    frames = 4 * fours + 1
    after = frames_after(frames, 16, output_fps)
    # In units of 1 / (16 * output_fps) seconds: the last frame of the video comes before the last drawn one.
    assert (after - 1) * 16 < (frames - 1) * output_fps or frames == 1
    assert as_drawn(video(after, output_fps), 16) == video(frames, 16)


def test_a_video_of_the_models_own_frame_rate_is_drawn_as_it_is() -> None:
    assert as_drawn(video(81, 16), 16) == video(81, 16)
    assert as_drawn(new_generation(), 30) == new_generation()
