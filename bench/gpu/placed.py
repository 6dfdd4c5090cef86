"""One short video of the engine in a placement: its plan, the memory that it took, and the seconds of its parts."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Final

import psutil
import torch

from bench.gpu.measure import Figures, Watched, asked, held_gb, limited_device, now
from bench.gpu.weights import write_checkpoint
from wanserve.engine.wan.engine import LoadedModel, WanEngine, plan_for
from wanserve.engine.wan.loading import load_pipeline
from wanserve.engine.wan.prompt_encoder import PromptEncoder
from wanserve.models.sampling import WAN_MODELS, Placement, Profile, WanModelCard
from wanserve.models.weights import check_weights

BOUNDARY: Final = 0.95
"""With two steps each expert then makes one: their timesteps are 999 and 923."""


def placed(
    folder: Path, model: str, stored: str, size: str, placement: str, profile: str = "exact", card_gb: str = "0"
) -> Figures:
    """One step of each expert, without guidance and not compiled, on a card of so many GB (0: this one as it is).

    A step without guidance takes the memory that a guided one takes, in half of the time.
    """
    weights = write_checkpoint(folder, model, stored)
    info = limited_device(float(card_gb))
    own = WAN_MODELS[model].sampling
    sampling = replace(
        own,
        weights=str(weights),
        stored=check_weights(weights, own.experts).stored,
        placement=Placement(placement),
        profile=Profile(profile),
        compile=False,
        steps=own.experts,
        guidance_scale=1.0,
        boundary_ratio=own.boundary_ratio and BOUNDARY,
    )
    card = WanModelCard.of(WAN_MODELS[model], sampling)
    plan = plan_for(card, info)
    engine = WanEngine({model: card})
    begun = now()
    pipeline = load_pipeline(card, plan, torch.device(info.kind))
    # As `load` does it, but with the plan of the card that this one stands for.
    engine._loaded = LoadedModel(card, plan, pipeline, PromptEncoder(pipeline.pipe, torch.device(info.kind)))  # noqa: SLF001
    loaded, loaded_gb = now(), held_gb()
    generation, _ = asked(model, size)
    watched = Watched()
    clip = engine.generate(generation, watched.report)
    decoding = now()
    count = sum(1 for _ in clip.frames)
    done = now()
    watched.note_peak()
    begun_s, steps = watched.begun_s, sampling.steps
    return {
        "plan": plan.description,
        "plan_gb": round(plan.device_bytes / 1e9, 1),
        "plan_host_gb": round(plan.host_bytes / 1e9, 1),
        "pinned": plan.pinned,
        "loaded_gb": loaded_gb,
        "peaks_gb": watched.peaks_gb,
        **_reserved(),
        "host_gb": round(psutil.Process(os.getpid()).memory_info().rss / 1e9, 1),
        "frames": count,
        "notes": list(clip.notes),
        "load_s": round(loaded - begun, 1),
        "encode_s": round(begun_s["denoise", 0] - begun_s["text", 0], 2) if ("denoise", 0) in begun_s else None,
        "last_step_s": round(begun_s["denoise", steps] - begun_s["denoise", steps - 1], 2),
        "decode_s": round(done - decoding, 2),
    }


def _reserved() -> Figures:
    """The most that the allocator took of the card, and what the driver's context takes beside it."""
    if not torch.cuda.is_available():
        return {}
    free, total = torch.cuda.mem_get_info()
    return {
        "reserved_peak_gb": round(torch.cuda.max_memory_reserved() / 1e9, 2),
        "driver_gb": round((total - free - torch.cuda.memory_reserved()) / 1e9, 2),
    }
