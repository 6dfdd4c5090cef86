"""Reads from a LoRA file's header which tensors of a transformer it changes, and how. It reads no tensor.

Every tensor of the file is understood, or the file is refused by what was left: a LoRA of which a part is dropped still
makes a video, and another one than it was trained for. The server's process uses this module too.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from wanserve.domain.errors import SetupError
from wanserve.models.architecture import Shapes
from wanserve.models.authors_names import authors_name
from wanserve.models.tensor_files import Header, read_whole_header


class Role(StrEnum):
    """What a tensor of the file is for the layer that its name begins with."""

    DOWN = "down"
    UP = "up"
    UP_BIAS = "up_bias"
    ALPHA = "alpha"
    MAGNITUDE = "magnitude"
    DIFF = "diff"
    DIFF_BIAS = "diff_b"
    DIFF_MODULATION = "diff_m"
    LOKR_1 = "lokr_w1"
    LOKR_1A = "lokr_w1_a"
    LOKR_1B = "lokr_w1_b"
    LOKR_2 = "lokr_w2"
    LOKR_2A = "lokr_w2_a"
    LOKR_2B = "lokr_w2_b"
    LOHA_1A = "hada_w1_a"
    LOHA_1B = "hada_w1_b"
    LOHA_2A = "hada_w2_a"
    LOHA_2B = "hada_w2_b"


_ROLES: Final = {
    role.value: role for role in Role if role not in (Role.DOWN, Role.UP, Role.UP_BIAS, Role.MAGNITUDE)
} | {
    "lora_A": Role.DOWN,
    "lora_B": Role.UP,
    "lora_down": Role.DOWN,
    "lora_up": Role.UP,
    "lora.down": Role.DOWN,
    "lora.up": Role.UP,
    "dora_scale": Role.MAGNITUDE,
    "lora_magnitude_vector": Role.MAGNITUDE,
}
_KEY: Final = re.compile(
    r"(?P<layer>.+)\.(?P<role>" + "|".join(sorted(map(re.escape, _ROLES), key=len, reverse=True)) + r")"
    r"(?:\.(?!(?:weight|bias)$)\w+)?(?:\.(?P<end>weight|bias))?"
)
"""The name of a tensor: the layer, its role, the adapter's name in the files of PEFT, and `weight` in most of them."""

PREFIXES: Final = (
    "",
    "model.diffusion_model.",
    "diffusion_model.",
    "transformer.",
    "transformer_2.",
    "base_model.model.",
    "base_model.model.transformer.",
    "base_model.model.diffusion_model.",
    "pipe.dit.",
    "dit.",
    "model.",
    "unet.",
    "lora_unet_",
    "lora_transformer_",
    "lycoris_",
    "lycoris_transformer_",
)
"""What the names of layers begin with in the files of diffusers, ComfyUI, PEFT, DiffSynth, musubi-tuner and LyCORIS."""

LOW_RANK: Final = frozenset({Role.DOWN, Role.UP})
LOKR: Final = frozenset({Role.LOKR_1, Role.LOKR_1A, Role.LOKR_1B, Role.LOKR_2, Role.LOKR_2A, Role.LOKR_2B})
LOHA: Final = frozenset({Role.LOHA_1A, Role.LOHA_1B, Role.LOHA_2A, Role.LOHA_2B})

RANKS: Final = (Role.DOWN, Role.LOHA_1B, Role.LOKR_2B, Role.LOKR_1B)
"""The first of these that a layer has tells by its first side the rank by which alpha is divided.

Where both factors of a Kronecker product are products, the second one's counts. Source: LyCORIS, lokr.py.
"""

_ALPHAS: Final = ("lora_alpha", "network_alpha", "alpha", "ss_network_alpha")
_SAID: Final = 3


@dataclass(frozen=True, slots=True)
class TensorPatch:
    """What the file changes in one tensor of the transformer: the tensors that say it, by their roles.

    `factor` is what a low-rank product is multiplied with where the file has no tensor with the role ALPHA.
    """

    target: str
    parts: Mapping[Role, str]
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a file's metadata say of all its layers: alpha, alphas of single layers by pattern, and whether rank-stabilised.

    A LoRA's product is multiplied by alpha / rank, and by alpha / sqrt(rank) where it is rank-stabilised.
    """

    alpha: float | None = None
    patterns: Mapping[str, float] = field(default_factory=dict)
    stabilised: bool = False

    def factor(self, layer: str, rank: int) -> float:
        """What the product of this layer is multiplied with; 1 where the metadata say nothing of it."""
        alpha = next((alpha for key, alpha in self.patterns.items() if _matches(key, layer)), self.alpha)
        if alpha is None:
            return 1.0
        return alpha / (math.sqrt(rank) if self.stabilised else rank)


def read_lora(file: Path, shapes: Shapes) -> list[TensorPatch]:
    """What the LoRA file changes in a transformer with these tensors.

    Raises SetupError where the file is damaged, where a tensor of it is not understood or not for this transformer, or
    has another shape.
    """
    header = read_whole_header(file)
    layers, left = _layers(header, shapes)
    if left:
        more = f", and {len(left) - _SAID} more" if len(left) > _SAID else ""
        raise SetupError(
            f"{file} has tensors that are not understood or that this model has no place for: "
            f"{', '.join(left[:_SAID])}{more}"
        )
    if not layers:
        raise SetupError(f"{file} is not a LoRA: it has no tensor of one")
    try:
        metadata = _read_metadata(header.metadata)
        return [patch for layer, parts in layers.items() for patch in _patches(layer, parts, header, shapes, metadata)]
    except SetupError as error:
        raise SetupError(f"{file} {error}") from None


def _layers(header: Header, shapes: Shapes) -> tuple[dict[str, dict[Role, str]], list[str]]:
    """The file's tensors by layer and role, and the names of those that are not understood."""
    places = _places(shapes)
    layers: dict[str, dict[Role, str]] = {}
    left = []
    for name in header.tensors:
        found = _KEY.fullmatch(name)
        layer = found and _layer(found["layer"], places)
        if found is None or layer is None:
            left.append(name)
            continue
        role = _ROLES[found["role"]]
        if found["end"] == "bias":
            role = Role.UP_BIAS if role is Role.UP else role
        if role in layers.setdefault(layer, {}):
            left.append(name)
        layers[layer][role] = name
    return layers, left


def _places(shapes: Shapes) -> dict[str, str]:
    """The layers and tables of the transformer by all names that a file may have for them, with `_` for each dot."""
    places = {}
    for name in shapes:
        for known in (name, authors_name(name)):
            places[_flat(known)] = name
            parent, _, last = known.rpartition(".")
            if last in ("weight", "bias"):
                places[_flat(parent)] = name.rpartition(".")[0]
            elif last in ("modulation", "scale_shift_table"):
                # The authors' `blocks.0.diff_m` and `head.diff_m` are of these tables.
                places[_flat(parent)] = name
    return places


def _layer(given: str, places: Mapping[str, str]) -> str | None:
    """Diffusers' name of the layer or table that the file calls `given`."""
    flat = _flat(given)
    for prefix in PREFIXES:
        known = places.get(flat.removeprefix(_flat(prefix))) if flat.startswith(_flat(prefix)) else None
        if known is not None:
            return known
    return None


def _flat(name: str) -> str:
    return name.replace(".", "_")


def _patches(
    layer: str, parts: Mapping[Role, str], header: Header, shapes: Shapes, metadata: Metadata
) -> list[TensorPatch]:
    """The patches that the tensors of one layer are. Raises SetupError where they do not fit together or its shape."""
    table = layer in shapes
    weight, bias = (layer, "") if table else (f"{layer}.weight", f"{layer}.bias")
    left = dict(parts)
    made = []
    for role, target in ((Role.DIFF, weight), (Role.DIFF_MODULATION, weight), (Role.DIFF_BIAS, bias)):
        if role in left:
            made.append(TensorPatch(target, {Role.DIFF: left.pop(role)}))
    rank = _rank(parts, header)
    factor = 1.0 if rank is None else metadata.factor(layer, rank)
    if Role.UP_BIAS in left:
        beside = {Role.DIFF: left.pop(Role.UP_BIAS)}
        if Role.ALPHA in left:
            beside |= {Role.ALPHA: left[Role.ALPHA], Role.DOWN: left.get(Role.DOWN, "")}
        made.append(TensorPatch(bias, beside, factor))
    if left:
        made.append(TensorPatch(weight, left, factor))
    for patch in made:
        _check(patch, header, shapes)
    return made


def _rank(parts: Mapping[Role, str], header: Header) -> int | None:
    """The rank by which alpha is divided; None where nothing is a product, so that alpha has no meaning."""
    for role in RANKS:
        if role in parts and (shape := header.tensors[parts[role]].shape):
            return shape[0]
    return None


def _check(patch: TensorPatch, header: Header, shapes: Shapes) -> None:
    """Raise SetupError unless the patch is complete and of the shape of its target."""
    target = shapes.get(patch.target)
    names = ", ".join(patch.parts.values())
    if target is None:
        raise SetupError(f"changes {patch.target}, which this model does not have: {names}")
    made = _shape(patch, {role: header.tensors[name].shape for role, name in patch.parts.items() if name})
    if made is None:
        raise SetupError(f"has only a part of what changes {patch.target}: {names}")
    if math.prod(made) != math.prod(target) or made[:1] != target[:1]:
        raise SetupError(
            f"changes {patch.target} by {_text(made)} numbers, and that has {_text(target)}: it is for another model"
        )
    if (alpha := patch.parts.get(Role.ALPHA)) and math.prod(header.tensors[alpha].shape) != 1:
        raise SetupError(f"has {alpha}, which is not one number")
    if magnitude := patch.parts.get(Role.MAGNITUDE):
        rows, columns = target[0], math.prod(target[1:])
        if math.prod(header.tensors[magnitude].shape) not in (rows, columns):
            raise SetupError(f"has {magnitude}, which is neither one number for each row nor for each column")


def _shape(patch: TensorPatch, shapes: Mapping[Role, tuple[int, ...]]) -> tuple[int, ...] | None:
    """The shape of what the patch adds, with all sides but the first in one; None where a part is missing."""
    kind = patch.parts.keys() - {Role.ALPHA, Role.MAGNITUDE}
    if Role.DIFF in kind:
        return shapes[Role.DIFF]
    if kind == LOW_RANK:
        down, up = shapes[Role.DOWN], shapes[Role.UP]
        fits = down and up and math.prod(up[1:]) == down[0]
        return (up[0], math.prod(down[1:])) if fits else (0,)
    if kind == LOHA:
        first = _product(shapes[Role.LOHA_1A], shapes[Role.LOHA_1B])
        return first if first == _product(shapes[Role.LOHA_2A], shapes[Role.LOHA_2B]) else (0,)
    if kind and kind <= LOKR:
        factors = [
            _factor(shapes, Role.LOKR_1, Role.LOKR_1A, Role.LOKR_1B),
            _factor(shapes, Role.LOKR_2, Role.LOKR_2A, Role.LOKR_2B),
        ]
        if None in factors:
            return None
        first, second = (each for each in factors if each is not None)
        return first[0] * second[0], first[1] * second[1]
    return None


def _factor(shapes: Mapping[Role, tuple[int, ...]], whole: Role, a: Role, b: Role) -> tuple[int, int] | None:
    """The shape of one factor of a Kronecker product, which is stored as a whole or as a product itself."""
    if whole in shapes and len(shapes[whole]) > 1:
        return shapes[whole][0], math.prod(shapes[whole][1:])
    return _product(shapes[a], shapes[b]) if a in shapes and b in shapes else None


def _product(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, int]:
    return (a[0], b[1]) if len(a) == len(b) == 2 and a[1] == b[0] else (0, 0)


def _read_metadata(metadata: Mapping[str, str]) -> Metadata:
    """What the file's maker wrote beside the tensors of how they are scaled. Raises SetupError where it contradicts itself.

    diffusers and PEFT write a JSON object, others one text for each setting, with or without the name of the part.
    """
    told: dict[str, object] = dict(metadata)
    if (text := metadata.get("lora_adapter_metadata")) is not None:
        told = _json_object(text) | told
    told |= _json_object(metadata.get("adapter_config") or "{}")
    bare = {name.removeprefix("transformer.").removeprefix("transformer_2."): value for name, value in told.items()}
    alphas = {_number(bare[name], name) for name in _ALPHAS if bare.get(name) not in (None, "", "None")}
    for name in ("transformer.lora_alpha", "transformer_2.lora_alpha"):
        if name in told:
            alphas.add(_number(told[name], name))
    if len(alphas) > 1:
        raise SetupError(f"has metadata with more than one alpha: {', '.join(f'{each:g}' for each in sorted(alphas))}")
    patterns = bare.get("alpha_pattern") or {}
    patterns = _json_object(patterns) if isinstance(patterns, str) else patterns
    if not isinstance(patterns, dict):
        raise SetupError("has metadata with an alpha_pattern that is not an object")
    return Metadata(
        next(iter(alphas), None),
        {str(layer): _number(alpha, str(layer)) for layer, alpha in patterns.items()},
        str(bare.get("use_rslora")).lower() == "true",
    )


def _json_object(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise SetupError("has metadata that are not valid JSON") from error
    if not isinstance(found, dict):
        raise SetupError("has metadata that are not a JSON object")
    return found


def _number(value: object, name: str) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise SetupError(f"has metadata with {name} {value!r}, which is not a number")
    return number


def _matches(pattern: str, layer: str) -> bool:
    """Whether PEFT would apply the pattern to the layer: it names the layer, or the end of its name."""
    for name in (layer, authors_name(f"{layer}.weight").removesuffix(".weight")):
        try:
            if re.fullmatch(rf"(.*\.)?({pattern})", name):
                return True
        except re.error:
            return False
    return False


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "1"
