"""Stage 1: knows how a prompt becomes the embeddings that the transformer listens to, and remembers them."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

# Without ftfy diffusers leaves out a step of the cleaning without a word, and the same prompt gives other tokens.
import ftfy  # noqa: F401
import torch
from diffusers import WanPipeline
from diffusers.pipelines.wan.pipeline_wan import prompt_clean

TEXT_TOKENS: Final = 512
"""The length that the models were trained with; behind a prompt's end there are zeros."""

REMEMBERED: Final = 64
"""Embeddings kept. In bf16 one is 4 MiB of host memory at the real models' 4,096 numbers a token."""


class TextStage:
    """The text encoder of one pipeline. `device` is where embeddings are wanted.

    `visits`: the encoder stays in host memory and comes to the device only while it works.
    """

    def __init__(self, pipe: WanPipeline, device: torch.device, *, visits: bool = False) -> None:
        self._pipe = pipe
        self._device = device
        self._visits = visits
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
            with torch.no_grad(), self._visit(), _watched(self._pipe.text_encoder.encoder.block, at_step):
                embeddings, _ = self._pipe.encode_prompt(
                    text, do_classifier_free_guidance=False, max_sequence_length=TEXT_TOKENS, device=self._device
                )
            self._remembered[text] = embeddings.cpu()
            if len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)
        self._remembered.move_to_end(text)
        return embeddings.to(self._device)

    @contextmanager
    def _visit(self) -> Iterator[None]:
        if not self._visits:
            yield
            return
        self._pipe.text_encoder.to(self._device)
        try:
            yield
        finally:
            self._pipe.text_encoder.to("cpu")


@contextmanager
def _watched(layers: torch.nn.ModuleList, at_step: Callable[[float], None]) -> Iterator[None]:
    """Call `at_step` before each of the layers."""

    def before(fraction: float) -> Callable[..., None]:
        return lambda *_: at_step(fraction)

    hooks = [layer.register_forward_pre_hook(before(number / len(layers))) for number, layer in enumerate(layers)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
