"""The wan engine: one pipeline in one thread, and a generation in three stages: encode, denoise, decode."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

import torch
from diffusers import WanPipeline

from wanserve.domain.errors import SetupError
from wanserve.domain.generation import Generation
from wanserve.domain.marks import DigitalSource
from wanserve.domain.ports import Clip, Frame, Report
from wanserve.domain.progress import Progress, Stage
from wanserve.engine.wan.decode import decode, decode_tiled, denormalise, to_frames
from wanserve.engine.wan.denoise import denoise, require_numbers, uses_guidance
from wanserve.engine.wan.device import DeviceInfo, inspect_device, is_out_of_memory, memory_errors, release_memory
from wanserve.engine.wan.group import Group
from wanserve.engine.wan.loading import load_pipeline, offload_experts
from wanserve.engine.wan.memory import BlockFormat, MemoryPlan, plan_memory
from wanserve.engine.wan.previews import picture_of
from wanserve.engine.wan.profiles import Pipeline, clear_step_cache, prepared, transformers_of
from wanserve.engine.wan.prompt_encoder import PromptEncoder
from wanserve.models.framing import Framing, framing_for
from wanserve.models.sampling import Placement, Profile, SamplingSettings, WanModelCard

log = logging.getLogger(__name__)

ENCODE_DONE: Final = 0.03
DENOISE_DONE: Final = 0.92
"""The progress after the first and the second stage. On one H100, 14B at 720p takes 1,838 s, of which the VAE 5 %."""

UNGUIDED_NOTE: Final = "the negative prompt changed nothing, as a distilled model is made without guidance"
TILED_NOTE: Final = "decoded in tiles, as memory ran out"


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is ready to generate: its card, its placement, its pipeline and its prompt encoder."""

    card: WanModelCard
    plan: MemoryPlan
    pipeline: Pipeline
    prompt_encoder: PromptEncoder

    @property
    def pipe(self) -> WanPipeline:
        """The pipeline of diffusers."""
        return self.pipeline.pipe


class WanEngine:
    """Runs the real models, one at a time. Not thread-safe: one thread owns the pipeline."""

    name = "wan"
    digital_source = DigitalSource.TRAINED

    def __init__(self, cards: Mapping[str, WanModelCard], gpus: int = 1, preview_steps: int = 0) -> None:
        """`cards`: the models by name, with checked folders as `sampling.weights`. `gpus`: how many make one video.

        `preview_steps`: after every so many steps a picture is reported; 0: never.
        """
        self._cards = cards
        self._gpus = gpus
        self._preview_steps = preview_steps
        self._group = Group(gpus) if gpus > 1 else None
        self._loaded: LoadedModel | None = None

    def load(self, model: str) -> None:
        """See Engine. Drops the previous model first, because two models seldom fit. Also raises EngineExhausted."""
        if self._loaded is not None and self._loaded.card.name == model:
            return
        card = self._cards.get(model)
        if card is None:
            raise SetupError(f"{model} has no weights here")
        self._loaded = None
        self.clean_up()
        info = inspect_device()
        # Each rank keeps a copy of the offloaded weights in host memory.
        plan = plan_for(card, replace(info, host_bytes=info.host_bytes // self._gpus))
        log.info("%s on the %s: %s", model, info.name, plan.description)
        device = torch.device(info.kind)
        with memory_errors(f"loading {model}"):
            if self._group is None:
                pipeline = load_pipeline(card, plan, device)
            else:
                pipeline = self._group.load(card, plan, device)
        self._loaded = LoadedModel(card, plan, pipeline, PromptEncoder(pipeline.pipe, device))

    def generate(self, generation: Generation, report: Report) -> Clip:
        """See Engine. Encodes and denoises before it returns; the clip's frames are decoded as they are taken."""
        loaded = self._loaded
        if loaded is None or loaded.card.name != generation.model:
            raise SetupError(f"the wan engine was asked for {generation.model}, which is not loaded")
        own = loaded.card.sampling
        framing = framing_for((generation.width, generation.height), own.large_sizes)
        notes = [] if framing.description == "native" else [framing.description]
        with prepared(loaded.pipeline, own, generation) as sampling:
            if generation.negative_prompt and not uses_guidance(sampling):
                notes.append(UNGUIDED_NOTE)
            with memory_errors("encoding the prompt"):
                embeddings = _encode(loaded, sampling, generation, report)
            with memory_errors(f"denoising {framing.width}*{framing.height}, {generation.frames} frames"):
                latents = self._denoise(loaded, sampling, generation, framing, embeddings, report)
        offload_experts(loaded.pipe)
        return Clip(
            frames=_frames(loaded, latents, framing, report, notes),
            notes=notes,
            profile=sampling.profile,
            how=_how(sampling, generation, framing),
            size=(framing.cut_width, framing.cut_height),
        )

    def _denoise(
        self,
        loaded: LoadedModel,
        sampling: SamplingSettings,
        generation: Generation,
        framing: Framing,
        embeddings: tuple[torch.Tensor, torch.Tensor | None],
        report: Report,
    ) -> torch.Tensor:
        """Denoise, and report a picture every few steps."""
        steps, pipe = sampling.steps, loaded.pipe

        def at_step(done: float) -> None:
            report(_denoised(done, steps))

        def show(step: int, latents: torch.Tensor) -> None:
            if step % self._preview_steps == 0 and step < steps:
                report(replace(_denoised(step / steps, steps), picture=picture_of(latents, framing)))

        predicted = show if self._preview_steps else None
        if self._group:
            return self._group.denoise(pipe, sampling, generation, framing, embeddings, at_step, predicted)
        return denoise(pipe, sampling, generation, framing, embeddings, at_step, predicted=predicted)

    def clean_up(self) -> None:
        """See Engine."""
        if self._loaded is not None:
            reset_pipeline(self._loaded.pipe)
        release_memory()


def plan_for(card: WanModelCard, info: DeviceInfo) -> MemoryPlan:
    """Plan where the model is placed on this device. Raises SetupError where it does not fit, or cannot be so placed."""
    if info.kind == "cpu":
        # A CPU's memory is the host's memory, so there is nowhere to offload to.
        if card.sampling.placement not in (Placement.AUTO, Placement.WHOLE):
            raise SetupError(f"placement {card.sampling.placement} is for a GPU, and none is used here: leave it out")
        tiled = bool(card.sampling.tiled_decode)
        block_format = BlockFormat.INT8 if card.sampling.profile is Profile.SMALL else BlockFormat.AS_LOADED
        return MemoryPlan(Placement.WHOLE, block_format, tiled, pinned=False, device_bytes=0, host_bytes=0)
    return plan_memory(card, info.free_bytes, info.host_bytes, bf16=info.bf16)


def _how(sampling: SamplingSettings, generation: Generation, framing: Framing) -> str:
    """How the video was made, for its metadata."""
    steps = f"{sampling.steps} step{'' if sampling.steps == 1 else 's'}"
    loras = [f"LoRA {each.name} at {each.strength:g}" for each in generation.loras]
    return ", ".join([f"profile {sampling.profile}", steps, *loras, framing.description])


def _encode(
    loaded: LoadedModel, sampling: SamplingSettings, generation: Generation, report: Report
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Encode the prompt and, where guidance is used, the negative prompt."""
    guided = uses_guidance(sampling)
    progress_each = ENCODE_DONE / (1 + guided)
    encode = loaded.prompt_encoder.encode
    prompt = encode(generation.prompt, lambda done: report(Progress(progress_each * done, Stage.TEXT)))
    if not guided:
        return prompt, None
    negative_prompt = generation.negative_prompt or sampling.negative_prompt
    return prompt, encode(negative_prompt, lambda done: report(Progress(progress_each * (1 + done), Stage.TEXT)))


def _denoised(done: float, steps: int) -> Progress:
    return Progress(ENCODE_DONE + (DENOISE_DONE - ENCODE_DONE) * done, Stage.DENOISE, round(done * steps), steps)


def _frames(
    loaded: LoadedModel, latents: torch.Tensor, framing: Framing, report: Report, notes: list[str]
) -> Iterator[Frame]:
    count = latents.shape[2]

    def at(done: float) -> None:
        report(Progress(DENOISE_DONE + (1 - DENOISE_DONE) * done, Stage.DECODE, round(done * count), count))

    with memory_errors(f"decoding {framing.width}*{framing.height}"):
        for pictures in _pictures(loaded, latents, at, notes):
            require_numbers(pictures, "the decoded pictures")
            yield from to_frames(pictures, framing)


def _pictures(
    loaded: LoadedModel, latents: torch.Tensor, at: Callable[[float], None], notes: list[str]
) -> Iterator[torch.Tensor]:
    """Yield the decoded pictures. Where memory runs out, the remaining pictures are decoded in tiles."""
    vae = loaded.pipe.vae
    scaled = denormalise(vae, latents)
    done, count = 0, latents.shape[2]
    if not loaded.plan.tiled:
        try:
            at(0.0)
            for pictures in decode(vae, scaled):
                done += 1
                at(done / count)
                yield pictures
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            log.warning(
                "memory ran out after %d of %d latent frames: the others are decoded in tiles", done, latents.shape[2]
            )
        else:
            return
        notes.append(TILED_NOTE)
        release_memory()
    # The first ones are encoded already. They are decoded again only to fill the decoder's cache.
    tiled = decode_tiled(vae, scaled, lambda of_rest: at((done + (count - done) * of_rest) / count))
    yield from islice(tiled, done, None)


def reset_pipeline(pipe: WanPipeline) -> None:
    """Remove what a generation left in the pipeline, however it ended. diffusers does so only after a success."""
    for transformer in transformers_of(pipe):
        transformer._reset_stateful_cache()
    pipe.vae.clear_cache()
    pipe.maybe_free_model_hooks()
    pipe._interrupt = False
    clear_step_cache(pipe)
    offload_experts(pipe)
