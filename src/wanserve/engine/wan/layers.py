"""Layers whose weights stay as they are stored, and are computed when the layer is used.

One layer at a time has its weight in the format in which it computes: that is how 14 billion parameters in 8 bits fit
where they would not in 16. And a LoRA can be added for one video, exactly as if it had been merged.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

import torch

from wanserve.models.stored import FP8, GGUF_BLOCKS

INT8: Final = "int8"
"""The format of blocks that are quantised when they are loaded: whole numbers, and one scale for each row."""

PLAIN: Final = "plain"
"""The format of weights that are stored as they compute."""

INT8_LARGEST: Final = 127


class Patch(Protocol):
    """What one LoRA file changes in one weight."""

    def change(self, weight: torch.Tensor) -> torch.Tensor:
        """The difference that it makes to the weight, in fp32, at strength 1."""


@dataclass(frozen=True, slots=True)
class NamedPatch:
    """A patch, and the LoRA that it belongs to."""

    lora: str
    patch: Patch


@dataclass(slots=True)
class Strengths:
    """How strongly each LoRA is applied now, by its name. All layers of a transformer share one of these."""

    now: dict[str, float] = field(default_factory=dict)


class StoredLinear(torch.nn.Linear):
    """A linear layer whose weight is computed from what is stored each time that it is used.

    It is a torch.nn.Linear for the code that looks for those, such as diffusers' offloading. `stored` and `scale` move
    with the module. The patches stay in host memory, and each goes to the device for as long as it is computed with:
    `merged` are always applied, `patches` and `bias_patches` as `strengths` says.
    """

    stored: torch.nn.Parameter
    scale: torch.nn.Parameter | None
    bias: torch.nn.Parameter | None  # type: ignore[assignment]  # a Linear may have none, whatever its stub says

    def __init__(
        self,
        stored: torch.Tensor,
        scale: torch.Tensor | None,
        bias: torch.Tensor | None,
        shape: tuple[int, int],
        format_: str,
        dtype: torch.dtype,
    ) -> None:
        """`shape`: that of the weight. `format_`: INT8, PLAIN, an fp8 format or one of GGUF; `dtype`: what it computes in."""
        # Not Linear's own constructor, which would make a weight.
        torch.nn.Module.__init__(self)
        self.out_features, self.in_features = shape
        self.stored = torch.nn.Parameter(stored, requires_grad=False)
        self.register_parameter("scale", None if scale is None else torch.nn.Parameter(scale, requires_grad=False))
        self.register_parameter("bias", None if bias is None else torch.nn.Parameter(bias, requires_grad=False))
        self.format = format_
        self.compute_dtype = dtype
        self.merged: list[NamedPatch] = []
        self.merged_strengths = Strengths()
        self.patches: list[NamedPatch] = []
        self.bias_patches: list[NamedPatch] = []
        self.strengths = Strengths()

    @classmethod
    def of(cls, linear: torch.nn.Linear) -> "StoredLinear":
        """The same layer, with its weight as it is."""
        return cls(linear.weight.data, None, _data(linear.bias), _shape(linear), PLAIN, linear.weight.dtype)

    @classmethod
    def int8_of(cls, linear: torch.nn.Linear) -> "StoredLinear":
        """The layer with its weight rounded to whole numbers from -127 to 127, with one scale for each row."""
        weight = linear.weight.data.float()
        scale = weight.abs().amax(dim=1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny) / INT8_LARGEST
        stored = (weight / scale).round().to(torch.int8)
        return cls(stored, scale, _data(linear.bias), _shape(linear), INT8, linear.weight.dtype)

    @property
    def weight(self) -> torch.Tensor:  # type: ignore[override]  # computed here, a parameter there
        """The weight that the layer computes with now."""
        plain = dequantise(self.stored, self.scale, self.format, (self.out_features, self.in_features))
        merged = patched(plain, self.merged, self.merged_strengths)
        # Rounded once and at the end, as where all of them are merged.
        return patched(merged, self.patches, self.strengths).to(self.compute_dtype)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """See torch.nn.Linear."""
        bias = None if self.bias is None else patched(self.bias, self.bias_patches, self.strengths)
        return torch.nn.functional.linear(given, self.weight, bias)


def patched(weight: torch.Tensor, patches: list[NamedPatch], strengths: Strengths) -> torch.Tensor:
    """The weight with what its patches change, rounded once. It is the same tensor where none applies now."""
    active = [each for each in patches if strengths.now.get(each.lora)]
    if not active:
        return weight
    changed = weight.float()
    for each in active:
        changed = changed + strengths.now[each.lora] * each.patch.change(changed)
    return changed.to(weight.dtype)


def dequantise(stored: torch.Tensor, scale: torch.Tensor | None, format_: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The numbers that a stored tensor stands for: in fp32, or in its own format where that has them all."""
    if format_ in GGUF_BLOCKS:
        return _blocks(stored, format_).reshape(shape)
    if scale is None:
        return stored.float() if format_ in FP8 else stored
    return stored.float() * (scale.float().reshape(-1, *(1 for _ in shape[1:])) if scale.numel() > 1 else scale.float())


def _blocks(stored: torch.Tensor, format_: str) -> torch.Tensor:
    """The numbers of GGUF's blocks, in fp32."""
    # Imported here because diffusers needs the library gguf for it, which only such weights need.
    import gguf  # noqa: PLC0415
    from diffusers.quantizers.gguf.utils import dequantize_functions  # noqa: PLC0415

    numbers, size = GGUF_BLOCKS[format_]
    function: Callable[..., torch.Tensor] = dequantize_functions[gguf.GGMLQuantizationType[format_]]
    return function(stored.reshape(-1, size), numbers, size, dtype=torch.float32)


def replace_linears(module: torch.nn.Module, new: Callable[[torch.nn.Linear], StoredLinear]) -> None:
    """Replace every plain linear layer below the module."""
    for name, layer in list(linears_of(module)):
        parent, _, last = name.rpartition(".")
        setattr(module.get_submodule(parent), last, new(layer))


def linears_of(module: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Linear]]:
    """The linear layers below the module that are not StoredLinear yet, by name."""
    for name, layer in module.named_modules():
        if type(layer) is torch.nn.Linear:
            yield name, layer


def _shape(linear: torch.nn.Linear) -> tuple[int, int]:
    return linear.out_features, linear.in_features


def _data(tensor: torch.Tensor | None) -> torch.Tensor | None:
    return None if tensor is None else tensor.data
