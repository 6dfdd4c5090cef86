"""Stage 2: knows how noise becomes latents, by the pipeline's own loop, with a scheduler made for each generation."""

from collections.abc import Callable
from typing import Any

import torch
from diffusers import UniPCMultistepScheduler, WanPipeline

from wanserve.domain.generation import Generation
from wanserve.engine.wan.profiles import transformers_of
from wanserve.engine.wan.watch import watched
from wanserve.models.framing import Framing
from wanserve.models.sampling import Profile, SamplingSettings


def denoise(
    pipe: WanPipeline,
    sampling: SamplingSettings,
    generation: Generation,
    framing: Framing,
    embeddings: tuple[torch.Tensor, torch.Tensor | None],
    at_step: Callable[[float], None],
    at_layer: Callable[[float], None] | None = None,
) -> torch.Tensor:
    """The latents of the video, (1, channels, latent frames, height / 8, width / 8), float32.

    `embeddings` are the prompt's and, where `guided`, the negative prompt's. `at_step` is called after each step
    with the fraction done, and so is `at_layer`, by default the same, between the layers of each; what they raise
    ends the loop and passes through.
    """
    # State of one generation: a scheduler that two share counts its steps wrong.
    pipe.scheduler = scheduler(pipe, sampling)
    prompt, negative = embeddings
    done = 0.0

    def after_step(_: WanPipeline, step: int, __: torch.Tensor, ___: dict[str, Any]) -> dict[str, Any]:
        nonlocal done
        done = (step + 1) / sampling.steps
        at_step(done)
        return {}

    layers = [block for transformer in transformers_of(pipe) for block in transformer.blocks]
    with watched(layers, lambda _: (at_layer or at_step)(done)):
        latents: torch.Tensor = pipe(
            prompt_embeds=prompt,
            negative_prompt_embeds=negative,
            width=framing.width,
            height=framing.height,
            num_frames=generation.frames,
            num_inference_steps=sampling.steps,
            guidance_scale=sampling.guidance_scale,
            guidance_scale_2=sampling.guidance_scale_2 if sampling.experts == 2 else None,
            # On the CPU, whatever the device: a seed means the same noise on every machine.
            generator=torch.Generator("cpu").manual_seed(generation.seed),
            output_type="latent",
            callback_on_step_end=after_step,
            callback_on_step_end_tensor_inputs=[],
        ).frames
    return latents


def guided(sampling: SamplingSettings) -> bool:
    """Whether the negative prompt is listened to. The distilled models take none: they were trained without."""
    return sampling.guidance_scale > 1


def scheduler(pipe: WanPipeline, sampling: SamplingSettings) -> UniPCMultistepScheduler:
    """A fresh scheduler with the sampling's flow shift."""
    if sampling.profile is not Profile.FAST:
        return _unipc(pipe, flow_shift=sampling.flow_shift)
    # Plain Euler by way of UniPC: FlowMatchEulerDiscreteScheduler ends at timestep 24 where 625 was trained.
    return _unipc(pipe, flow_shift=sampling.flow_shift, solver_order=1, disable_corrector=list(range(sampling.steps)))


def _unipc(pipe: WanPipeline, **otherwise: Any) -> UniPCMultistepScheduler:
    return UniPCMultistepScheduler.from_config(
        pipe.scheduler.config, prediction_type="flow_prediction", use_flow_sigmas=True, **otherwise
    )
