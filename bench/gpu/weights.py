"""Writes checkpoints of the real models' shapes with random weights, in bf16, fp8 or GGUF's blocks; and LoRAs for them.

Random weights cost what trained ones cost; their pictures are noise. The numbers are made on the device, and several files
are written at the same time: 29 GB take half a minute where the folder is in memory.
"""

import json
import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import AutoencoderKLWan
from safetensors.torch import save_file
from transformers import UMT5Config

from bench.result import ROOT
from wanserve.models.architecture import TRANSFORMER_DEFAULTS, Shapes
from wanserve.models.sampling import SHAPE_1_3B, SHAPE_14B, WAN_MODELS, TransformerShape
from wanserve.models.stored import GGUF_BLOCKS, our_quantization
from wanserve.models.weights import CONFIG, PART_SPECS, PartSpec, stays_stored

TINY: Final = ROOT / "tests/assets/tiny-wan"
TURBO, PLUS, TWO_EXPERTS = "wanx2.1-t2v-turbo", "wanx2.1-t2v-plus", "wan2.2-t2v-plus"
BF16, FP8 = "bf16", "fp8"

TEXT_ENCODER: Final[Mapping[str, Any]] = {
    "vocab_size": 256384,
    "d_model": 4096,
    "d_kv": 64,
    "d_ff": 10240,
    "num_layers": 24,
    "num_heads": 64,
    "feed_forward_proj": "gated-gelu",
}
SHARD_BYTES: Final = 2_000_000_000
WRITERS: Final = 8
FP8_DEVIATION: Final = 64.0
"""Of the stored numbers, which go to 448; the scale beside them brings the weights to their own."""

SCALE_BYTES: Final[Mapping[str, tuple[int, ...]]] = {
    "Q6_K": (208,),
    "Q3_K": (108,),
    "Q2_K": (80, 82),
    "Q8_0": (0,),
    "Q5_0": (0,),
    "Q4_0": (0,),
}
"""Where a block has its half-precision scales; the other formats have two, at 0 and 2. Source: ggml-common.h."""

SHAPES: Final[Mapping[str, TransformerShape]] = {TURBO: SHAPE_1_3B, PLUS: SHAPE_14B, TWO_EXPERTS: SHAPE_14B}


def write_checkpoint(folder: Path, model: str, stored: str = BF16, layers: int | None = None) -> Path:
    """A checkpoint of the model's shape in the folder, where there is none yet; with fewer `layers`, if given.

    `stored`: BF16, FP8 (the text encoder too) or a format of GGUF. The experts are one folder, linked.
    """
    shape = SHAPES[model]
    count = layers or shape.layers
    made = folder / f"{model}-{stored}-{count}"
    if (made / "model_index.json").exists():
        return made
    transformer = folder / f"transformer-{shape.dim}-{stored}-{count}"
    _write_part(transformer, "transformer", _transformer_config(shape, count), stored)
    text_stored = FP8 if stored == FP8 else BF16
    text = folder / f"text_encoder-{text_stored}"
    config = UMT5Config(**TEXT_ENCODER).to_dict() | {"architectures": ["UMT5EncoderModel"]}
    _write_part(text, "text_encoder", config, text_stored)
    if not (folder / "vae").exists():
        torch.manual_seed(1)
        with torch.device(_device()):
            AutoencoderKLWan().save_pretrained(folder / "vae")
    linked = {"transformer": transformer, "text_encoder": text, "vae": folder / "vae"}
    linked |= {part: TINY / part for part in ("tokenizer", "scheduler")}
    index = json.loads((TINY / "model_index.json").read_text(encoding="utf-8"))
    sampling = WAN_MODELS[model].sampling
    if sampling.experts == 2:
        linked["transformer_2"] = transformer
        index |= {"transformer_2": index["transformer"], "boundary_ratio": sampling.boundary_ratio}
    made.mkdir(parents=True)
    for part, target in linked.items():
        (made / part).symlink_to(target, target_is_directory=True)
    (made / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    return made


def write_lora(file: Path, transformer: Path, rank: int) -> Path:
    """A LoRA of this rank for every matrix of the blocks of this transformer, in bf16, with alpha beside each."""
    spec = PART_SPECS["transformer"]
    shapes = spec.tensors(json.loads((transformer / CONFIG).read_text(encoding="utf-8")))
    generator = torch.Generator(_device()).manual_seed(1)
    tensors = {}
    for name, shape in shapes.items():
        if not stays_stored(name, shape, spec):
            continue
        layer = name.removesuffix(".weight")
        rows, columns = shape
        for role, size in (("lora_down", (rank, columns)), ("lora_up", (rows, rank))):
            numbers = torch.randn(size, generator=generator, device=_device()) / math.sqrt(10 * size[1])
            tensors[f"{layer}.{role}.weight"] = numbers.to(torch.bfloat16).cpu()
        tensors[f"{layer}.alpha"] = torch.tensor(rank / 2)
    save_file(tensors, file)
    return file


def _transformer_config(shape: TransformerShape, layers: int) -> dict[str, Any]:
    return {
        **TRANSFORMER_DEFAULTS,
        "_class_name": "WanTransformer3DModel",
        "num_attention_heads": shape.heads,
        "attention_head_dim": shape.dim // shape.heads,
        "ffn_dim": shape.ffn,
        "num_layers": layers,
    }


def _write_part(part: Path, name: str, config: dict[str, Any], stored: str) -> None:
    """The part's folder, unless it is there: its configuration, its files, and the index of them."""
    spec = PART_SPECS[name]
    index = part / f"{spec.stem}.safetensors.index.json"
    if index.exists():
        return
    part.mkdir(parents=True, exist_ok=True)
    shapes = spec.tensors(config)
    small = {each for each, shape in shapes.items() if stored != BF16 and stays_stored(each, shape, spec)}
    if stored in GGUF_BLOCKS:
        config = config | our_quantization(dict.fromkeys(sorted(small), stored))
    (part / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    shards = _shards(shapes)
    with ThreadPoolExecutor(WRITERS) as writers:
        told = writers.map(
            lambda numbered: _write_shard(part, spec, numbered[0], numbered[1], small, stored), enumerate(shards)
        )
    where = {each: file for names, file in told for each in names}
    index.write_text(json.dumps({"metadata": {}, "weight_map": where}), encoding="utf-8")


def _shards(shapes: Shapes) -> list[Shapes]:
    """The tensors in groups of about so many bytes in bf16."""
    shards: list[Shapes] = [{}]
    room = SHARD_BYTES
    for name, shape in shapes.items():
        if room <= 0:
            shards.append({})
            room = SHARD_BYTES
        shards[-1][name] = shape
        room -= 2 * math.prod(shape)
    return shards


def _write_shard(
    part: Path, spec: PartSpec, number: int, shapes: Shapes, small: set[str], stored: str
) -> tuple[list[str], str]:
    generator = torch.Generator(_device()).manual_seed(number)
    tensors: dict[str, torch.Tensor] = {}
    for name, shape in shapes.items():
        if name not in small:
            tensors[name] = _numbers(name, shape, generator).to(torch.bfloat16).cpu()
        elif stored == FP8:
            tensors[name] = (
                (torch.randn(shape, generator=generator, device=_device()) * FP8_DEVIATION)
                .to(torch.float8_e4m3fn)
                .cpu()
            )
            tensors[name.removesuffix("weight") + "scale_weight"] = torch.tensor(1 / FP8_DEVIATION / _spread(shape))
        else:
            tensors[name] = random_blocks(stored, (shape[0], shape[1]), generator).cpu()
    file = f"{spec.stem}-{number}.safetensors"
    save_file(tensors, part / file)
    return list(tensors), file


def _numbers(name: str, shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Random weights of the size that trained ones have; norms are left as ones."""
    if len(shape) == 1 and name.endswith("weight"):
        return torch.ones(shape)
    return torch.randn(shape, generator=generator, device=generator.device) / _spread(shape)


def _spread(shape: tuple[int, ...]) -> float:
    """What standard numbers are divided by: a matrix then keeps the size of what it multiplies."""
    return math.sqrt(math.prod(shape[1:])) if len(shape) > 1 else 50.0


def random_blocks(format_: str, shape: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
    """Random blocks of a GGUF format as rows of bytes, whose numbers are about as large as weights are."""
    numbers, size = GGUF_BLOCKS[format_]
    count, device = shape[0] * shape[1] // numbers, generator.device
    made = torch.randint(0, 256, (count, size), generator=generator, device=device, dtype=torch.uint8)
    for at in SCALE_BYTES.get(format_, (0, 2)):
        scale = torch.rand(count, 1, generator=generator, device=device) * 9e-5 + 1e-5
        made[:, at : at + 2] = scale.to(torch.float16).view(torch.uint8)
    return made.reshape(shape[0], -1)


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"
