"""Stage 1: encodes a prompt into the embeddings that guide the transformer, and caches them."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

# Without ftfy diffusers silently skips a step of the cleaning, and the same prompt gives other tokens.
import ftfy  # noqa: F401
import torch
from diffusers import WanPipeline
from diffusers.pipelines.wan.pipeline_wan import prompt_clean

from wanserve.engine.wan.denoise import require_numbers
from wanserve.engine.wan.layer_hooks import before_each_layer

TEXT_TOKENS: Final = 512
"""The length that the models were trained with; embeddings are zero after the end of the prompt."""

CACHED_PROMPTS: Final = 64
"""How many prompts' embeddings are kept. One takes 4 MiB of host memory: bf16, and 4,096 numbers a token."""


class PromptEncoder:
    """Encodes prompts with the text encoder of one pipeline. `device` is where the embeddings are returned."""

    def __init__(self, pipe: WanPipeline, device: torch.device, capacity: int = CACHED_PROMPTS) -> None:
        self._pipe = pipe
        self._capacity = capacity
        self._device = device
        self._cache: OrderedDict[str, torch.Tensor] = OrderedDict()

    def encode(self, prompt: str, at_step: Callable[[float], None]) -> torch.Tensor:
        """Return the prompt's embeddings, (1, 512, numbers a token), as the pipeline itself computes them.

        The prompt is cleaned as the models' authors do it: ftfy, HTML entities twice, white space. `at_step` is called
        before each layer of the encoder with the fraction done; an exception that it raises passes through.
        """
        text = prompt_clean(prompt)
        embeddings = self._cache.get(text)
        if embeddings is None:
            # Without gradients the encoder also takes the attention kernel that WanPipeline takes.
            with torch.no_grad(), before_each_layer(self._pipe.text_encoder.encoder.block, at_step):
                embeddings, _ = self._pipe.encode_prompt(
                    text, do_classifier_free_guidance=False, max_sequence_length=TEXT_TOKENS, device=self._device
                )
            require_numbers(embeddings, "the embeddings of the prompt")
            self._cache[text] = embeddings.cpu()
            if len(self._cache) > self._capacity:
                self._cache.popitem(last=False)
        self._cache.move_to_end(text)
        return embeddings.to(self._device)
