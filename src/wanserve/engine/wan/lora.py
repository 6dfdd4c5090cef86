"""Merges a LoRA file into a transformer's weights, and checks that every layer in the file was merged."""

import safetensors
import safetensors.torch
import torch
from diffusers import WanPipeline
from peft.tuners.lora import LoraLayer

from wanserve.domain.errors import SetupError
from wanserve.models.sampling import Lora

ADAPTER = "merged"


def merge(pipe: WanPipeline, lora: Lora) -> None:
    """Merge the LoRA's files into their transformers.

    Raises SetupError where a file is missing, damaged or made for another model.
    """
    merge_file(pipe, "transformer", lora.file, lora.strength)
    if lora.file_2 is not None:
        merge_file(pipe, "transformer_2", lora.file_2, lora.strength)


def merge_file(pipe: WanPipeline, part: str, file: str, strength: float) -> None:
    """Merge one file into one transformer, times `strength`. Raises SetupError unless all of its layers fit."""
    weights = read_lora(pipe, file)
    try:
        pipe.load_lora_weights(weights, adapter_name=ADAPTER, load_into_transformer_2=part == "transformer_2")
    except (ValueError, RuntimeError, KeyError) as error:
        # Shapes or names of another model. The library's message has many lines.
        raise SetupError(f"{file} is not a LoRA for this model: {str(error).splitlines()[0][:200]}") from error
    in_file, loaded = layers_in_file(weights), layers_with_lora(pipe.components[part])
    foreign = sorted(in_file - loaded)
    if not in_file or foreign:
        pipe.unload_lora_weights()
        names = ", ".join(foreign[:3])
        raise SetupError(f"{file}: {len(foreign)} of its {len(in_file)} layers are not in this model: {names}")
    pipe.fuse_lora(components=[part], lora_scale=strength, adapter_names=[ADAPTER])
    # The adapter's own modules would cost a little time in every step.
    pipe.unload_lora_weights()


def read_lora(pipe: WanPipeline, file: str) -> dict[str, torch.Tensor]:
    """Read the file, and convert it from any layout that diffusers knows to diffusers' names. Raises SetupError."""
    try:
        weights: dict[str, torch.Tensor] = pipe.lora_state_dict(safetensors.torch.load_file(file))
    except (OSError, safetensors.SafetensorError) as error:
        raise SetupError(f"the LoRA file {file} cannot be read: {error}") from error
    except (ValueError, KeyError) as error:
        raise SetupError(f"{file} is not a LoRA in a known layout: {error}") from error
    return weights


def layers_in_file(weights: dict[str, torch.Tensor]) -> set[str]:
    """The names of the transformer's layers that the file changes."""
    return {name.removeprefix("transformer.").split(".lora_")[0] for name in weights}


def layers_with_lora(transformer: torch.nn.Module) -> set[str]:
    """The names of the layers into which the adapter was loaded."""
    return {
        name
        for name, module in transformer.named_modules()
        if isinstance(module, LoraLayer) and ADAPTER in module.lora_A
    }
