"""Applies the profiles, which trade exactness for speed or memory: step caching, distilled LoRAs, 8-bit blocks."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

import cache_dit
import torch
from diffusers import WanPipeline, WanTransformer3DModel

from wanserve.domain.errors import EngineFailed, SetupError
from wanserve.domain.generation import Generation
from wanserve.engine.wan.layers import StoredLinear, replace_linears
from wanserve.engine.wan.lora import OfferedLoras, merge, offer
from wanserve.engine.wan.memory import BlockFormat
from wanserve.models.sampling import Lora, Profile, SamplingSettings

WARMUP_STEPS: Final = 4
WARMUP_STEPS_LOW_NOISE: Final = 2
"""Steps that are always computed. The second expert, for low noise, starts when the composition is already fixed."""

RESIDUAL_DIFF_THRESHOLD: Final = 0.08
MAX_CONTINUOUS_CACHED_STEPS: Final = 3
"""Cached residuals are reused while the first block's residual changes by less than this, relatively, and in at most
so many consecutive steps.

Sources: Wan-Video/Wan2.2#127 (the threshold, and the shorter warm-up, at about twice the speed), cache-dit's own
example for Wan 2.2 (the longer warm-up). Others published two or three consecutive steps.
"""


DISTILLED: Final = "the profile fast"
"""The name of the distilled LoRA among those that are applied for one video. No LoRA of the owner's can have it."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline that is ready, and what a request may switch on for its video.

    `switched`: a request may choose its profile, so that nothing of a profile is a part of the pipeline.
    """

    pipe: WanPipeline
    offered: OfferedLoras
    switched: bool = False


def apply_loras(pipe: WanPipeline, sampling: SamplingSettings, block_format: BlockFormat) -> Pipeline:
    """Merge the LoRAs of the model, store the blocks in this format, and make those LoRAs ready that a request may name.

    In this order: what is merged is rounded once, and a layer that a request may change is rounded too. Raises SetupError.
    """
    switched = bool(sampling.choices.profiles)
    if problem := sampling.problem():
        raise SetupError(problem)
    merge(pipe, sampling.loras if switched else sampling.loras_to_merge)
    quantise(pipe, block_format)
    return Pipeline(pipe, offer(pipe, _offered(sampling, switched=switched)), switched)


def _offered(sampling: SamplingSettings, *, switched: bool) -> Mapping[str, Lora]:
    """The LoRAs that are applied for one video, by name: those that a request may name, and that of the profile `fast`."""
    distilled = {DISTILLED: sampling.distill.lora} if switched and sampling.distill else {}
    return {**sampling.offered_loras, **distilled}


@contextmanager
def prepared(pipeline: Pipeline, sampling: SamplingSettings, generation: Generation) -> Iterator[SamplingSettings]:
    """Within the block, the pipeline makes this generation: with its LoRAs and its profile. Gives the settings for it.

    `sampling` are the model's own settings. Raises EngineFailed for a profile or a LoRA that is not offered: the owner may
    have taken it away since the task was submitted.
    """
    if generation.profile not in ("", sampling.profile, *sampling.choices.profiles):
        raise EngineFailed(f"the profile {generation.profile} is not offered for this model any more")
    made = sampling.for_generation(generation)
    asked = {each.name: each.strength for each in generation.loras}
    if pipeline.switched and made.profile is Profile.FAST and made.distill is not None:
        asked[DISTILLED] = made.distill.lora.strength
    with ExitStack() as until_made:
        until_made.enter_context(pipeline.offered.applied(asked))
        if asked:
            # The blocks are compiled for weights that stay the same.
            until_made.enter_context(torch.compiler.set_stance("force_eager"))
        if pipeline.switched and made.profile is Profile.BALANCED:
            enable_step_cache(pipeline.pipe)
            until_made.callback(cache_dit.disable_cache, pipeline.pipe)
        yield made


def quantise(pipe: WanPipeline, block_format: BlockFormat) -> None:
    """Store the matrices of the transformers' blocks in this number format, but not embeddings and norms.

    Those that are stored in 8 bits or fewer already stay as they are.
    """
    if block_format is BlockFormat.AS_LOADED:
        return
    for transformer in transformers_of(pipe):
        replace_linears(transformer.blocks, StoredLinear.int8_of)


def enable_step_cache(pipe: WanPipeline) -> None:
    """Let a step reuse the residuals of the previous step, where the first block's residual has hardly changed."""
    first, *second = transformers_of(pipe)
    modifiers = [_cache_config(WARMUP_STEPS)]
    modifiers += [_cache_config(WARMUP_STEPS_LOW_NOISE) for _ in second]
    cache_dit.enable_cache(
        cache_dit.BlockAdapter(
            pipe=pipe,
            transformer=[first, *second],
            blocks=[each.blocks for each in (first, *second)],
            forward_pattern=[cache_dit.ForwardPattern.Pattern_2] * len(modifiers),
            params_modifiers=[cache_dit.ParamsModifier(cache_config=each) for each in modifiers],
            has_separate_cfg=True,
        ),
        cache_config=modifiers[0],
    )


def clear_step_cache(pipe: WanPipeline) -> None:
    """Drop the residuals that the step cache keeps of the last generation."""
    context = getattr(pipe, "_context_manager", None)
    if context is not None:
        context.clear_contexts()


def transformers_of(pipe: WanPipeline) -> list[WanTransformer3DModel]:
    """The pipeline's transformers: one, or the two experts."""
    return [each for each in (pipe.transformer, pipe.transformer_2) if each is not None]


def _cache_config(warmup_steps: int) -> cache_dit.DBCacheConfig:
    return cache_dit.DBCacheConfig(
        Fn_compute_blocks=1,
        Bn_compute_blocks=0,
        max_warmup_steps=warmup_steps,
        max_continuous_cached_steps=MAX_CONTINUOUS_CACHED_STEPS,
        residual_diff_threshold=RESIDUAL_DIFF_THRESHOLD,
        enable_separate_cfg=True,
    )
