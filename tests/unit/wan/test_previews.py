"""Previews: a picture every few steps, from what the scheduler predicts, that changes nothing in the video."""

import numpy as np
import pytest
import torch

from tests.unit.wan.engines import SMALL, TURBO, ignore_progress, pictures, tiny_card
from wanserve.domain.errors import Canceled
from wanserve.domain.progress import Picture, Progress, Stage
from wanserve.engine.wan.engine import WanEngine
from wanserve.engine.wan.previews import BIAS, FACTORS, picture_of
from wanserve.models.framing import Framing

NATIVE = Framing((96, 64), 96, 64, 96, 64)


def pixels_of(picture: Picture) -> np.ndarray:
    return np.frombuffer(picture.rgb, np.uint8).reshape(picture.height, picture.width, 3)


def engine(preview_steps: int) -> WanEngine:
    made = WanEngine({TURBO: tiny_card(TURBO, steps=6)}, preview_steps=preview_steps)
    made.load(TURBO)
    return made


def test_every_few_steps_a_picture_is_reported_and_the_video_is_the_same() -> None:
    told: list[Progress] = []
    shown = pictures(engine(2).generate(SMALL, told.append))
    assert [(each.stage, each.step) for each in told if each.picture] == [(Stage.DENOISE, 2), (Stage.DENOISE, 4)]
    one = next(each.picture for each in told if each.picture)
    assert (one.width, one.height, len(one.rgb)) == (SMALL.width // 8, SMALL.height // 8, one.width * one.height * 3)
    assert np.array_equal(shown, pictures(engine(0).generate(SMALL, ignore_progress)))


def test_off_nothing_is_reported() -> None:
    told: list[Progress] = []
    pictures(engine(0).generate(SMALL, told.append))
    assert not [each for each in told if each.picture]


def test_a_cancel_at_a_picture_ends_the_generation() -> None:
    made = engine(2)

    def report(progress: Progress) -> None:
        if progress.picture:
            raise Canceled("asked")

    with pytest.raises(Canceled):
        made.generate(SMALL, report)
    made.clean_up()
    assert len(pictures(made.generate(SMALL, ignore_progress))) == SMALL.frames


def test_the_colours_are_those_of_the_published_map() -> None:
    latents = torch.zeros(1, 16, 3, 8, 12)
    latents[0, 14, 1] = 2.0
    picture = picture_of(latents, NATIVE)
    assert picture is not None
    expected = [round((factor * 2.0 + bias) * 127.5 + 127.5) for factor, bias in zip(FACTORS[14], BIAS, strict=True)]
    assert pixels_of(picture).reshape(-1, 3).tolist() == [expected] * (8 * 12)


def test_what_the_framing_cuts_off_is_cut_off() -> None:
    framing = Framing((96, 32), 96, 64, 96, 32)
    latents = torch.zeros(1, 16, 1, 8, 12)
    latents[:, :, :, :2] = latents[:, :, :, 6:] = 50.0
    picture = picture_of(latents, framing)
    assert picture is not None
    assert (picture.width, picture.height) == (12, 4)
    assert len({tuple(pixel) for pixel in pixels_of(picture).reshape(-1, 3)}) == 1


def test_latents_of_another_vae_have_no_picture() -> None:
    assert picture_of(torch.zeros(1, 48, 1, 8, 12), NATIVE) is None
