"""Checks that a model's weights are complete, from the headers of their files.

A checkpoint is a folder in the diffusers layout: `model_index.json`, and beside it a folder for each part of the
pipeline. The server's process uses this module too, so it needs neither torch nor diffusers.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from wanserve.domain.errors import SetupError
from wanserve.models import architecture
from wanserve.models.architecture import Config, Shapes
from wanserve.models.sampling import SHAPE_1_3B, SHAPE_14B, StoredSizes, TransformerShape
from wanserve.models.stored import GGUF_BLOCKS, PLAIN, Stored, understand
from wanserve.models.tensor_files import Tensor, is_file, is_json_object, read_json, read_whole_header

CONFIG: Final = "config.json"
INDEX: Final = "model_index.json"

LATENT_CHANNELS: Final = 16
"""Channels of Wan 2.1's VAE, which Wan 2.2 A14B uses too. TI2V-5B has 48, and image-to-video models take 36."""

SAID: Final = 3
"""How many differences of a part's tensors an error names."""


@dataclass(frozen=True, slots=True)
class PartSpec:
    """What a part of the pipeline must be: its class, its tensors, and the names of its weight files.

    The names of its layers' tensors begin with `blocks`. The setting named `channels` must be `LATENT_CHANNELS`.
    `quantised`: it may be stored in fp8 or as GGUF has it.
    """

    class_name: str
    tensors: Callable[[Config], Shapes]
    stem: str = "diffusion_pytorch_model"
    blocks: str | None = None
    channels: str | None = None
    quantised: bool = True


_TRANSFORMER: Final = PartSpec(
    "WanTransformer3DModel", architecture.transformer_tensors, blocks="blocks", channels="in_channels"
)
PART_SPECS: Final[Mapping[str, PartSpec]] = {
    "transformer": _TRANSFORMER,
    "transformer_2": _TRANSFORMER,
    "text_encoder": PartSpec(
        "UMT5EncoderModel", architecture.text_encoder_tensors, stem="model", blocks="encoder.block"
    ),
    "vae": PartSpec("AutoencoderKLWan", architecture.vae_tensors, channels="z_dim", quantised=False),
}
"""The parts that have weights, by their folders' names."""

EXPERTS: Final = ("transformer", "transformer_2")
"""The parts of a model of two experts that its timesteps are shared among: the first one is for high noise."""


@dataclass(frozen=True, slots=True)
class PartWeights:
    """The weights of one part: bytes on disk, number of parameters, and the format of most of them.

    `kept_bytes` and `kept_parameters` are those of the layers that stay as they are stored, in fp8 or as GGUF has them,
    also in memory; 0 where all are loaded as plain numbers. `gguf`: some of its tensors are stored as GGUF has them.
    """

    bytes: int
    parameters: int
    dtype: str
    kept_bytes: int = 0
    kept_parameters: int = 0
    gguf: bool = False


@dataclass(frozen=True, slots=True)
class PartFiles:
    """The files of one part, its tensors in all of them, and how they are stored."""

    files: Mapping[Path, Mapping[str, Tensor]]
    stored: Stored

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors of all files."""
        return {name: tensor for tensors in self.files.values() for name, tensor in tensors.items()}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights that were found complete. `shape` comes from their own configuration and includes `experts`."""

    folder: Path
    shape: TransformerShape
    transformer: PartWeights
    transformer_2: PartWeights | None
    text_encoder: PartWeights
    vae: PartWeights

    @property
    def is_real(self) -> bool:
        """Whether the authors trained a model of this shape; tests and distilled models have others."""
        return replace(self.shape, experts=1) in (SHAPE_1_3B, SHAPE_14B)

    @property
    def stored(self) -> StoredSizes:
        """How much of it stays in memory as it is stored."""
        largest = max((self.transformer, self.transformer_2 or self.transformer), key=lambda part: part.kept_bytes)
        return StoredSizes(
            largest.kept_bytes, largest.kept_parameters, self.text_encoder.kept_bytes, self.text_encoder.kept_parameters
        )

    @property
    def gguf(self) -> bool:
        """Whether the library gguf is needed to load them."""
        parts = (self.transformer, self.transformer_2, self.text_encoder)
        return any(part is not None and part.gguf for part in parts)


def check_weights(folder: Path, experts: int) -> Checkpoint:
    """Check that a model with `experts` transformers can be loaded from the folder.

    Raises SetupError, with one line that names the file, where the folder is not a WanPipeline, or where a file or a
    tensor is missing, truncated, foreign or stored in a way that is not read. Only the headers of the weights are read,
    so this takes milliseconds for 100 GB.
    """
    check_layout(folder, experts)
    return Checkpoint(
        folder=folder,
        shape=_transformer_shape(folder, experts),
        transformer=check_part(folder / "transformer", PART_SPECS["transformer"]),
        transformer_2=check_part(folder / "transformer_2", PART_SPECS["transformer_2"]) if experts > 1 else None,
        text_encoder=check_part(folder / "text_encoder", PART_SPECS["text_encoder"]),
        vae=check_part(folder / "vae", PART_SPECS["vae"]),
    )


def check_layout(folder: Path, experts: int) -> None:
    """Check everything except the weight files. Raises SetupError."""
    index = _read_index(folder)
    present = {name for name, entry in index.items() if isinstance(entry, list) and entry != [None, None]}
    parts = PART_SPECS.keys() if experts > 1 else PART_SPECS.keys() - {"transformer_2"}
    _check_parts(folder / INDEX, present, parts | {"tokenizer", "scheduler"})
    for name in sorted(parts):
        _check_config(folder / name / CONFIG, PART_SPECS[name])
    read_json(folder / "scheduler" / "scheduler_config.json")
    _check_tokenizer(folder / "tokenizer")


def _check_tokenizer(folder: Path) -> None:
    """Raise SetupError where the tokenizer is missing or cut short. Its 16 MB of JSON are not parsed at each start."""
    whole, model = folder / "tokenizer.json", folder / "spiece.model"
    if is_file(whole):
        if not is_json_object(whole):
            raise SetupError(f"{whole} is damaged or cut short")
    elif not is_file(model):
        raise SetupError(f"{folder} has neither tokenizer.json nor spiece.model")
    elif model.stat().st_size == 0:
        raise SetupError(f"{model} is empty")


def _check_parts(index: Path, present: set[str], expected: set[str]) -> None:
    """Raise SetupError where the index does not name the parts that the model needs."""
    if "transformer_2" in present - expected:
        raise SetupError(f"{index} has two transformers, as Wan 2.2 A14B, and this model takes one")
    if "transformer_2" in expected - present:
        raise SetupError(f"{index} has no transformer_2: this model takes the two of Wan 2.2 A14B")
    if missing := sorted(expected - present):
        raise SetupError(f"{index} does not name {missing[0]}: these are not the weights of a whole pipeline")


def check_part(part: Path, spec: PartSpec) -> PartWeights:
    """Read the headers of the part's weight files. Raises SetupError where a file or a tensor is wrong."""
    read = read_part(part, spec)
    tensors, stored = read.tensors, read.stored
    formats: Counter[str] = Counter()
    for name, shape in stored.shapes.items():
        formats[stored.weights[name].format if name in stored.weights else tensors[name].dtype] += math.prod(shape)
    kept = [name for name in stored.weights if stays_stored(name, stored.shapes[name], spec)]
    return PartWeights(
        bytes=sum(file.stat().st_size for file in read.files),
        parameters=sum(math.prod(shape) for shape in stored.shapes.values()),
        dtype=formats.most_common(1)[0][0],
        kept_bytes=sum(tensors[name].bytes for name in kept),
        kept_parameters=sum(math.prod(stored.shapes[name]) for name in kept),
        gguf=any(weight.format in GGUF_BLOCKS for weight in stored.weights.values()),
    )


def read_part(part: Path, spec: PartSpec) -> PartFiles:
    """Read the headers of the part's weight files, and check its tensors by its configuration. Raises SetupError."""
    files: dict[Path, Mapping[str, Tensor]] = {}
    metadata: dict[str, str] = {}
    for file, expected in weight_files(part, spec).items():
        header = read_whole_header(file)
        if missing := sorted(expected - header.tensors.keys()):
            raise SetupError(f"{file} lacks {missing[0]}, which the index beside it lists")
        files[file] = header.tensors
        metadata |= header.metadata
    config = read_json(part / CONFIG)
    try:
        read = PartFiles(files, understand(config, _all(files), metadata))
        _check_tensors(spec.tensors(config), read.stored, quantised=spec.quantised)
    except SetupError as error:
        raise SetupError(f"{part} {error}") from None
    return read


def _all(files: Mapping[Path, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {name: tensor for tensors in files.values() for name, tensor in tensors.items()}


def _check_tensors(expected: Shapes, stored: Stored, *, quantised: bool) -> None:
    """Raise SetupError where tensors are missing, foreign or of another shape.

    A loader would only warn, and fill what is missing with random numbers.
    """
    if not stored.shapes:
        raise SetupError("has no tensor")
    found = dict(stored.shapes)
    if architecture.TIED_EMBEDDING in found and architecture.EMBEDDING in expected:
        # Two names of one tensor.
        tied = found.pop(architecture.TIED_EMBEDDING)
        found.setdefault(architecture.EMBEDDING, tied)
    wrong = list(architecture.differences(expected, found))
    if wrong:
        more = f", and differs in {len(wrong) - SAID} more" if len(wrong) > SAID else ""
        raise SetupError(f"{', '.join(wrong[:SAID])}{more}")
    if stored.weights and not quantised:
        name, weight = next(iter(stored.weights.items()))
        raise SetupError(f"has {name} in the format {weight.format}: it must be in {', '.join(sorted(PLAIN))}")


def stays_stored(name: str, shape: tuple[int, ...], spec: PartSpec) -> bool:
    """Whether a tensor that is stored in fp8 or as GGUF has it stays so in memory: the matrices of the layers do."""
    in_layers = spec.blocks is not None and name.startswith(f"{spec.blocks}.")
    # The relative positions are an embedding and not a matrix that is multiplied with.
    return in_layers and len(shape) == 2 and name.endswith(".weight") and "relative_attention_bias" not in name


def weight_files(part: Path, spec: PartSpec) -> dict[Path, set[str]]:
    """The weight files that the part should have, each with its tensors by the index. Raises SetupError."""
    index = part / f"{spec.stem}.safetensors.index.json"
    if not is_file(index):
        return {part / f"{spec.stem}.safetensors": set()}
    shards = read_json(index).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        raise SetupError(f"{index} has no weight_map")
    files: dict[Path, set[str]] = {}
    for tensor, shard in shards.items():
        files.setdefault(part / Path(str(shard)).name, set()).add(tensor)
    return files


def _check_config(file: Path, spec: PartSpec) -> None:
    config = read_json(file)
    found = config.get("_class_name") or config.get("architectures")
    if found not in (spec.class_name, [spec.class_name]):
        raise SetupError(f"{file} describes {found}, not {spec.class_name}")
    if spec.channels is not None and (channels := config.get(spec.channels)) != LATENT_CHANNELS:
        raise SetupError(
            f"{file} has {spec.channels} {channels}, not {LATENT_CHANNELS}: "
            "these are not the text-to-video weights of Wan 2.1 or of Wan 2.2 A14B"
        )
    try:
        spec.tensors(config)
    except SetupError as error:
        raise SetupError(f"{file} {error}") from None


def _transformer_shape(folder: Path, experts: int) -> TransformerShape:
    shapes = []
    for name in EXPERTS[:experts]:
        config = {**architecture.TRANSFORMER_DEFAULTS, **read_json(folder / name / CONFIG)}
        heads = architecture.count(config, "num_attention_heads")
        shapes.append(
            TransformerShape(
                layers=architecture.count(config, "num_layers"),
                dim=heads * architecture.count(config, "attention_head_dim"),
                heads=heads,
                ffn=architecture.count(config, "ffn_dim"),
                experts=experts,
            )
        )
    if shapes[0] != shapes[-1]:
        raise SetupError(
            f"{folder / 'transformer_2' / CONFIG} describes another shape than that of the first transformer"
        )
    return shapes[0]


def _read_index(folder: Path) -> dict[str, object]:
    """Read the model index. Raises SetupError where it is not that of the text-to-video pipeline."""
    file = folder / INDEX
    if not folder.is_dir():
        raise SetupError(f"{folder} is not a folder; weights are a folder in the diffusers layout")
    index = read_json(file)
    if index.get("_class_name") != "WanPipeline":
        raise SetupError(f"{file} describes {index.get('_class_name')}, not WanPipeline, the text-to-video pipeline")
    if index.get("expand_timesteps"):
        raise SetupError(f"{file} describes TI2V-5B (expand_timesteps), which wanserve does not serve")
    if index.get("image_encoder") not in (None, [None, None]):
        raise SetupError(f"{file} has an image_encoder: these are image-to-video weights, not text-to-video")
    return index
