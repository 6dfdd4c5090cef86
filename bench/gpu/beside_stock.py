"""One model beside stock diffusers: parity of the latents, and seconds and memory of a step in each way to make it.

The weights are loaded once for stock diffusers and once for all of ours, whose order is that of `VARIANTS`: each leaves the
pipeline as the next one needs it.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import cache_dit
import torch
from diffusers import UniPCMultistepScheduler
from diffusers.utils.constants import DIFFUSERS_ATTN_BACKEND

from bench.gpu.measure import (
    STEPS,
    Figures,
    asked,
    device,
    embeddings,
    error,
    held_gb,
    mean_square,
    now,
    peak_gb,
    stock_pipeline,
    timed,
)
from bench.gpu.weights import write_checkpoint, write_lora
from wanserve.domain.errors import WanserveError
from wanserve.domain.generation import Generation, LoraUse
from wanserve.engine.wan.decode import decode, denormalise
from wanserve.engine.wan.device import inspect_device, release_memory
from wanserve.engine.wan.engine import plan_for
from wanserve.engine.wan.layers import StoredLinear
from wanserve.engine.wan.loading import load_pipeline, set_attention_backend
from wanserve.engine.wan.lora import offer
from wanserve.engine.wan.previews import picture_of
from wanserve.engine.wan.profiles import Pipeline, clear_step_cache, enable_step_cache, prepared
from wanserve.models.framing import Framing
from wanserve.models.sampling import WAN_MODELS, Lora, Placement, SamplingSettings, WanModelCard

FEW_FRAMES: Final = 17
CACHED_STEPS: Final = 12
"""Steps of the video that shows what the step cache saves: the first four are always computed."""

RANK: Final = 64
SKETCH: Final = "sketch"


@dataclass(slots=True)
class Ours:
    """Our pipeline, what it is asked for, and what stock diffusers gave for the short video."""

    folder: Path
    weights: Path
    pipe: Any
    sampling: SamplingSettings
    long: Generation
    short: Generation
    framing: Framing
    expected: torch.Tensor
    pictures: torch.Tensor

    def timed(self, steps: int) -> Figures:
        """See `measure.timed`; of the long video."""
        return timed(self.pipe, replace(self.sampling, steps=steps), self.long, self.framing)[0]

    def short_timed(self) -> Figures:
        """Seconds of a step of the short video, and the relative error of its latents."""
        figures, latents = timed(self.pipe, self.sampling, self.short, self.framing)
        return {"short_step_s": figures["step_s"], "latents_error": error(latents, self.expected)}


def beside_stock(folder: Path, model: str, size: str) -> Iterator[Figures]:
    """The figures of stock diffusers, and of each variant. A variant that fails is told, and the next one is measured."""
    weights = write_checkpoint(folder, model)
    sampling = replace(WAN_MODELS[model].sampling, weights=str(weights), steps=STEPS, compile=False)
    (long, framing), (short, _) = asked(model, size), asked(model, size, FEW_FRAMES)
    figures, expected, pictures = _stock_figures(weights, sampling, long, short, framing)
    yield {"variant": "stock"} | figures
    release_memory()
    begun = now()
    card = WanModelCard.of(WAN_MODELS[model], replace(sampling, placement=Placement.WHOLE))
    plan = plan_for(card, inspect_device())
    pipe = load_pipeline(card, plan, torch.device(device()), with_text_encoder=False).pipe
    ours = Ours(folder, weights, pipe, sampling, long, short, framing, expected, pictures)
    yield {"variant": "load", "load_s": round(now() - begun, 1), "held_gb": held_gb()}
    for name, measure in VARIANTS.items():
        try:
            yield {"variant": name} | measure(ours)
        except (RuntimeError, WanserveError) as failed:
            yield {"variant": name, "failed": f"{type(failed).__name__}: {str(failed)[:600]}"}
        release_memory()


def _stock_figures(
    weights: Path, sampling: SamplingSettings, long: Generation, short: Generation, framing: Framing
) -> tuple[Figures, torch.Tensor, torch.Tensor]:
    """What stock diffusers takes for the long video, and the latents and pictures of the short one."""
    stock = stock_pipeline(weights)
    expected = _latents_of_stock(stock, sampling, short, framing)
    with torch.no_grad():
        pictures = stock.vae.decode(denormalise(stock.vae, expected)).sample.cpu()
    figures, latents = timed(stock, sampling, long, framing)
    return figures | _decoding(lambda: _decoded_by_stock(stock, latents)), expected, pictures


def _latents_of_stock(stock: Any, sampling: SamplingSettings, generation: Generation, framing: Framing) -> torch.Tensor:
    """The latents of the pipeline as its own users call it, without anything of ours."""
    stock.scheduler = UniPCMultistepScheduler.from_config(stock.scheduler.config, flow_shift=sampling.flow_shift)
    prompt, negative = embeddings()
    with torch.no_grad():
        latents: torch.Tensor = stock(
            prompt_embeds=prompt,
            negative_prompt_embeds=negative,
            width=framing.width,
            height=framing.height,
            num_frames=generation.frames,
            num_inference_steps=sampling.steps,
            guidance_scale=sampling.guidance_scale,
            generator=torch.Generator("cpu").manual_seed(generation.seed),
            output_type="latent",
        ).frames
    return latents


def _decoded_by_stock(stock: Any, latents: torch.Tensor) -> None:
    with torch.no_grad():
        stock.vae.decode(denormalise(stock.vae, latents))


def _decoding(decode_all: Callable[[], None]) -> Figures:
    peak_gb()
    begun = now()
    decode_all()
    return {"decode_s": round(now() - begun, 2), "decode_peak_gb": peak_gb()}


def not_compiled(ours: Ours) -> Figures:
    """Parity, bit for bit, and what bf16 costs the decoder."""
    figures, latents = timed(ours.pipe, ours.sampling, ours.short, ours.framing)
    scaled = denormalise(ours.pipe.vae, ours.expected)
    decoded = torch.cat([each.float().cpu() for each in decode(ours.pipe.vae, scaled)], dim=2)
    return {
        "short_step_s": figures["step_s"],
        "latents_equal": torch.equal(latents, ours.expected),
        "latents_error": error(latents, ours.expected),
        "frames_psnr_db_bf16_vae": round(10 * math.log10(4 / mean_square(decoded - ours.pictures.clamp(-1, 1))), 1),
    }


def cudnn(ours: Ours) -> Figures:
    """With cuDNN's attention, not compiled."""
    set_attention_backend(ours.pipe, "_native_cudnn")
    try:
        return ours.timed(2) | ours.short_timed()
    finally:
        set_attention_backend(ours.pipe, DIFFUSERS_ATTN_BACKEND)


def balanced(ours: Ours) -> Figures:
    """Each step of the short video with the step cache. How many are reused depends on the weights, which are random."""
    enable_step_cache(ours.pipe)
    try:
        sampling = replace(ours.sampling, steps=CACHED_STEPS)
        figures, _ = timed(ours.pipe, sampling, ours.short, ours.framing)
        return figures | {"frames": FEW_FRAMES}
    finally:
        clear_step_cache(ours.pipe)
        cache_dit.disable_cache(ours.pipe)


def compiled(ours: Ours) -> Figures:
    """As the profile `exact` makes it on a GPU; and a decode and a preview."""
    ours.pipe.transformer.compile_repeated_blocks(fullgraph=True, dynamic=True)
    figures, latents = timed(ours.pipe, ours.sampling, ours.long, ours.framing)
    scaled = denormalise(ours.pipe.vae, latents)
    figures |= _decoding(lambda: _exhaust(decode(ours.pipe.vae, scaled)))
    picture_of(latents, ours.framing)
    begun = now()
    picture_of(latents, ours.framing)
    return figures | {"preview_ms": round((now() - begun) * 1000, 2)} | ours.short_timed()


def lora_asked(ours: Ours) -> Figures:
    """With a LoRA that a request named, for every matrix of the blocks: it is computed beside each of them, not compiled."""
    lora = Lora(str(write_lora(ours.folder / "lora.safetensors", ours.weights / "transformer", RANK)))
    begun = now()
    offered = offer(ours.pipe, {SKETCH: lora})
    ready = now()
    long = replace(ours.long, loras=(LoraUse(SKETCH, 1.0),))
    with prepared(Pipeline(ours.pipe, offered), ours.sampling, long):
        figures = ours.timed(2)
    return figures | {"offer_s": round(ready - begun, 1), "rank": RANK}


def lora_not_asked(ours: Ours) -> Figures:
    """With the same LoRA on offer, for a request that does not name it: compiled."""
    return ours.short_timed()


def small(ours: Ours) -> Figures:
    """With blocks of whole numbers of 8 bits, as the profile `small` has them; compiled."""
    blocks = ours.pipe.transformer.blocks
    for name, layer in list(blocks.named_modules()):
        if isinstance(layer, torch.nn.Linear):
            parent, _, own = name.rpartition(".")
            setattr(blocks.get_submodule(parent), own, StoredLinear.int8_of(layer))
    release_memory()
    return ours.timed(STEPS) | ours.short_timed()


def _exhaust(pictures: Iterator[torch.Tensor]) -> None:
    for _ in pictures:
        pass


VARIANTS: Final[Mapping[str, Callable[[Ours], Figures]]] = {
    "exact, not compiled": not_compiled,
    "cudnn, not compiled": cudnn,
    "balanced": balanced,
    "exact": compiled,
    "exact with a LoRA of the request": lora_asked,
    "exact with a LoRA on offer": lora_not_asked,
    "small": small,
}
