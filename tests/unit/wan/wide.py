"""Makes a tiny checkpoint whose matrices are wide enough for the blocks of every format, and stores it in other formats."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gguf
import numpy as np
import torch
from diffusers import WanTransformer3DModel
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from tests.unit.wan.engines import ASSETS
from wanserve.models.stored import GGUF_BLOCKS, our_quantization

FILE = "diffusion_pytorch_model.safetensors"
Tensors = dict[str, torch.Tensor]


def make_wide(folder: Path, source: Path = ASSETS / "tiny-wan") -> Path:
    """The tiny checkpoint, with transformers of one block that has the authors' 128 numbers for each head."""
    shutil.copytree(source, folder)
    parts = [part for part in ("transformer", "transformer_2") if (folder / part).is_dir()]
    for number, part in enumerate(parts):
        torch.manual_seed(number)
        model = WanTransformer3DModel(
            num_layers=1, num_attention_heads=2, attention_head_dim=128, ffn_dim=512, text_dim=32, freq_dim=256
        )
        model.eval().save_pretrained(folder / part)
    return folder


def tensors_of(folder: Path, part: str = "transformer") -> Tensors:
    """The transformer's tensors."""
    loaded: Tensors = load_file(folder / part / FILE)
    return loaded


def write(folder: Path, tensors: Mapping[str, torch.Tensor], config: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Replace the transformer's tensors, and set what its configuration says."""
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "transformer" / FILE)
    file = folder / "transformer" / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **config}), "utf-8")


def is_matrix(name: str, tensor: torch.Tensor) -> bool:
    """Whether files in small formats have this tensor in them: the matrices of the blocks."""
    return name.startswith("blocks.") and tensor.dim() == 2 and name.endswith("weight")


def blocks_of(format_: str, shape: tuple[int, ...], seed: int) -> NDArray[np.uint8]:
    """Random blocks of a GGUF format, as rows of bytes, whose numbers are about as large as weights are."""
    numbers, size = GGUF_BLOCKS[format_]
    random = np.random.default_rng(seed)
    made = random.integers(0, 256, (shape[0] * shape[1] // numbers, size), dtype=np.uint8)
    # Where each format has its half-precision scales. Source: ggml-common.h.
    scales = {"Q6_K": (208,), "Q3_K": (108,), "Q2_K": (80, 82), "Q8_0": (0,), "Q5_0": (0,), "Q4_0": (0,)}
    for at in scales.get(format_, (0, 2)):
        value = random.uniform(0.0001, 0.001, len(made)).astype(np.float16)
        made[:, at : at + 2] = value.view(np.uint8).reshape(-1, 2)
    return made.reshape(shape[0], -1)


def dequantised(rows: NDArray[np.uint8], format_: str) -> torch.Tensor:
    """What the blocks stand for, by the library of the format itself."""
    return torch.from_numpy(gguf.dequantize(rows, gguf.GGMLQuantizationType[format_]).astype(np.float32))


def store_gguf(folder: Path, format_: str) -> Tensors:
    """Store the matrices of the transformer's blocks in this format. Returns what the tensors then stand for."""
    stored, plain = {}, {}
    for number, (name, tensor) in enumerate(tensors_of(folder).items()):
        stored[name] = plain[name] = tensor
        if is_matrix(name, tensor):
            rows = blocks_of(format_, tuple(tensor.shape), number)
            stored[name], plain[name] = torch.from_numpy(rows), dequantised(rows, format_)
    listed = {name: format_ for name, tensor in stored.items() if tensor.dtype is torch.uint8}
    write(folder, stored, our_quantization(listed))
    return plain


def store_fp8(
    folder: Path,
    dtype: torch.dtype,
    scale_of: Callable[[torch.Tensor], torch.Tensor] | None,
    suffix: str = "scale_weight",
) -> Tensors:
    """Store the matrices in fp8, divided by a scale beside them if there is one. Returns what they then stand for."""
    stored, plain = {}, {}
    for name, tensor in tensors_of(folder).items():
        stored[name] = plain[name] = tensor
        if is_matrix(name, tensor):
            scale = scale_of(tensor) if scale_of else torch.tensor(1.0)
            stored[name] = (tensor / scale).to(dtype)
            plain[name] = stored[name].float() * scale
            if scale_of:
                stored[name.removesuffix("weight") + suffix] = scale
    write(folder, stored)
    return plain
