"""Knows the profiles that trade exactness for speed or memory: cached residuals, distilled steps, small numbers."""

from typing import Any, Final

import cache_dit
from diffusers import WanPipeline

from wanserve.domain.errors import SetupError
from wanserve.engine.wan import lora
from wanserve.engine.wan.memory import Blocks
from wanserve.models.sampling import SamplingSettings

WARM_UP_STEPS: Final = 4
WARM_UP_STEPS_LOW_NOISE: Final = 2
"""Steps that are computed whatever the cache thinks. The second expert comes when the picture's plan stands."""

DIFFERENCE: Final = 0.08
CACHED_IN_A_ROW: Final = 3
"""How much the first block's residual may change, relatively, for the others' to be reused, and how often in a row.

Sources: Wan-Video/Wan2.2#127 (the difference, and the shorter warm-up, at about twice the speed), cache-dit's own example
for Wan 2.2 (the longer one). Published are two or three in a row.
"""


def merge_loras(pipe: WanPipeline, sampling: SamplingSettings) -> None:
    """Merge the sampling's LoRA files into the weights of each expert. Raises SetupError."""
    if problem := sampling.lora_problem():
        raise SetupError(problem)
    for each in sampling.merged:
        lora.merge(pipe, each)


def quantise(pipe: WanPipeline, blocks: Blocks) -> None:
    """Turn the matrices of the transformers' blocks into this number format; embeddings and norms stay."""
    if blocks is Blocks.AS_LOADED:
        return
    # Takes seconds to import, and only this needs it.
    from torchao.quantization import (  # noqa: PLC0415
        Float8DynamicActivationFloat8WeightConfig,
        Int8DynamicActivationInt8WeightConfig,
        quantize_,
    )

    kind = Float8DynamicActivationFloat8WeightConfig if blocks is Blocks.FP8 else Int8DynamicActivationInt8WeightConfig
    for transformer in transformers_of(pipe):
        quantize_(transformer.blocks, kind())


def add_cache(pipe: WanPipeline) -> None:
    """Let a step reuse the blocks' residuals of the step before, where the first block's has hardly changed."""
    first, *second = transformers_of(pipe)
    modifiers = [_config(WARM_UP_STEPS)]
    modifiers += [_config(WARM_UP_STEPS_LOW_NOISE) for _ in second]
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


def drop_residuals(pipe: WanPipeline) -> None:
    """Let go of what the cache holds of the last generation."""
    context = getattr(pipe, "_context_manager", None)
    if context is not None:
        context.clear_contexts()


def transformers_of(pipe: WanPipeline) -> list[Any]:
    """The one or two experts."""
    return [each for each in (pipe.transformer, pipe.transformer_2) if each is not None]


def _config(warm_up_steps: int) -> cache_dit.DBCacheConfig:
    return cache_dit.DBCacheConfig(
        Fn_compute_blocks=1,
        Bn_compute_blocks=0,
        max_warmup_steps=warm_up_steps,
        max_continuous_cached_steps=CACHED_IN_A_ROW,
        residual_diff_threshold=DIFFERENCE,
        enable_separate_cfg=True,
    )
