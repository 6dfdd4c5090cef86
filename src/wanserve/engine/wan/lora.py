"""Knows how a LoRA file becomes part of a transformer's weights, and that all of it did."""

from typing import Any

import safetensors
import safetensors.torch
import torch
from diffusers import WanPipeline
from peft.tuners.lora import LoraLayer

from wanserve.domain.errors import SetupError
from wanserve.models.sampling import Lora

ADAPTER = "merged"


def merge(pipe: WanPipeline, lora: Lora) -> None:
    """Add the LoRA's files to their transformers. Raises SetupError where one is missing, broken or for another model."""
    merge_file(pipe, "transformer", lora.file, lora.strength)
    if lora.file_2 is not None:
        merge_file(pipe, "transformer_2", lora.file_2, lora.strength)


def merge_file(pipe: WanPipeline, part: str, file: str, strength: float) -> None:
    """Add one file to one transformer, times `strength`. Raises SetupError where anything in it finds no place."""
    weights = read(pipe, file)
    try:
        pipe.load_lora_weights(weights, adapter_name=ADAPTER, load_into_transformer_2=part == "transformer_2")
    except (ValueError, RuntimeError, KeyError) as error:
        # Of another model's: shapes or names that do not fit. The library's text goes over many lines.
        raise SetupError(f"{file} is no LoRA of this model: {str(error).splitlines()[0][:200]}") from error
    wanted, taken = modules_in(weights), modules_taken(pipe.components[part])
    if not wanted or wanted - taken:
        pipe.unload_lora_weights()
        missed = ", ".join(sorted(wanted - taken)[:3])
        raise SetupError(f"{file}: {len(wanted - taken)} of its {len(wanted)} layers are not in this model: {missed}")
    pipe.fuse_lora(components=[part], lora_scale=strength, adapter_names=[ADAPTER])
    # The modules that held it would cost a little at every step.
    pipe.unload_lora_weights()


def read(pipe: WanPipeline, file: str) -> dict[str, torch.Tensor]:
    """The file in diffusers' own names, whichever of the known layouts it has. Raises SetupError."""
    try:
        converted: Any = pipe.lora_state_dict(safetensors.torch.load_file(file))
    except (OSError, safetensors.SafetensorError) as error:
        raise SetupError(f"the LoRA file {file} cannot be read: {error}") from error
    except (ValueError, KeyError) as error:
        raise SetupError(f"{file} is no LoRA in a known layout: {error}") from error
    weights: dict[str, torch.Tensor] = converted
    return weights


def modules_in(weights: dict[str, torch.Tensor]) -> set[str]:
    """The layers that a LoRA is for."""
    return {name.removeprefix("transformer.").split(".lora_")[0] for name in weights}


def modules_taken(transformer: torch.nn.Module) -> set[str]:
    """The layers that have taken it."""
    return {
        name
        for name, module in transformer.named_modules()
        if isinstance(module, LoraLayer) and ADAPTER in module.lora_A
    }
