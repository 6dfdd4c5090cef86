"""Calls back between two layers of a model, so that a cancel takes effect before a step of several minutes ends."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch


@contextmanager
def before_each_layer(layers: Iterable[torch.nn.Module], callback: Callable[[float], None]) -> Iterator[None]:
    """Within the block, call `callback` before each layer with the fraction of the layers that are done.

    An exception that the callback raises passes through. Compiled layers get no hook: a call to Python from inside a
    compiled layer would break its graph.
    """

    def hook_at(fraction: float) -> Callable[..., None]:
        return lambda *_: callback(fraction)

    eager = [layer for layer in layers if layer._compiled_call_impl is None]
    hooks = [layer.register_forward_pre_hook(hook_at(number / len(eager))) for number, layer in enumerate(eager)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
