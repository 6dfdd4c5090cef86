"""Applies LoRA files to a transformer: merged into its weights, or for one video only.

Both ways compute the same numbers, so that a LoRA that a request names draws what it would draw if it were merged. All of
a file is applied, or it is refused; see `models.lora_file`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import torch
from diffusers import WanPipeline
from safetensors import SafetensorError, safe_open

from wanserve.domain.errors import EngineFailed, SetupError
from wanserve.engine.wan.layers import NamedPatch, Patch, StoredLinear, Strengths, linears_of, patched
from wanserve.models.architecture import transformer_tensors
from wanserve.models.lora_file import LOHA, LOKR, LOW_RANK, RANKS, Role, TensorPatch, read_lora
from wanserve.models.sampling import Lora
from wanserve.models.weights import EXPERTS

MERGED: Final = "merged"


@dataclass(frozen=True, slots=True)
class FilePatch:
    """A TensorPatch with its tensors, in host memory."""

    parts: Mapping[Role, torch.Tensor]
    factor: float

    def change(self, weight: torch.Tensor) -> torch.Tensor:
        """See Patch."""
        parts = {role: tensor.to(weight.device, torch.float32) for role, tensor in self.parts.items()}
        difference = (_product(parts) * self._scale(parts)).reshape(weight.shape)
        if Role.MAGNITUDE not in parts:
            return difference
        return _with_magnitude(weight + difference, parts[Role.MAGNITUDE]) - weight

    def _scale(self, parts: Mapping[Role, torch.Tensor]) -> float:
        """Alpha by the rank. A tensor with alpha takes precedence over the file's metadata."""
        rank = next((parts[role].shape[0] for role in RANKS if role in parts), None)
        if Role.ALPHA in parts and rank is not None:
            return float(parts[Role.ALPHA]) / rank
        return self.factor


def _product(parts: Mapping[Role, torch.Tensor]) -> torch.Tensor:
    """What the parts stand for before it is scaled, in the number of elements of its target."""
    if Role.DIFF in parts:
        return parts[Role.DIFF]
    kind = parts.keys() - {Role.ALPHA, Role.MAGNITUDE}
    if kind == LOW_RANK:
        return parts[Role.UP].flatten(1) @ parts[Role.DOWN].flatten(1)
    if kind == LOHA:
        return (parts[Role.LOHA_1A] @ parts[Role.LOHA_1B]) * (parts[Role.LOHA_2A] @ parts[Role.LOHA_2B])
    assert kind <= LOKR, "read_lora refuses any other"
    first = parts[Role.LOKR_1] if Role.LOKR_1 in parts else parts[Role.LOKR_1A] @ parts[Role.LOKR_1B]
    second = parts[Role.LOKR_2] if Role.LOKR_2 in parts else parts[Role.LOKR_2A] @ parts[Role.LOKR_2B]
    return torch.kron(first.flatten(1), second.flatten(1))


def _with_magnitude(weight: torch.Tensor, magnitude: torch.Tensor) -> torch.Tensor:
    """The weight with each row, or each column, scaled to the length that was trained.

    Source: "DoRA: Weight-Decomposed Low-Rank Adaptation" (arXiv 2402.09353), formula 5; LyCORIS has the form by columns.
    """
    matrix = weight.flatten(1)
    by_columns = magnitude.shape[0] == 1 and magnitude.numel() == matrix.shape[1] != 1
    lengths = matrix.norm(dim=0 if by_columns else 1, keepdim=True).clamp(min=torch.finfo(torch.float32).eps)
    wanted = magnitude.reshape(1, -1) if by_columns else magnitude.reshape(-1, 1)
    scaled: torch.Tensor = matrix * (wanted / lengths)
    return scaled.reshape(weight.shape)


def read_file(file: str, transformer: torch.nn.Module) -> dict[str, list[Patch]]:
    """The patches of the file by the tensors that they change. Raises SetupError unless all of it is for this transformer."""
    path = Path(file)
    patches: dict[str, list[Patch]] = {}
    listed = read_lora(path, transformer_tensors(transformer.config))  # type: ignore[arg-type]  # a config of diffusers
    try:
        with safe_open(path, framework="pt") as opened:
            for each in listed:
                parts = {role: opened.get_tensor(name) for role, name in each.parts.items() if name}
                patches.setdefault(each.target, []).append(_checked(path, each, FilePatch(parts, each.factor)))
    except (OSError, SafetensorError) as error:
        raise SetupError(f"the LoRA file {file} cannot be read: {str(error).splitlines()[0]}") from error
    return patches


def _checked(path: Path, told: TensorPatch, patch: FilePatch) -> FilePatch:
    """The patch. Raises SetupError where a number of it is none, which would make the whole weight none."""
    for role, name in told.parts.items():
        if role in patch.parts and not torch.isfinite(patch.parts[role].float()).all():
            raise SetupError(f"{path}: {name} has numbers that are infinite or not numbers")
    return patch


def merge(pipe: WanPipeline, loras: Sequence[Lora]) -> None:
    """Merge the LoRAs into the weights of each expert. A layer that stays as it is stored keeps them beside its weight.

    Raises SetupError where a file is missing, damaged or made for another model.
    """
    for number, part in enumerate(EXPERTS):
        transformer = getattr(pipe, part)
        if transformer is None:
            continue
        strengths = Strengths()
        patches: dict[str, list[NamedPatch]] = {}
        for order, lora in enumerate(loras):
            file, strength = lora.for_expert(number)
            if file is None or strength == 0:
                continue
            name = f"{MERGED} {order}"
            strengths.now[name] = strength
            for target, several in read_file(file, transformer).items():
                patches.setdefault(target, []).extend(NamedPatch(name, each) for each in several)
        for target, named in patches.items():
            _merge_one(transformer, target, named, strengths)


def _merge_one(transformer: torch.nn.Module, target: str, named: list[NamedPatch], strengths: Strengths) -> None:
    parent, _, last = target.rpartition(".")
    layer = transformer.get_submodule(parent)
    if isinstance(layer, StoredLinear) and last == "weight":
        layer.merged, layer.merged_strengths = named, strengths
        return
    tensor = getattr(layer, last)
    tensor.data = patched(tensor.data, named, strengths)


@dataclass(slots=True)
class OfferedLoras:
    """The LoRAs that a request may name, ready in host memory: each layer that one of them changes has its patches.

    `small`: the tensors that are not weights of linear layers, with their patches; they are changed for one video, and
    put back as they were.
    """

    loras: Mapping[str, Lora] = field(default_factory=dict)
    strengths: Mapping[str, Strengths] = field(default_factory=dict)
    small: list[tuple[torch.nn.Module, str, list[NamedPatch], Strengths]] = field(default_factory=list)
    _kept: list[tuple[torch.nn.Parameter, torch.Tensor]] = field(default_factory=list)

    def require_matrices(self) -> None:
        """Raise SetupError where a LoRA changes more than matrices: offloaded layers bring back what they had before."""
        for _, name, patches, _ in self.small:
            raise SetupError(
                f"the LoRA {patches[0].lora} changes a {name} that is not of a matrix, which cannot be done for one video"
                " where blocks come and go: list it in loras, or choose another placement"
            )

    @contextmanager
    def applied(self, asked: Mapping[str, float]) -> Iterator[None]:
        """Within the block, apply these LoRAs with these strengths. Raises EngineFailed for one that is not offered."""
        if foreign := sorted(asked.keys() - self.loras.keys()):
            raise EngineFailed(f"the LoRA {foreign[0]} is not offered for this model any more")
        try:
            for number, part in enumerate(EXPERTS):
                if part in self.strengths:
                    self.strengths[part].now = {
                        name: self.loras[name].strength_for(number, strength) for name, strength in asked.items()
                    }
            for module, name, patches, strengths in self.small:
                tensor = getattr(module, name)
                changed = patched(tensor.data, patches, strengths)
                if changed is not tensor.data:
                    self._kept.append((tensor, tensor.data))
                    tensor.data = changed
            yield
        finally:
            for strengths in self.strengths.values():
                strengths.now = {}
            for tensor, before in self._kept:
                tensor.data = before.to(tensor.device)
            self._kept.clear()


def offer(pipe: WanPipeline, loras: Mapping[str, Lora]) -> OfferedLoras:
    """Read the LoRAs, and make the layers that they change ready for them. Raises SetupError as `merge` does."""
    offered = OfferedLoras(loras, {})
    strengths: dict[str, Strengths] = {}
    for number, part in enumerate(EXPERTS):
        transformer = getattr(pipe, part)
        if transformer is None or not loras:
            continue
        strengths[part] = Strengths()
        patches: dict[str, list[NamedPatch]] = {}
        for name, lora in loras.items():
            file, strength = lora.for_expert(number)
            if file is None or strength == 0:
                continue
            for target, several in read_file(file, transformer).items():
                patches.setdefault(target, []).extend(NamedPatch(name, each) for each in several)
        _make_ready(transformer, patches, strengths[part], offered)
    offered.strengths = strengths
    return offered


def _make_ready(
    transformer: torch.nn.Module, patches: Mapping[str, list[NamedPatch]], strengths: Strengths, offered: OfferedLoras
) -> None:
    plain = dict(linears_of(transformer))
    for target, named in patches.items():
        parent, _, last = target.rpartition(".")
        if parent in plain:
            above, _, own = parent.rpartition(".")
            setattr(transformer.get_submodule(above), own, StoredLinear.of(plain.pop(parent)))
        layer = transformer.get_submodule(parent)
        if isinstance(layer, StoredLinear):
            layer.strengths = strengths
            (layer.patches if last == "weight" else layer.bias_patches).extend(named)
        else:
            offered.small.append((layer, last, named, strengths))
