"""Says in which formats the weights of a part are stored, from headers and configuration alone. Pure.

Three kinds are understood: plain numbers; fp8, alone or with a scale beside it; and the blocks of GGUF, which
`wanserve models import` keeps as bytes and lists in the part's configuration. Any other is refused by its name: numbers
whose scales are ignored load without an error, and the video is noise.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wanserve.domain.errors import SetupError
from wanserve.models.architecture import Config
from wanserve.models.tensor_files import Tensor

PLAIN: Final = frozenset({"F64", "F32", "F16", "BF16"})
FP8: Final = frozenset({"F8_E4M3", "F8_E5M2"})
BYTES: Final = "U8"

GGUF_BLOCKS: Final[Mapping[str, tuple[int, int]]] = {
    "Q8_0": (32, 34),
    "Q6_K": (256, 210),
    "Q5_K": (256, 176),
    "Q5_1": (32, 24),
    "Q5_0": (32, 22),
    "Q4_K": (256, 144),
    "Q4_1": (32, 20),
    "Q4_0": (32, 18),
    "Q3_K": (256, 110),
    "Q2_K": (256, 84),
}
"""The numbers and the bytes of one block of each format. Source: gguf's GGML_QUANT_SIZES."""

OUR_METHOD: Final = "wanserve"
QUANTIZATION: Final = "quantization_config"
GGUF_TENSORS: Final = "gguf_tensors"
"""In a part's `config.json`: `quantization_config = {"quant_method": "wanserve", "gguf_tensors": {name: format}}`.

Libraries that do not know the method refuse the part, instead of reading the bytes as numbers.
"""

SCALE_SUFFIXES: Final = ("weight_scale", "scale_weight")
UNUSED_SUFFIXES: Final = ("input_scale", "scale_input")
FORMAT_SUFFIX: Final = "comfy_quant"
MARKER: Final = "scaled_fp8"
"""Names beside `LAYER.weight` in fp8 files. The scales of inputs are for multiplying in fp8, which is not done here.

Source: ComfyUI's comfy/ops.py and quant_ops.py; Kijai's files have the same. A layer in another format than fp8 is refused
by the format of its weight or by the shape of its scale, so `comfy_quant` need not be read.
"""

_WEIGHT: Final = "weight"


@dataclass(frozen=True, slots=True)
class StoredWeight:
    """A tensor that is not stored as plain numbers: its format, its logical shape, and the tensor with its scale.

    `format` is safetensors' name of an fp8 format, or a key of GGUF_BLOCKS. `scale`: one number, or one for each row; the
    stored numbers are multiplied by it.
    """

    format: str
    shape: tuple[int, ...]
    scale: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """The tensors of a part by their logical shapes, and those among them that are not plain numbers."""

    shapes: Mapping[str, tuple[int, ...]]
    weights: Mapping[str, StoredWeight]


def understand(config: Config, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Stored:
    """Say how the tensors are stored. Raises SetupError, naming the format, where one is not understood."""
    gguf = _gguf_tensors(config)
    if foreign := metadata.get("_quantization_metadata"):
        _require_fp8(_layer_formats(foreign))
    own = {name: tensor for name, tensor in tensors.items() if not _is_companion(name, tensors)}
    weights = {name: _stored(name, tensor, tensors, gguf) for name, tensor in own.items() if tensor.dtype not in PLAIN}
    if missing := sorted(gguf.keys() - weights.keys()):
        raise SetupError(f"lists {missing[0]} as {gguf[missing[0]]}, and its file has no such tensor")
    _require_scaled(tensors, weights)
    shapes = {name: weights[name].shape if name in weights else tensor.shape for name, tensor in own.items()}
    return Stored(shapes, weights)


def gguf_shape(rows: tuple[int, ...], format_: str) -> tuple[int, ...]:
    """The logical shape of a tensor that is stored as rows of so many bytes. Raises SetupError."""
    numbers, size = GGUF_BLOCKS[format_]
    if not rows or rows[-1] % size:
        raise SetupError(f"stores rows of {rows[-1] if rows else 0} bytes as {format_}, whose blocks have {size} bytes")
    return (*rows[:-1], rows[-1] // size * numbers)


def our_quantization(gguf: Mapping[str, str]) -> dict[str, object]:
    """What a part's configuration says of tensors that are stored as GGUF has them; empty where there are none."""
    return {QUANTIZATION: {"quant_method": OUR_METHOD, GGUF_TENSORS: dict(gguf)}} if gguf else {}


def _gguf_tensors(config: Config) -> dict[str, str]:
    """The formats of the tensors that the configuration lists. Raises SetupError for another library's."""
    found = config.get(QUANTIZATION)
    if found is None:
        return {}
    method = found.get("quant_method") if isinstance(found, dict) else found
    listed = found.get(GGUF_TENSORS) if isinstance(found, dict) else None
    if method != OUR_METHOD or not isinstance(listed, dict):
        raise SetupError(
            f"has weights that {method} quantised, which cannot be read here: take them in bf16, fp8 or GGUF"
        )
    formats = {str(name): str(format_) for name, format_ in listed.items()}
    if unknown := sorted(set(formats.values()) - GGUF_BLOCKS.keys()):
        raise SetupError(f"has weights in the format {unknown[0]}; those that are read are {', '.join(GGUF_BLOCKS)}")
    return formats


def _stored(name: str, tensor: Tensor, tensors: Mapping[str, Tensor], gguf: Mapping[str, str]) -> StoredWeight:
    """How a tensor that is not plain numbers is stored. Raises SetupError."""
    if tensor.dtype in FP8:
        return StoredWeight(tensor.dtype, tensor.shape, _scale_of(name, tensor, tensors))
    if tensor.dtype == BYTES and name in gguf:
        return StoredWeight(gguf[name], gguf_shape(tensor.shape, gguf[name]))
    raise SetupError(
        f"has {name} in the format {tensor.dtype}, which is not read: take the weights in bf16, fp8 or GGUF"
    )


def _scale_of(name: str, tensor: Tensor, tensors: Mapping[str, Tensor]) -> str | None:
    """The name of the tensor with the scale of this one; None where there is none. Raises SetupError."""
    layer = name.removesuffix(_WEIGHT)
    for scale in (f"{layer}{suffix}" for suffix in SCALE_SUFFIXES):
        if scale in tensors:
            shape, rows = tensors[scale].shape, tensor.shape[:1]
            if shape in ((), (1,), (1, 1), rows, (*rows, 1)) and tensors[scale].dtype in PLAIN:
                return scale
            raise SetupError(f"has {scale} of shape {shape}: only one scale, or one for each row, is understood")
    return None


def _is_companion(name: str, tensors: Mapping[str, Tensor]) -> bool:
    """Whether the tensor says how another one is stored."""
    layer, _, suffix = name.rpartition(".")
    known = (*SCALE_SUFFIXES, *UNUSED_SUFFIXES, FORMAT_SUFFIX)
    return name == MARKER or (suffix in known and f"{layer}.{_WEIGHT}" in tensors)


def _require_scaled(tensors: Mapping[str, Tensor], weights: Mapping[str, StoredWeight]) -> None:
    """Raise SetupError where a scale belongs to a weight that is not fp8: it would be ignored."""
    used = {weight.scale for weight in weights.values()}
    for name in tensors:
        if name.endswith(SCALE_SUFFIXES) and _is_companion(name, tensors) and name not in used:
            raise SetupError(f"has the scale {name} beside a weight that is not in fp8")


def _layer_formats(text: str) -> set[str]:
    """The formats in the JSON that ComfyUI writes beside quantised layers. Raises SetupError."""
    try:
        layers = json.loads(text)["layers"]
        return {str(layer["format"]) for layer in layers.values()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise SetupError("has _quantization_metadata that cannot be read") from error


def _require_fp8(formats: set[str]) -> None:
    if foreign := sorted(formats - {"float8_e4m3fn", "float8_e5m2"}):
        raise SetupError(
            f"has layers in the format {foreign[0]}, which is not read: take the weights in bf16, fp8 or GGUF"
        )
