"""Knows how a checkpoint becomes a pipeline that is ready to generate, placed as the plan says."""

import diffusers.utils.logging
import torch
import transformers.utils.logging
from diffusers import WanPipeline

from wanserve.domain.recipe import Precision, Recipe


def load_pipeline(recipe: Recipe, device: torch.device) -> WanPipeline:
    """The pipeline of `recipe.weights`, a folder in the diffusers layout that was checked before."""
    number = dtype(recipe.precision, device)
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    pipe = WanPipeline.from_pretrained(recipe.weights, dtype={"default": number}, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    pipe.to(device)
    if pipe.vae.dtype is torch.bfloat16:
        quicken_decoder(pipe)
    return pipe


def dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """The number format for this precision on this device."""
    if precision is Precision.AUTO:
        return torch.bfloat16 if has_bf16_units(device) else torch.float32
    return {Precision.BF16: torch.bfloat16, Precision.FP32: torch.float32}[precision]


def has_bf16_units(device: torch.device) -> bool:
    """Whether the device computes bf16 faster than fp32: any GPU that can hold these models, and newer server CPUs."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    units = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return device.type == "cpu" and bool(units)


def quicken_decoder(pipe: WanPipeline) -> None:
    """Lay the VAE's 3-D convolutions out as its kernels like them. The numbers stay the same to rounding."""
    # Module by module: the whole VAE cannot be converted, as it has 2-D convolutions too.
    for module in pipe.vae.modules():
        if isinstance(module, torch.nn.Conv3d):
            module.weight.data = module.weight.data.to(memory_format=torch.channels_last_3d)
