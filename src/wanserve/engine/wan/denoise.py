"""Stage 2: denoises the latents, in the pipeline's own loop, with a new scheduler for each generation."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from diffusers import UniPCMultistepScheduler, WanPipeline

from wanserve.domain.errors import EngineFailed
from wanserve.domain.generation import Generation
from wanserve.engine.wan.layer_hooks import before_each_layer
from wanserve.engine.wan.previews import Predicted
from wanserve.engine.wan.profiles import transformers_of
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
    predicted: Predicted | None = None,
) -> torch.Tensor:
    """Return the latents of the video, (1, channels, latent frames, height / 8, width / 8), float32.

    `embeddings` are the prompt's and, where `uses_guidance`, the negative prompt's. `at_step` is called after each step
    with the fraction done; `at_layer`, by default the same function, is called with it between the layers of a step.
    `predicted` is called after each step, before `at_step`. An exception that they raise ends the loop and passes through.
    Raises EngineFailed where a latent is infinite or not a number: the video would be black.
    """
    prompt, negative = embeddings
    done = 0.0

    def after_step(
        _: WanPipeline, step: int, __: torch.Tensor, now: dict[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        nonlocal done
        done = (step + 1) / sampling.steps
        # On several devices all have the same latents, so all of them stop here.
        require_numbers(now["latents"], f"after step {step + 1} of {sampling.steps} the latents")
        if predicted is not None:
            # The scheduler has made it of the step's output for itself: the video without its noise, as it looks now.
            predicted(step + 1, pipe.scheduler.model_outputs[-1])
        at_step(done)
        return {}

    layers = [block for transformer in transformers_of(pipe) for block in transformer.blocks]
    with _scheduler(pipe, sampling), before_each_layer(layers, lambda _: (at_layer or at_step)(done)):
        latents: torch.Tensor = pipe(
            prompt_embeds=prompt,
            negative_prompt_embeds=negative,
            width=framing.width,
            height=framing.height,
            num_frames=generation.frames,
            num_inference_steps=sampling.steps,
            guidance_scale=sampling.guidance_scale,
            guidance_scale_2=sampling.guidance_scale_2 if sampling.experts == 2 else None,
            # Always on the CPU, so that a seed gives the same noise on every machine.
            generator=torch.Generator("cpu").manual_seed(generation.seed),
            output_type="latent",
            callback_on_step_end=after_step,
            callback_on_step_end_tensor_inputs=["latents"],
        ).frames
    return latents


@contextmanager
def _scheduler(pipe: WanPipeline, sampling: SamplingSettings) -> Iterator[None]:
    """Within the block, the pipeline has a scheduler for this generation.

    A scheduler holds the state of one generation and its latents: if two shared one, it would count the steps of both.
    Afterwards the pipeline has its own one again, whose settings are those of the weights.
    """
    own = pipe.scheduler
    pipe.scheduler = new_scheduler(pipe, sampling)
    try:
        yield
    finally:
        pipe.scheduler = own


def require_numbers(tensor: torch.Tensor, what: str) -> None:
    """Raise EngineFailed where the tensor has an infinite number, or one that is none; `what` says of what."""
    if not bool(torch.isfinite(tensor).all()):
        raise EngineFailed(
            f"{what} are infinite or not numbers: another attention kernel or precision may help, or other weights"
        )


def uses_guidance(sampling: SamplingSettings) -> bool:
    """Whether the negative prompt has an effect. Distilled models were trained without guidance, and ignore it."""
    return sampling.guidance_scale > 1


def new_scheduler(pipe: WanPipeline, sampling: SamplingSettings) -> UniPCMultistepScheduler:
    """Make a scheduler with the flow shift of the sampling settings."""
    if sampling.profile is not Profile.FAST:
        return _unipc_scheduler(pipe, flow_shift=sampling.flow_shift)
    # Plain Euler by way of UniPC: FlowMatchEulerDiscreteScheduler ends at timestep 24 where 625 was trained.
    no_corrector = list(range(sampling.steps))
    return _unipc_scheduler(pipe, flow_shift=sampling.flow_shift, solver_order=1, disable_corrector=no_corrector)


def _unipc_scheduler(pipe: WanPipeline, **overrides: object) -> UniPCMultistepScheduler:
    return UniPCMultistepScheduler.from_config(
        pipe.scheduler.config, prediction_type="flow_prediction", use_flow_sigmas=True, **overrides
    )
