"""Loads a checkpoint as a pipeline that is ready: number formats, placement, attention kernel, compilation."""

import logging
import shutil
from pathlib import Path
from typing import Final

import accelerate
import diffusers.utils.logging
import torch
import transformers.utils.logging
from diffusers import WanPipeline
from diffusers.hooks import apply_group_offloading
from diffusers.utils.constants import DIFFUSERS_ATTN_BACKEND

from wanserve.domain.errors import SetupError
from wanserve.engine.wan.attention import attention_problem
from wanserve.engine.wan.device import compute_capability, has_bf16_units
from wanserve.engine.wan.memory import MemoryPlan
from wanserve.engine.wan.parts import load_part
from wanserve.engine.wan.profiles import Pipeline, apply_loras, enable_step_cache, transformers_of
from wanserve.models.sampling import Placement, Precision, Profile, SamplingSettings, WanModelCard

log = logging.getLogger(__name__)

HOST: Final = torch.device("cpu")


def load_pipeline(
    card: WanModelCard, plan: MemoryPlan, device: torch.device, *, with_text_encoder: bool = True
) -> Pipeline:
    """Load the pipeline of the card's `sampling.weights`, a folder in the diffusers layout that was checked before.

    Without the text encoder, which saves its memory, the pipeline accepts embeddings only. Raises SetupError where a
    LoRA file or the attention kernel cannot be used, or the weights are not those of the model.
    """
    sampling = card.sampling
    pipe = read_pipeline(sampling, device, with_text_encoder=with_text_encoder)
    pipeline = apply_loras(pipe, sampling, plan.block_format)
    # Also where none is set: diffusers keeps the last one for the whole process, and it may be that of another model.
    set_attention_backend(pipe, sampling.attention or DIFFUSERS_ATTN_BACKEND, compute_capability(device))
    if plan.placement is Placement.GROUPS:
        pipeline.offered.require_matrices()
    apply_placement(pipe, plan, device)
    if pipe.vae.dtype is torch.bfloat16:
        use_channels_last(pipe.vae)
    if sampling.profile is Profile.BALANCED and not pipeline.switched:
        enable_step_cache(pipe)
    if should_compile(sampling, plan, device):
        for transformer in transformers_of(pipe):
            # With dynamic shapes the blocks are compiled twice in all, and without them for each new size of a video.
            transformer.compile_repeated_blocks(fullgraph=True, dynamic=True)
    return pipeline


def read_pipeline(sampling: SamplingSettings, device: torch.device, *, with_text_encoder: bool = True) -> WanPipeline:
    """Read the pipeline from the disk into host memory. Raises SetupError."""
    weights_dtype = dtype_for(sampling.precision, device)
    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()
    folder = Path(sampling.weights)
    names = ["transformer", "vae"]
    names += ["transformer_2"] if sampling.experts > 1 else []
    names += ["text_encoder"] if with_text_encoder else []
    dtypes = {"vae": decoder_dtype(sampling, weights_dtype)}
    parts = {name: load_part(folder, name, dtypes.get(name, weights_dtype)) for name in names}
    try:
        pipe = pipeline_class(device).from_pretrained(
            folder,
            local_files_only=True,
            # The owner's, or the authors': whatever the folder says.
            boundary_ratio=sampling.boundary_ratio,
            **parts,
            **({} if with_text_encoder else {"text_encoder": None, "tokenizer": None}),
        )
    except (OSError, ValueError) as error:
        raise SetupError(f"{folder} cannot be loaded: {str(error).splitlines()[0]}") from error
    pipe.set_progress_bar_config(disable=True)
    return pipe


def pipeline_class(device: torch.device) -> type[WanPipeline]:
    """Make a subclass of WanPipeline for one pipeline alone, which computes on this device.

    cache-dit patches the class of a pipeline: a class that outlived its pipeline would keep the weights in memory.
    And without `_execution_device` diffusers would compute on the device on which it finds the first part.
    """
    return type(WanPipeline.__name__, (WanPipeline,), {"_execution_device": device})


def dtype_for(precision: Precision, device: torch.device) -> torch.dtype:
    """The number format for this precision on this device."""
    if precision is Precision.AUTO:
        return torch.bfloat16 if has_bf16_units(device) else torch.float32
    return {Precision.BF16: torch.bfloat16, Precision.FP32: torch.float32}[precision]


def decoder_dtype(sampling: SamplingSettings, weights_dtype: torch.dtype) -> torch.dtype:
    """The VAE's number format. Wan 2.1 decodes in bf16 without a visible loss (MS-SSIM 0.9999); 2.2 stays in fp32.

    Sources: hao-ai-lab/FastVideo#1472, sgl-project/sglang#32697. The profile `small` has no memory for fp32.
    """
    return torch.float32 if sampling.experts == 2 and sampling.profile is not Profile.SMALL else weights_dtype


def set_attention_backend(pipe: WanPipeline, name: str, capability: tuple[int, int] | None = None) -> None:
    """Set the attention kernel of all transformers. `capability` is that of the GPU, if it is NVIDIA's.

    Raises SetupError where this machine does not have the kernel, or it makes noise on this GPU.
    """
    if problem := attention_problem(name, capability):
        raise SetupError(problem)
    try:
        for transformer in transformers_of(pipe):
            transformer.set_attention_backend(name)
    except (ValueError, RuntimeError, ImportError) as error:
        raise SetupError(f"attention {name} is not available here: {str(error).splitlines()[0]}") from error


def apply_placement(pipe: WanPipeline, plan: MemoryPlan, device: torch.device) -> None:
    """Move each part of the pipeline to where the plan places it."""
    pipe.vae.to(device)
    if plan.placement is Placement.WHOLE:
        pipe.to(device)
        return
    if pipe.text_encoder is not None:
        offload_layers(pipe.text_encoder, plan, device)
    if plan.placement is Placement.TEXT_OFF:
        for transformer in transformers_of(pipe):
            transformer.to(device)
    elif plan.placement is Placement.PARTS:
        previous = None
        for transformer in transformers_of(pipe):
            _, previous = accelerate.cpu_offload_with_hook(transformer, device, previous)
    else:
        for transformer in transformers_of(pipe):
            offload_layers(transformer, plan, device)


def offload_layers(module: torch.nn.Module, plan: MemoryPlan, device: torch.device) -> None:
    """Keep the module in host memory, and each of its layers on the device only while it computes."""
    use_stream = device.type == "cuda"
    apply_group_offloading(
        module,
        onload_device=device,
        offload_device=HOST,
        offload_type="leaf_level",
        use_stream=use_stream,
        # Without pinned weights each layer is pinned as it is moved: slower, but without a second copy of the weights.
        low_cpu_mem_usage=use_stream and not plan.pinned,
    )


def offload_experts(pipe: WanPipeline) -> None:
    """Move the transformers back to host memory, where the plan keeps them while they do not compute."""
    for transformer in transformers_of(pipe):
        hook = getattr(transformer, "_hf_hook", None)
        if hook is not None and isinstance(hook, accelerate.hooks.CpuOffload):
            transformer.to(HOST)


def use_channels_last(vae: torch.nn.Module) -> None:
    """Store the weights of the VAE's 3-D convolutions as channels_last_3d, for which the kernels are faster.

    The results stay the same except for rounding.
    """
    # Module by module: the VAE as a whole cannot be converted, because it has 2-D convolutions too.
    for module in vae.modules():
        if isinstance(module, torch.nn.Conv3d):
            module.weight.data = module.weight.data.to(memory_format=torch.channels_last_3d)


def should_compile(sampling: SamplingSettings, plan: MemoryPlan, device: torch.device) -> bool:
    """Whether to compile the blocks: by default on a GPU, but not with a step cache, nor where blocks are offloaded."""
    if sampling.compile is not None:
        return sampling.compile
    if device.type != "cuda" or sampling.profile is Profile.BALANCED or plan.placement is Placement.GROUPS:
        return False
    # The code that launches a compiled kernel is itself compiled, by the system's C compiler, at the first video.
    if not (shutil.which("gcc") or shutil.which("cc") or shutil.which("clang")):
        log.warning("the blocks are not compiled, because there is no C compiler: install gcc for faster videos")
        return False
    return True
