"""Layers whose weights stay in 8 bits or fewer, on the device: what they compute beside plain weights, and what that takes.

One block of the 14B's width, in every format. The plain weights are computed on the CPU, from the same stored numbers.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import torch

from bench.gpu.measure import Figures, device, error, held_gb, now, peak_gb
from bench.gpu.weights import BF16, FP8, PLUS, write_checkpoint, write_lora
from wanserve.domain.errors import WanserveError
from wanserve.engine.wan.device import release_memory
from wanserve.engine.wan.layers import INT8, StoredLinear, replace_linears
from wanserve.engine.wan.loading import offload_layers
from wanserve.engine.wan.lora import merge, offer
from wanserve.engine.wan.memory import BlockFormat, MemoryPlan
from wanserve.engine.wan.parts import load_part
from wanserve.models.sampling import Lora, Placement
from wanserve.models.stored import GGUF_BLOCKS

FORMATS: Final = (BF16, FP8, INT8, *GGUF_BLOCKS)
LATENTS: Final = (1, 16, 2, 60, 104)
"""Five frames of 832*480: 3,120 tokens."""

COMPILED: Final = (BF16, FP8, INT8, "Q4_K")
RANK: Final = 16
SKETCH: Final = "sketch"
GROUPS: Final = MemoryPlan(
    Placement.GROUPS, BlockFormat.AS_LOADED, tiled=False, pinned=True, device_bytes=0, host_bytes=0
)


@dataclass(frozen=True, slots=True)
class Layer:
    """A checkpoint of one block, and how its transformer is read."""

    weights: Path
    format: str
    dtype: torch.dtype = torch.bfloat16

    def read(self) -> Any:
        """The transformer in host memory."""
        transformer = load_part(self.weights, "transformer", self.dtype)
        if self.format == INT8:
            replace_linears(transformer.blocks, StoredLinear.int8_of)
        return transformer


def stored(folder: Path) -> Iterator[Figures]:
    """The figures of each format. One that fails is told, and the next one is measured."""
    lora = ""
    for each in FORMATS:
        weights = write_checkpoint(folder, PLUS, BF16 if each == INT8 else each, layers=1)
        lora = lora or str(write_lora(folder / "lora-1.safetensors", weights / "transformer", RANK))
        begun = now()
        for figures in (*KINDS, *(COMPILED_KINDS if each in COMPILED else ())):
            try:
                yield {"format": each, "what": figures.__name__} | figures(Layer(weights, each), Lora(lora))
            except (RuntimeError, WanserveError) as failed:
                told = f"{type(failed).__name__}: {str(failed)[:600]}"
                yield {"format": each, "what": figures.__name__, "failed": told}
            release_memory()
        yield {"format": each, "seconds": round(now() - begun, 1)}


def given() -> dict[str, Any]:
    """What a step gives the transformer."""
    generator = torch.Generator().manual_seed(1)
    latents, text = (torch.randn(size, generator=generator) for size in (LATENTS, (1, 512, 4096)))
    tensors = {"hidden_states": latents.to(torch.bfloat16), "encoder_hidden_states": text.to(torch.bfloat16)}
    moved = {name: tensor.to(device()) for name, tensor in tensors.items()}
    return moved | {"timestep": torch.tensor([500.0], device=device()), "return_dict": False}


def ran(transformer: Any) -> torch.Tensor:
    """Its output."""
    with torch.no_grad():
        out: torch.Tensor = transformer(**given())[0]
    return out


def _computes(layer: Layer, _: Lora) -> Figures:
    """Beside plain linear layers with the weights that the CPU computes: the weights, and what comes out."""
    transformer = layer.read()
    plain = copy.deepcopy(transformer)
    for module in plain.blocks.modules():
        for name, child in list(module.named_children()):
            if isinstance(child, StoredLinear):
                setattr(module, name, _plain(child))
    expected = ran(plain.to(device()))
    held = held_gb()
    del plain
    release_memory()
    transformer.to(device())
    before = held_gb()
    peak_gb()
    out = ran(transformer)
    return {
        "equal": torch.equal(out, expected),
        "error": error(out, expected),
        "finite": bool(out.isfinite().all()),
        "held_plain_gb": held,
        "held_gb": before,
        "peak_gb": peak_gb(),
    }


def _plain(layer: StoredLinear) -> torch.nn.Linear:
    with torch.device("meta"):
        made = torch.nn.Linear(layer.in_features, layer.out_features)
    made.weight = torch.nn.Parameter(layer.weight, requires_grad=False)
    assert layer.bias is not None
    made.bias = layer.bias
    return made


def _with_lora(layer: Layer, lora: Lora) -> Figures:
    """A LoRA that is always applied, and the same one for one video."""
    pipes: list[Any] = [SimpleNamespace(transformer=layer.read(), transformer_2=None) for _ in range(2)]
    merged, asked = pipes
    merge(merged, [lora])
    offered = offer(asked, {SKETCH: lora})
    expected, without = ran(merged.transformer.to(device())), ran(asked.transformer.to(device()))
    with offered.applied({SKETCH: 1.0}):
        out = ran(asked.transformer)
    return {
        "equal": torch.equal(out, expected),
        "error": error(out, expected),
        "changes_by": error(without, expected),
    }


def _compiled_with_lora(layer: Layer, lora: Lora) -> Figures:
    """The LoRA that is always applied, compiled in one graph with what it changes."""
    merged: Any = SimpleNamespace(transformer=layer.read(), transformer_2=None)
    merge(merged, [lora])
    expected = ran(merged.transformer.to(device()))
    merged.transformer.compile_repeated_blocks(fullgraph=True, dynamic=True)
    return {"error": error(ran(merged.transformer), expected)}


def _comes_and_goes(layer: Layer, _: Lora) -> Figures:
    """Its layers in pinned host memory, and each on the device only while it computes."""
    whole, parted = layer.read(), layer.read()
    expected = ran(whole.to(device()))
    del whole
    offload_layers(parted, GROUPS, torch.device(device()))
    release_memory()
    peak_gb()
    return {"equal": all(torch.equal(ran(parted), expected) for _ in range(2)), "peak_gb": peak_gb()}


def _compiled(layer: Layer, _: Lora) -> Figures:
    """Compiled in one graph, and the seconds of a pass beside not compiled."""
    transformer = layer.read().to(device())
    expected = ran(transformer)
    eager_ms = _pass_ms(transformer)
    begun = now()
    transformer.compile_repeated_blocks(fullgraph=True, dynamic=True)
    out = ran(transformer)
    compiling = now()
    peak_gb()
    return {
        "error": error(out, expected),
        "compile_s": round(compiling - begun, 1),
        "eager_ms": eager_ms,
        "compiled_ms": _pass_ms(transformer),
        "peak_gb": peak_gb(),
    }


def _pass_ms(transformer: Any, passes: int = 5) -> float:
    given_ = given()
    with torch.no_grad():
        begun = now()
        for _ in range(passes):
            transformer(**given_)
    return round((now() - begun) / passes * 1000, 2)


KINDS: Final = (_computes, _with_lora, _comes_and_goes)
COMPILED_KINDS: Final = (_compiled, _compiled_with_lora)
