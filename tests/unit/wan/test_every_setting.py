"""Every setting of a model changes what is made or how, or is refused: none is told and not used."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import save_file

from tests.unit.wan.engines import ASSETS, PLUS, SMALL, TURBO, WEIGHTS, ignore_progress, pictures
from tests.unit.wan.test_lora import LAYERS, weights
from wanserve.domain.errors import SetupError
from wanserve.domain.generation import Generation
from wanserve.engine.wan.engine import WanEngine
from wanserve.models.availability import Availability, find_availability
from wanserve.models.model_settings import ModelSettings
from wanserve.settings import load

SETTINGS: dict[str, Any] = {"steps": 2, "precision": "fp32"}
LARGE = (1920, 1080)


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("lora") / "style.safetensors"
    save_file(weights(*LAYERS), file)
    return str(file)


def available(tmp_path: Path, model: str, own: dict[str, Any]) -> Availability:
    """What is served with these settings of the model, as a start finds it."""
    tables = {model: {"weights": str(WEIGHTS[model])} | SETTINGS | own}
    return find_availability(load({"data_dir": tmp_path, "engine": "wan", "models": tables}, {}, tmp_path / "no.toml"))


def loaded(tmp_path: Path, model: str, own: dict[str, Any]) -> WanEngine:
    engine = WanEngine(available(tmp_path, model, own).loadable)
    engine.load(model)
    return engine


def drawn(tmp_path: Path, model: str, own: dict[str, Any]) -> Any:
    asked = Generation(model, SMALL.prompt, "", 96, 64, 9, 16, 5)
    return pictures(loaded(tmp_path, model, own).generate(asked, ignore_progress))


CHANGES_THE_VIDEO: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "weights": (TURBO, str(ASSETS / "other"), {}),
    "steps": (TURBO, 3, {}),
    "guidance_scale": (TURBO, 2.0, {}),
    "guidance_scale_2": (PLUS, 9.0, {"steps": 6}),
    "flow_shift": (TURBO, 2.0, {}),
    "boundary_ratio": (PLUS, 0.99, {"steps": 6}),
    "negative_prompt": (TURBO, "rain", {}),
    "precision": (TURBO, "bf16", {}),
    "loras": (TURBO, [{"file": "LORA"}], {}),
    "distill": (TURBO, {"file": "LORA", "strength": 0.1}, {"profile": "fast", "distill": {"file": "LORA"}}),
    "profile": (TURBO, "small", {}),
    "steps beside fast": (TURBO, 3, {"profile": "fast", "distill": {"file": "LORA"}}),
    "flow_shift beside fast": (TURBO, 2.0, {"profile": "fast", "distill": {"file": "LORA"}}),
    "guidance_scale beside fast": (TURBO, 3.0, {"profile": "fast", "distill": {"file": "LORA"}}),
}


def with_file(own: Any, file: str) -> Any:
    """The settings with the LoRA's path for LORA."""
    if isinstance(own, dict):
        return {name: with_file(each, file) for name, each in own.items()}
    if isinstance(own, list):
        return [with_file(each, file) for each in own]
    return file if own == "LORA" else own


@pytest.mark.parametrize("case", CHANGES_THE_VIDEO)
def test_it_changes_the_video(tmp_path: Path, lora: str, case: str) -> None:
    model, value, beside = CHANGES_THE_VIDEO[case]
    if case == "weights":
        value = other_weights(tmp_path)
    before = with_file(beside, lora)
    after = before | with_file({case.split(maxsplit=1)[0]: value}, lora)
    assert not np.array_equal(drawn(tmp_path, model, before), drawn(tmp_path, model, after))


def other_weights(tmp_path: Path) -> str:
    """The tiny weights with one number changed."""
    import shutil

    import torch
    from safetensors.torch import load_file

    folder = Path(shutil.copytree(ASSETS / "tiny-wan", tmp_path / "other"))
    file = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    tensors["proj_out.bias"] = torch.ones(64)
    save_file(tensors, file)
    return str(folder)


def card(tmp_path: Path, own: dict[str, Any]) -> Any:
    return available(tmp_path, TURBO, own).cards[TURBO]


CHANGES_HOW: dict[str, tuple[Any, Callable[[Any], Any], Any]] = {
    # Each: the value, what is looked at in the loaded engine, and what must be there.
    "frames": (17, lambda engine: engine._loaded.card.frames, 17),
    "output_fps": (30, lambda engine: engine._loaded.card.fps, 30),
    "large_sizes": ("native", lambda engine: engine._loaded.card.sampling.large_sizes.value, "native"),
    "tiled_decode": (True, lambda engine: engine._loaded.plan.tiled, True),
    "compile": (
        True,
        lambda engine: engine._loaded.pipe.transformer.blocks[0]._compiled_call_impl is not None,
        True,
    ),
    "attention": (
        "_native_efficient",
        lambda engine: engine._loaded.pipe.transformer.blocks[0].attn1.processor._attention_backend.value,
        "_native_efficient",
    ),
    "requests": ({"steps": [2, 9]}, lambda engine: engine._loaded.card.choices.steps, (2, 9)),
}


@pytest.mark.parametrize("name", CHANGES_HOW)
def test_it_changes_how_the_video_is_made(tmp_path: Path, name: str) -> None:
    value, look, expected = CHANGES_HOW[name]
    assert look(loaded(tmp_path, TURBO, {})) != expected
    assert look(loaded(tmp_path, TURBO, {name: value})) == expected


def test_a_placement_is_refused_where_there_is_no_device_to_place_on(tmp_path: Path) -> None:
    for placement in ("text-off", "parts", "groups"):
        with pytest.raises(
            SetupError, match=f"placement {placement} is for a GPU, and none is used here: leave it out"
        ):
            loaded(tmp_path, TURBO, {"placement": placement})
    loaded(tmp_path, TURBO, {"placement": "whole"})


def test_every_setting_is_one_of_these() -> None:
    tried = {case.split()[0] for case in CHANGES_THE_VIDEO} | CHANGES_HOW.keys() | {"placement"}
    assert ModelSettings.model_fields.keys() == tried
