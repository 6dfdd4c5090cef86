"""The whole engine beside the whole stock pipeline, with the tests' tiny checkpoints in fp32; and what it leaves."""

from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import torch
from diffusers import WanPipeline

from bench.gpu.measure import Figures, device
from bench.gpu.weights import TURBO, TWO_EXPERTS
from wanserve.domain.errors import Canceled
from wanserve.domain.progress import Progress, Stage

CANCELS: Final = 20


def tiny(_: Path) -> Figures:
    """Whether the frames are equal, with one expert and with two, and the bytes that canceled videos left behind."""
    # Imported here, because they limit torch to one thread.
    from tests.unit.wan.engines import SMALL, WEIGHTS, ignore_progress, loaded_engine, pictures, tiny_card  # noqa: PLC0415
    from tests.unit.wan.test_parity import frames_of_stock  # noqa: PLC0415

    told: Figures = {}
    for model in (TURBO, TWO_EXPERTS):
        generation = replace(SMALL, model=model)
        engine = loaded_engine(tiny_card(model, compile=False))
        stock = WanPipeline.from_pretrained(WEIGHTS[model], dtype=torch.float32).to(device())
        stock.set_progress_bar_config(disable=True)
        ours = pictures(engine.generate(generation, ignore_progress))
        told[f"{model}_frames_equal"] = bool((ours == frames_of_stock(stock, generation)).all())
        held = [_held()]
        for number in range(CANCELS):
            stop_at = Stage.DENOISE if number % 2 else Stage.DECODE
            with suppress(Canceled):
                pictures(engine.generate(replace(generation, seed=number), partial(_cancel, stop_at)))
            engine.clean_up()
            held.append(_held())
        told[f"{model}_grown_bytes"] = held[-1] - held[2]
    return told


def _cancel(at: Stage, progress: Progress) -> None:
    if progress.stage is at and progress.step == 2:
        raise Canceled("asked")


def _held() -> int:
    return torch.cuda.memory_allocated() if torch.cuda.is_available() else 0
