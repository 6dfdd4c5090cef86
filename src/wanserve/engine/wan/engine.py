"""Knows the wan engine: one pipeline in one thread, a generation in three stages, and a clean end of each."""

import gc
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import torch
from diffusers import WanPipeline

from wanserve.domain.errors import SetupError
from wanserve.domain.generation import Generation
from wanserve.domain.ports import Clip, Frame, Report
from wanserve.engine.wan.decode import decoded, decoded_tiled, frames_of, unnormalised
from wanserve.engine.wan.denoise import denoise, guided
from wanserve.engine.wan.group import Group
from wanserve.engine.wan.loading import load_pipeline, retire
from wanserve.engine.wan.machine import DeviceInfo, inspect_device, is_out_of_memory, told_where
from wanserve.engine.wan.memory import Blocks, MemoryPlan, plan_memory
from wanserve.engine.wan.profiles import drop_residuals, transformers_of
from wanserve.engine.wan.text import TextStage
from wanserve.models.framing import Framing, framing
from wanserve.models.sampling import Placement, Profile, WanModelCard

log = logging.getLogger(__name__)

TEXT_DONE: Final = 0.03
DENOISE_DONE: Final = 0.92
"""How far a generation is after each stage. On one H100, 14B at 720p takes 1,838 s, of which the VAE some 5 %."""

RETRIED: Final = "decoded in tiles, as memory ran out"


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is ready: its card, where it was placed, the pipeline and its first stage."""

    card: WanModelCard
    plan: MemoryPlan
    pipe: WanPipeline
    text: TextStage


class WanEngine:
    """The real models. Holds one at a time; not thread-safe: one thread owns the pipeline."""

    name = "wan"

    def __init__(self, cards: Mapping[str, WanModelCard], gpus: int = 1) -> None:
        """`cards` are the models by name, each sampling's `weights` a folder that was checked; `gpus` make one video."""
        self._cards = cards
        self._gpus = gpus
        self._group = Group(gpus) if gpus > 1 else None
        self._loaded: LoadedModel | None = None

    def load(self, model: str) -> None:
        """See Engine. The model before is let go first: two seldom fit. Raises EngineExhausted where one does not."""
        if self._loaded is not None and self._loaded.card.name == model:
            return
        card = self._cards.get(model)
        if card is None:
            raise SetupError(f"{model} has no weights here")
        self._loaded = None
        self.clean_up()
        info = inspect_device()
        # What each rank keeps in host memory, it keeps for itself.
        where = plan_for(card, replace(info, host_bytes=info.host_bytes // self._gpus))
        log.info("%s on the %s: %s", model, info.name, where.how)
        device = torch.device(info.kind)
        with told_where(f"loading {model}"):
            if self._group is None:
                pipe = load_pipeline(card.sampling, where, device)
            else:
                pipe = self._group.load(card, where, device)
        self._loaded = LoadedModel(card, where, pipe, TextStage(pipe, device))

    def generate(self, generation: Generation, report: Report) -> Clip:
        """See Engine. The text and the denoising are done when this returns, the decoding as frames are taken."""
        loaded = self._loaded
        if loaded is None or loaded.card.name != generation.model:
            raise SetupError(f"the wan engine was asked for {generation.model}, which is not loaded")
        sampling = loaded.card.sampling
        frame = framing((generation.width, generation.height), sampling.large_sizes)
        notes = [] if frame.how == "native" else [frame.how]
        with told_where("reading the prompt"):
            embeddings = _encoded(loaded, generation, report)
        with told_where(f"denoising {frame.width}*{frame.height}, {generation.frames} frames"):
            latents = (self._group.denoise if self._group else denoise)(
                loaded.pipe,
                sampling,
                generation,
                frame,
                embeddings,
                lambda done: report(TEXT_DONE + (DENOISE_DONE - TEXT_DONE) * done),
            )
        retire(loaded.pipe)
        return Clip(
            frames=_frames(loaded, latents, frame, report, notes),
            notes=notes,
            profile=sampling.profile,
            how=f"profile {sampling.profile}, {sampling.steps} step{'' if sampling.steps == 1 else 's'}, {frame.how}",
            size=(frame.cut_width, frame.cut_height),
        )

    def clean_up(self) -> None:
        """See Engine."""
        if self._loaded is not None:
            clean(self._loaded.pipe)
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def plan_for(card: WanModelCard, info: DeviceInfo) -> MemoryPlan:
    """Where the model goes on this device. Raises SetupError where it does not fit."""
    if info.kind == "cpu":
        # One memory for all: there is nothing to keep elsewhere.
        tiled = bool(card.sampling.tiled_decode)
        blocks = Blocks.INT8 if card.sampling.profile is Profile.SMALL else Blocks.AS_LOADED
        return MemoryPlan(Placement.WHOLE, blocks, tiled, pinned=False, device_bytes=0, host_bytes=0)
    return plan_memory(card, info.free_bytes, info.host_bytes, fp8=info.fp8)


def _encoded(loaded: LoadedModel, generation: Generation, report: Report) -> tuple[torch.Tensor, torch.Tensor | None]:
    listens = guided(loaded.card.sampling)
    share = TEXT_DONE / (1 + listens)
    prompt = loaded.text.encode(generation.prompt, lambda done: report(share * done))
    if not listens:
        return prompt, None
    left_out = generation.negative_prompt or loaded.card.sampling.negative_prompt
    return prompt, loaded.text.encode(left_out, lambda done: report(share * (1 + done)))


def _frames(
    loaded: LoadedModel, latents: torch.Tensor, frame: Framing, report: Report, notes: list[str]
) -> Iterator[Frame]:
    count = latents.shape[2]
    with told_where(f"decoding {frame.width}*{frame.height}"):
        for number, pictures in enumerate(_pictures(loaded, latents, notes)):
            report(DENOISE_DONE + (1 - DENOISE_DONE) * number / count)
            yield from frames_of(pictures, frame)


def _pictures(loaded: LoadedModel, latents: torch.Tensor, notes: list[str]) -> Iterator[torch.Tensor]:
    """The decoded pictures; where memory runs out on the way, the rest of them are decoded in tiles."""
    vae = loaded.pipe.vae
    scaled = unnormalised(vae, latents)
    done = 0
    if not loaded.plan.tiled:
        try:
            for pictures in decoded(vae, scaled):
                done += 1
                yield pictures
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            log.warning("memory ran out after %d of %d latent frames: going on in tiles", done, latents.shape[2])
        else:
            return
        notes.append(RETRIED)
        gc.collect()
        torch.cuda.empty_cache()
    for number, pictures in enumerate(decoded_tiled(vae, scaled)):
        # Those before are encoded already; the decoder has to see them all the same, as it remembers.
        if number >= done:
            yield pictures


def clean(pipe: WanPipeline) -> None:
    """Forget what a generation left in the pipeline, however it ended; diffusers does so only after a success."""
    for transformer in transformers_of(pipe):
        transformer._reset_stateful_cache()
    pipe.vae.clear_cache()
    pipe.maybe_free_model_hooks()
    pipe._interrupt = False
    # The old one holds the last steps' latents.
    pipe.scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config)
    drop_residuals(pipe)
    retire(pipe)
