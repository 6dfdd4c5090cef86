"""Stage 1: knows how a prompt becomes the embeddings that the transformer listens to, and remembers them."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

# Without ftfy diffusers leaves out a step of the cleaning without a word, and the same prompt gives other tokens.
import ftfy  # noqa: F401
import torch
from diffusers import WanPipeline
from diffusers.pipelines.wan.pipeline_wan import prompt_clean

from wanserve.engine.wan.watch import watched

TEXT_TOKENS: Final = 512
"""The length that the models were trained with; behind a prompt's end there are zeros."""

REMEMBERED: Final = 64
"""Embeddings kept. In bf16 one is 4 MiB of host memory at the real models' 4,096 numbers a token."""


class TextStage:
    """The text encoder of one pipeline. `device` is where embeddings are wanted."""

    def __init__(self, pipe: WanPipeline, device: torch.device, remembered: int = REMEMBERED) -> None:
        self._pipe = pipe
        self._capacity = remembered
        self._device = device
        self._remembered: OrderedDict[str, torch.Tensor] = OrderedDict()

    def encode(self, prompt: str, at_step: Callable[[float], None]) -> torch.Tensor:
        """The embeddings of a prompt, (1, 512, numbers a token), of the pipeline's own making.

        Cleaned as the authors do: ftfy, HTML entities twice, white space. `at_step` is called before each layer of
        the encoder with the fraction done; what it raises passes through.
        """
        text = prompt_clean(prompt)
        embeddings = self._remembered.get(text)
        if embeddings is None:
            # Without a gradient to keep the encoder also takes the attention kernel that WanPipeline takes.
            with torch.no_grad(), watched(self._pipe.text_encoder.encoder.block, at_step):
                embeddings, _ = self._pipe.encode_prompt(
                    text, do_classifier_free_guidance=False, max_sequence_length=TEXT_TOKENS, device=self._device
                )
            self._remembered[text] = embeddings.cpu()
            if len(self._remembered) > self._capacity:
                self._remembered.popitem(last=False)
        self._remembered.move_to_end(text)
        return embeddings.to(self._device)
