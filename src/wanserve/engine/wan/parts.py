"""Reads one part of the pipeline from its folder: all of its tensors, or an error that names what is wrong."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch
from accelerate import init_empty_weights
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from safetensors import SafetensorError, safe_open
from transformers import UMT5Config, UMT5EncoderModel

from wanserve.domain.errors import SetupError
from wanserve.engine.wan.layers import StoredLinear, dequantise
from wanserve.models.architecture import EMBEDDING, TIED_EMBEDDING
from wanserve.models.stored import QUANTIZATION, StoredWeight
from wanserve.models.tensor_files import read_json
from wanserve.models.weights import CONFIG, PART_SPECS, PartFiles, PartSpec, read_part, stays_stored

CLASSES: Final[dict[str, Any]] = {
    "transformer": WanTransformer3DModel,
    "transformer_2": WanTransformer3DModel,
    "text_encoder": UMT5EncoderModel,
    "vae": AutoencoderKLWan,
}

PROBLEMS: Final = ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs")
"""What the libraries tell of a load that did not fit, each as a list."""


def load_part(folder: Path, name: str, dtype: torch.dtype) -> Any:
    """Read the part `name` of the checkpoint in the folder into host memory, to compute in `dtype`.

    Matrices that are stored in 8 bits or fewer stay so. Raises SetupError where the tensors are not those of the part.
    """
    part, spec = folder / name, PART_SPECS[name]
    read = read_part(part, spec)
    try:
        if read.stored.weights:
            return _stored_part(part, name, spec, read, dtype)
        return _plain_part(part, name, dtype)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise SetupError(f"{part} cannot be loaded: {str(error).splitlines()[0]}") from error


def _plain_part(part: Path, name: str, dtype: torch.dtype) -> Any:
    """Let the library read the part. Raises SetupError for what it would only warn of, and what its loader raises."""
    model, told = CLASSES[name].from_pretrained(
        part,
        dtype=dtype,
        local_files_only=True,
        # Never a pickle, which could execute code.
        use_safetensors=True,
        output_loading_info=True,
    )
    for problem in PROBLEMS:
        if found := sorted(map(str, told.get(problem) or ())):
            raise SetupError(f"{part} does not fit its class: {problem.replace('_', ' ')} {', '.join(found[:3])}")
    return model


def _stored_part(part: Path, name: str, spec: PartSpec, read: PartFiles, dtype: torch.dtype) -> Any:
    """Make the part without weights, and put in each tensor as it is stored."""
    model = _empty(part, name)
    kept_in_fp32 = set(getattr(model, "_keep_in_fp32_modules", None) or ()) if name != "text_encoder" else set()
    put = set()
    for tensor_name, stored, tensor, scale in _tensors(read):
        if stored is not None and stays_stored(tensor_name, stored.shape, spec):
            _keep(model, tensor_name, stored, tensor, scale, dtype)
        else:
            plain = tensor if stored is None else dequantise(tensor, scale, stored.format, stored.shape)
            _put(model, tensor_name, plain.to(torch.float32 if kept_in_fp32 & set(tensor_name.split(".")) else dtype))
        put.add(tensor_name)
    if name == "text_encoder":
        _tie_embedding(model, put)
    if empty := [each for each, tensor in model.named_parameters() if tensor.is_meta]:
        raise SetupError(f"{part} lacks {empty[0]}")
    return model.eval()


def _empty(part: Path, name: str) -> Any:
    with init_empty_weights():
        if name == "text_encoder":
            config = UMT5Config.from_pretrained(part)
            # The method is ours, and transformers knows only those of other libraries.
            config.__dict__.pop(QUANTIZATION, None)
            return UMT5EncoderModel(config)
        config = {key: value for key, value in read_json(part / CONFIG).items() if key != QUANTIZATION}
        return CLASSES[name].from_config(config)


def _tensors(read: PartFiles) -> Iterator[tuple[str, StoredWeight | None, torch.Tensor, torch.Tensor | None]]:
    """Each tensor of the part: its name, how it is stored if not as plain numbers, itself, and its scale."""
    where = {name: file for file, tensors in read.files.items() for name in tensors}
    for file, tensors in read.files.items():
        with safe_open(file, framework="pt") as opened:
            for name in tensors:
                if name not in read.stored.shapes:
                    continue
                stored = read.stored.weights.get(name)
                scale = None
                if stored is not None and stored.scale is not None:
                    with safe_open(where[stored.scale], framework="pt") as beside:
                        scale = beside.get_tensor(stored.scale)
                yield name, stored, opened.get_tensor(name), scale


def _keep(
    model: torch.nn.Module,
    name: str,
    stored: StoredWeight,
    tensor: torch.Tensor,
    scale: torch.Tensor | None,
    dtype: torch.dtype,
) -> None:
    """Replace the linear layer of this weight by one that keeps it as it is stored."""
    layer = name.removesuffix(".weight")
    parent, _, last = layer.rpartition(".")
    before = model.get_submodule(layer)
    assert isinstance(before, torch.nn.Linear), "the matrices of the layers are those of linear layers"
    rows, columns = stored.shape
    new = StoredLinear(tensor, scale, None, (rows, columns), stored.format, dtype)
    # Its bias may have been read before, or comes later.
    new.bias = before.bias
    setattr(model.get_submodule(parent), last, new)


def _put(model: torch.nn.Module, name: str, tensor: torch.Tensor) -> None:
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, torch.nn.Parameter(tensor, requires_grad=False))


def _tie_embedding(model: Any, put: set[str]) -> None:
    """Let both names of the text encoder's embedding be one tensor, as in every file that has only one of them."""
    if put & {EMBEDDING, TIED_EMBEDDING} == {TIED_EMBEDDING}:
        model.shared.weight = model.encoder.embed_tokens.weight
    model.encoder.embed_tokens.weight = model.shared.weight
