"""Knows how the engine looks up between two layers, so that a cancel is seen before a step of minutes ends."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch


@contextmanager
def watched(layers: Iterable[torch.nn.Module], at_layer: Callable[[float], None]) -> Iterator[None]:
    """Call `at_layer` before each of the layers, with the fraction of them done; what it raises passes through.

    Compiled layers are left alone: a call out of one would break its graph.
    """

    def before(fraction: float) -> Callable[..., None]:
        return lambda *_: at_layer(fraction)

    eager = [layer for layer in layers if layer._compiled_call_impl is None]
    hooks = [layer.register_forward_pre_hook(before(number / len(eager))) for number, layer in enumerate(eager)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
