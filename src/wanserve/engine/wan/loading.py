"""Knows how a checkpoint becomes a pipeline that is ready to generate: its numbers, its place, its kernels."""

import logging
import shutil
from typing import Any, Final

import accelerate
import diffusers.utils.logging
import torch
import transformers.utils.logging
from diffusers import WanPipeline
from diffusers.hooks import apply_group_offloading

from wanserve.domain.errors import SetupError
from wanserve.engine.wan.memory import MemoryPlan
from wanserve.engine.wan.profiles import add_cache, merge_loras, quantise, transformers_of
from wanserve.models.sampling import Placement, Precision, Profile, SamplingSettings

log = logging.getLogger(__name__)

HOST: Final = torch.device("cpu")


def load_pipeline(
    sampling: SamplingSettings, plan: MemoryPlan, device: torch.device, *, reads: bool = True
) -> WanPipeline:
    """The pipeline of `sampling.weights`, a folder in the diffusers layout that was checked before.

    Without `reads` it has no text encoder, whose memory it saves, and takes embeddings only. Raises
    SetupError where a LoRA file, the attention kernel or the libraries' own loading says no.
    """
    pipe = read(sampling, device, reads=reads)
    merge_loras(pipe, sampling)
    if sampling.attention is not None:
        choose_attention(pipe, sampling.attention)
    quantise(pipe, plan.blocks)
    place(pipe, plan, device)
    if pipe.vae.dtype is torch.bfloat16:
        quicken_decoder(pipe.vae)
    if sampling.profile is Profile.BALANCED:
        add_cache(pipe)
    if compiles(sampling, plan, device):
        for transformer in transformers_of(pipe):
            # Dynamic: two compilations for any number of sizes; a size of its own each would compile again and again.
            transformer.compile_repeated_blocks(fullgraph=True, dynamic=True)
    return pipe


def read(sampling: SamplingSettings, device: torch.device, *, reads: bool = True) -> WanPipeline:
    """The pipeline in host memory, as it is on the disk. Raises SetupError."""
    number = dtype(sampling.precision, device)
    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()
    try:
        pipe = own_class(device).from_pretrained(
            sampling.weights,
            dtype={"default": number, "vae": decoder_dtype(sampling, number)},
            local_files_only=True,
            # Never a pickle, which could bring code.
            use_safetensors=True,
            **({} if reads else {"text_encoder": None, "tokenizer": None}),
        )
    except (OSError, ValueError) as error:
        raise SetupError(f"{sampling.weights} cannot be loaded: {str(error).splitlines()[0]}") from error
    pipe.set_progress_bar_config(disable=True)
    return pipe


def own_class(device: torch.device) -> type[Any]:
    """A pipeline class for one pipeline alone.

    cache-dit patches the class of the pipeline that it serves, and would hold the weights of a model that was let go.
    And parts that are not on the device do not mean that the work is to be done where they are.
    """
    return type(WanPipeline.__name__, (WanPipeline,), {"_execution_device": device})


def dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """The number format for this precision on this device."""
    if precision is Precision.AUTO:
        return torch.bfloat16 if has_bf16_units(device) else torch.float32
    return {Precision.BF16: torch.bfloat16, Precision.FP32: torch.float32}[precision]


def decoder_dtype(sampling: SamplingSettings, number: torch.dtype) -> torch.dtype:
    """The VAE's number format. Wan 2.1 decodes in bf16 without a visible loss (MS-SSIM 0.9999); 2.2 is kept in fp32.

    Sources: hao-ai-lab/FastVideo#1472, sgl-project/sglang#32697. The profile `small` has no room for fp32.
    """
    return torch.float32 if sampling.experts == 2 and sampling.profile is not Profile.SMALL else number


def has_bf16_units(device: torch.device) -> bool:
    """Whether the device computes bf16 faster than fp32: any GPU that can hold these models, and newer server CPUs."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    units = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return device.type == "cpu" and bool(units)


def choose_attention(pipe: WanPipeline, name: str) -> None:
    """Set the attention kernel. Raises SetupError where this machine does not have it."""
    try:
        for transformer in transformers_of(pipe):
            transformer.set_attention_backend(name)
    except (ValueError, RuntimeError, ImportError) as error:
        raise SetupError(f"attention {name} cannot be had here: {str(error).splitlines()[0]}") from error


def place(pipe: WanPipeline, plan: MemoryPlan, device: torch.device) -> None:
    """Put each part where the plan wants it."""
    pipe.vae.to(device)
    if plan.placement is Placement.WHOLE:
        pipe.to(device)
        return
    if pipe.text_encoder is not None:
        offload(pipe.text_encoder, plan, device)
    if plan.placement is Placement.TEXT_OFF:
        for transformer in transformers_of(pipe):
            transformer.to(device)
    elif plan.placement is Placement.PARTS:
        before = None
        for transformer in transformers_of(pipe):
            _, before = accelerate.cpu_offload_with_hook(transformer, device, before)
    else:
        for transformer in transformers_of(pipe):
            offload(transformer, plan, device)


def offload(module: torch.nn.Module, plan: MemoryPlan, device: torch.device) -> None:
    """Keep the module in host memory, each of its layers on the device only while it works."""
    streams = device.type == "cuda"
    apply_group_offloading(
        module,
        onload_device=device,
        offload_device=HOST,
        offload_type="leaf_level",
        use_stream=streams,
        # What is not pinned beforehand is pinned on its way: slower, and without a second copy of the weights.
        low_cpu_mem_usage=streams and not plan.pinned,
    )


def retire(pipe: WanPipeline) -> None:
    """Bring the experts back to host memory, where the plan keeps them between their turns."""
    for transformer in transformers_of(pipe):
        hook = getattr(transformer, "_hf_hook", None)
        if hook is not None and isinstance(hook, accelerate.hooks.CpuOffload):
            transformer.to(HOST)


def quicken_decoder(vae: torch.nn.Module) -> None:
    """Lay the VAE's 3-D convolutions out as its kernels like them. The numbers stay the same to rounding."""
    # Module by module: the whole VAE cannot be converted, as it has 2-D convolutions too.
    for module in vae.modules():
        if isinstance(module, torch.nn.Conv3d):
            module.weight.data = module.weight.data.to(memory_format=torch.channels_last_3d)


def compiles(sampling: SamplingSettings, plan: MemoryPlan, device: torch.device) -> bool:
    """Whether the blocks are compiled: on a GPU, where the gain is, and neither with a cache nor while blocks move."""
    if sampling.compile is not None:
        return sampling.compile
    if device.type != "cuda" or sampling.profile is Profile.BALANCED or plan.placement is Placement.GROUPS:
        return False
    # What launches a compiled kernel is itself compiled, by the system's C compiler, at the first video.
    if not (shutil.which("gcc") or shutil.which("cc") or shutil.which("clang")):
        log.warning("the blocks are not compiled, as no C compiler is installed; videos take longer without")
        return False
    return True
