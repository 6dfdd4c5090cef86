"""How long an attempt still takes: by its own steps, and by what attempts like it took lately."""

import pytest

from wanserve.domain.progress import Progress, Stage, StageTimes, Stopwatch, typical_s

LATELY: list[StageTimes] = [
    {Stage.TEXT: 1.0, Stage.DENOISE: denoise, Stage.DECODE: 10.0, Stage.STORE: 1.0} for denoise in (90.0, 100.0, 500.0)
]


def denoised(step: int, steps: int = 50) -> Progress:
    return Progress(0.03 + 0.89 * step / steps, Stage.DENOISE, step, steps)


def test_before_anything_was_told_it_takes_as_long_as_the_last_ones() -> None:
    assert Stopwatch(0.0, LATELY).left_s(12.0) == 112.0 - 12.0
    assert Stopwatch(0.0, LATELY).left_s(1000.0) == 0.0
    assert Stopwatch(0.0, []).left_s(12.0) is None


def test_without_earlier_attempts_it_goes_on_as_it_began() -> None:
    watch = Stopwatch(100.0, [])
    watch.note(Progress(0.0, Stage.TEXT), 101.0)
    assert watch.left_s(101.0) is None
    watch.note(Progress(0.25, Stage.DENOISE, 1, 4), 110.0)
    assert watch.left_s(110.0) == pytest.approx(30.0)
    assert watch.left_s(115.0) == pytest.approx(25.0), "between two steps it gets less"
    assert watch.left_s(1000.0) == 0.0


def test_the_first_steps_are_estimated_by_earlier_attempts_and_the_later_ones_by_their_own_pace() -> None:
    watch = Stopwatch(0.0, LATELY)
    watch.note(Progress(0.0, Stage.TEXT), 0.0)
    watch.note(denoised(0), 1.0)
    assert watch.left_s(1.0) == pytest.approx(100.0 + 11.0)
    # This one is twice as slow: four seconds a step.
    watch.note(denoised(5), 21.0)
    trusted = 0.2 * 200.0 + 0.8 * 100.0
    assert watch.left_s(21.0) == pytest.approx(trusted - 20.0 + 11.0)
    watch.note(denoised(25), 101.0)
    assert watch.left_s(101.0) == pytest.approx(100.0 + 11.0)
    watch.note(Progress(0.92, Stage.DECODE, 0, 21), 201.0)
    assert watch.left_s(201.0) == pytest.approx(11.0)
    watch.note(Progress(1.0, Stage.STORE), 211.0)
    assert watch.left_s(211.5) == pytest.approx(0.5)


def test_what_goes_back_is_ignored() -> None:
    watch = Stopwatch(0.0, LATELY)
    watch.note(denoised(25), 51.0)
    left = watch.left_s(51.0)
    watch.note(denoised(20), 52.0)
    watch.note(Progress(0.99, Stage.TEXT), 52.0)
    assert watch.left_s(51.0) == left


def test_a_stage_that_earlier_attempts_did_not_have_is_estimated_by_the_whole() -> None:
    watch = Stopwatch(0.0, LATELY)
    watch.note(Progress(0.5, Stage.ENCODE, 3, 6), 10.0)
    assert watch.left_s(10.0) == pytest.approx(10.0)


def test_the_times_of_the_stages_are_kept() -> None:
    watch = Stopwatch(10.0, [])
    assert watch.times(11.0) == {}
    watch.note(Progress(0.0, Stage.TEXT), 12.0)
    watch.note(denoised(1), 15.0)
    watch.note(denoised(50), 65.0)
    watch.note(Progress(1.0, Stage.STORE), 70.0)
    # What came after the last step, from 65 to 70, counts for the next stage.
    assert watch.times(72.0) == {Stage.TEXT: 5.0, Stage.DENOISE: 50.0, Stage.STORE: 7.0}


def test_what_comes_after_the_last_step_does_not_slow_the_pace_of_the_steps() -> None:
    # Drawn in 10 s, and 4 s until it is stored.
    first = Stopwatch(0.0, [])
    first.note(Progress(0.0, Stage.ENCODE, 0, 10), 0.0)
    first.note(Progress(1.0, Stage.ENCODE, 10, 10), 10.0)
    lately = [first.times(14.0)]
    assert lately == [{Stage.ENCODE: 10.0, Stage.STORE: 4.0}]
    watch = Stopwatch(0.0, lately)
    watch.note(Progress(0.0, Stage.ENCODE, 0, 10), 0.0)
    watch.note(Progress(0.5, Stage.ENCODE, 5, 10), 7.0)
    assert watch.left_s(7.0) == pytest.approx(7.0 + 4.0)
    watch.note(Progress(1.0, Stage.ENCODE, 10, 10), 14.0)
    assert watch.left_s(15.0) == pytest.approx(3.0)
    # The file is finished and read back: told, but no step of the stage.
    watch.note(Progress(1.0, Stage.ENCODE), 16.0)
    assert watch.left_s(16.0) == pytest.approx(2.0)


def test_nothing_is_estimated_by_the_prompts_share_alone() -> None:
    # On a device's first video a moment of the text encoder may stand for anything.
    watch = Stopwatch(0.0, [])
    watch.note(Progress(0.003, Stage.TEXT), 8.0)
    assert watch.left_s(8.0) is None
    watch.note(Progress(0.1, Stage.DENOISE, 5, 50), 20.0)
    assert watch.left_s(20.0) == pytest.approx(180.0)


def test_the_estimate_at_half_time_is_held_against_what_came() -> None:
    watch = Stopwatch(0.0, LATELY)
    assert watch.error(10.0) is None, "nobody asked"
    watch.note(denoised(0), 1.0)
    watch.left_s(1.0)
    watch.note(denoised(25), 50.0)
    assert watch.left_s(50.0) == pytest.approx(50.0 + 11.0)
    watch.left_s(99.0)
    assert watch.error(100.0) == pytest.approx((61.0 - 50.0) / 50.0)


def test_an_outlier_does_not_count() -> None:
    assert typical_s(LATELY) == 112.0
    assert typical_s([]) is None
