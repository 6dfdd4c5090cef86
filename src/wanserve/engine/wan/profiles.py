"""Applies the profiles, which trade exactness for speed or memory: step caching, distilled LoRAs, quantised blocks."""

from typing import Final

import cache_dit
from diffusers import WanPipeline, WanTransformer3DModel

from wanserve.domain.errors import SetupError
from wanserve.engine.wan import lora
from wanserve.engine.wan.memory import BlockFormat
from wanserve.models.sampling import SamplingSettings

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


def merge_loras(pipe: WanPipeline, sampling: SamplingSettings) -> None:
    """Merge the LoRA files of the sampling settings into the weights of each expert. Raises SetupError."""
    if problem := sampling.lora_problem():
        raise SetupError(problem)
    for each in sampling.loras_to_merge:
        lora.merge(pipe, each)


def quantise(pipe: WanPipeline, block_format: BlockFormat) -> None:
    """Quantise the matrices of the transformers' blocks to this number format, but not embeddings and norms."""
    if block_format is BlockFormat.AS_LOADED:
        return
    # Imported here because the import takes seconds, and only this function needs it.
    from torchao.quantization import (  # noqa: PLC0415
        Float8DynamicActivationFloat8WeightConfig,
        Int8DynamicActivationInt8WeightConfig,
        quantize_,
    )

    fp8 = block_format is BlockFormat.FP8
    config = Float8DynamicActivationFloat8WeightConfig if fp8 else Int8DynamicActivationInt8WeightConfig
    for transformer in transformers_of(pipe):
        quantize_(transformer.blocks, config())


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
