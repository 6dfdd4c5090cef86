"""Finds a model's weights on this machine and checks that they are complete. It reads headers only.

A checkpoint is a folder in the diffusers layout: `model_index.json`, and beside it a folder for each part of the
pipeline. The server's process uses this module too, so it needs neither torch nor diffusers.
"""

import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypedDict

from wanserve.domain.errors import SetupError
from wanserve.models.sampling import SHAPE_1_3B, SHAPE_14B, TransformerShape

PULLED: Final = "pulled.json"
"""The file that `wanserve models pull` leaves in a folder: the `hub_id` and the `revision` that it fetched."""

FETCH_AGAIN: Final = "remove the weights and fetch them again"
CONFIG: Final = "config.json"
INDEX: Final = "model_index.json"

_HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_LONGEST_HEADER: Final = 100_000_000
"""Bytes. Source: safetensors refuses a longer one."""

_LFS_POINTER: Final = b"version https://git-lfs"
LATENT_CHANNELS: Final = 16
"""Channels of Wan 2.1's VAE, which Wan 2.2 A14B uses too. TI2V-5B has 48, and image-to-video models take 36."""


@dataclass(frozen=True, slots=True)
class PartSpec:
    """What a part of the pipeline must be: its class, and the names of its weight files.

    The names of its layers' tensors begin with `blocks`. At least one tensor of `one_of` must be there. The setting
    named `channels` must be `LATENT_CHANNELS`.
    """

    class_name: str
    stem: str = "diffusion_pytorch_model"
    blocks: str | None = None
    one_of: frozenset[str] = frozenset()
    channels: str | None = None


_TRANSFORMER: Final = PartSpec("WanTransformer3DModel", blocks="blocks", channels="in_channels")
PART_SPECS: Final[Mapping[str, PartSpec]] = {
    "transformer": _TRANSFORMER,
    "transformer_2": _TRANSFORMER,
    "text_encoder": PartSpec(
        "UMT5EncoderModel",
        stem="model",
        blocks="encoder.block",
        one_of=frozenset({"shared.weight", "encoder.embed_tokens.weight"}),
    ),
    "vae": PartSpec("AutoencoderKLWan", channels="z_dim"),
}
"""The parts that have weights, by their folders' names."""


class _HeaderEntry(TypedDict):
    """What the header of a safetensors file says of one tensor. The offsets count from the end of the header."""

    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor in its file's header: safetensors' name of the format ("F32", "BF16"), the shape, and the byte range."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class PartWeights:
    """The weights of one part: bytes on disk, number of parameters, and the format of most bytes."""

    bytes: int
    parameters: int
    dtype: str


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


def find_weights(weights: str, experts: int, models_dir: Path, model: str, environ: Mapping[str, str]) -> Path | None:
    """The folder that a model's setting `weights` means, or None where it is not on this machine.

    A local folder is returned unchecked. A hub id is searched in `models_dir`, where `models pull` puts it under the
    model's name, and then in the Hugging Face cache, where only a complete snapshot counts: a download may have
    stopped half-way. Raises SetupError where the record of what was pulled is unreadable.
    """
    if (folder := _folder(weights)) is not None:
        return folder
    if not _HUB_ID.fullmatch(weights):
        return None
    pulled = _folder(str(models_dir / model))
    if pulled is not None and source_of(pulled) in (None, weights):
        return pulled
    snapshot = _cached(weights, environ)
    if snapshot is None:
        return None
    try:
        return check_weights(snapshot, experts).folder
    except SetupError:
        return None


def source_of(folder: Path) -> str | None:
    """The hub id that was pulled into the folder; None where the folder was not pulled. Raises SetupError."""
    record = folder / PULLED
    return str(read_json(record).get("hub_id")) if _is_file(record) else None


def check_weights(folder: Path, experts: int) -> Checkpoint:
    """Check that a model with `experts` transformers can be loaded from the folder.

    Raises SetupError, with one line that names the file, where the folder is not a WanPipeline, or where a file or a
    tensor is missing or truncated. Only the headers of the weights are read, so this takes milliseconds for 100 GB.
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
    if not any(_is_file(folder / "tokenizer" / name) for name in ("tokenizer.json", "spiece.model")):
        raise SetupError(f"{folder / 'tokenizer'} has neither tokenizer.json nor spiece.model: {FETCH_AGAIN}")


def _check_parts(index: Path, present: set[str], expected: set[str]) -> None:
    """Raise SetupError where the index does not name the parts that the model needs."""
    if "transformer_2" in present - expected:
        raise SetupError(f"{index} has two transformers, as Wan 2.2 A14B, and this model takes one")
    if "transformer_2" in expected - present:
        raise SetupError(f"{index} has no transformer_2: this model takes the two of Wan 2.2 A14B")
    if missing := sorted(expected - present):
        raise SetupError(f"{index} does not name {missing[0]}: these are not the weights of a whole pipeline")


def check_part(part: Path, spec: PartSpec) -> PartWeights:
    """Read the headers of the part's weight files. Raises SetupError where one of them is missing or broken."""
    tensors: dict[str, Tensor] = {}
    size = 0
    for file, expected in weight_files(part, spec).items():
        header = read_header(file)
        if missing := sorted(expected - header.keys()):
            raise SetupError(f"{file} lacks {missing[0]}, which the index beside it lists: {FETCH_AGAIN}")
        tensors |= header
        size += file.stat().st_size
    _check_tensors(part, spec, tensors)
    sizes: Counter[str] = Counter()
    for tensor in tensors.values():
        sizes[tensor.dtype] += tensor.end - tensor.begin
    if not sizes:
        raise SetupError(f"{part} has no tensor: {FETCH_AGAIN}")
    return PartWeights(size, sum(math.prod(tensor.shape) for tensor in tensors.values()), sizes.most_common(1)[0][0])


def weight_files(part: Path, spec: PartSpec) -> dict[Path, set[str]]:
    """The weight files that the part should have, each with its tensors by the index. Raises SetupError."""
    index = part / f"{spec.stem}.safetensors.index.json"
    if not _is_file(index):
        return {part / f"{spec.stem}.safetensors": set()}
    shards = read_json(index).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        raise SetupError(f"{index} has no weight_map: {FETCH_AGAIN}")
    files: dict[Path, set[str]] = {}
    for tensor, shard in shards.items():
        files.setdefault(part / Path(str(shard)).name, set()).add(tensor)
    return files


def read_header(file: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises SetupError where it is damaged or its size does not fit its header."""
    try:
        with file.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            first_bytes = opened.read(len(_LFS_POINTER))
            opened.seek(0)
            length = int.from_bytes(opened.read(8), "little")
            text = opened.read(length) if length <= min(_LONGEST_HEADER, size - 8) else b""
    except OSError as error:
        raise SetupError(_unreadable(file, error)) from error
    if first_bytes == _LFS_POINTER:
        raise SetupError(f"{file} is a pointer of Git LFS, not the weights: run `git lfs pull` in its repository")
    try:
        tensors = _tensors(json.loads(text), 8 + length)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise SetupError(f"{file} is not a safetensors file, or its header is damaged: {FETCH_AGAIN}") from error
    expected = max((tensor.end for tensor in tensors.values()), default=8 + length)
    if size != expected:
        problem = "cut short" if size < expected else "longer than its header says"
        raise SetupError(f"{file} is {problem}: {size} bytes instead of {expected}; {FETCH_AGAIN}")
    return tensors


def read_json(file: Path) -> dict[str, object]:
    """Read the JSON object in the file. Raises SetupError."""
    try:
        content = json.loads(file.read_bytes())
    except OSError as error:
        raise SetupError(_unreadable(file, error)) from error
    except ValueError as error:
        raise SetupError(f"{file} is not valid JSON: {FETCH_AGAIN}") from error
    if not isinstance(content, dict):
        raise SetupError(f"{file} does not hold a JSON object: {FETCH_AGAIN}")
    return content


def write_json(file: Path, content: Mapping[str, object]) -> None:
    """Write the content, durably. Raises OSError."""
    with file.open("w", encoding="utf-8") as opened:
        json.dump(content, opened, indent=2)
        opened.flush()
        os.fsync(opened.fileno())


def _tensors(header: Mapping[str, _HeaderEntry], data_start: int) -> dict[str, Tensor]:
    """The tensors that the header lists. Their data begin at byte `data_start` of the file."""
    return {
        name: Tensor(
            str(entry["dtype"]),
            tuple(int(side) for side in entry["shape"]),
            data_start + int(entry["data_offsets"][0]),
            data_start + int(entry["data_offsets"][1]),
        )
        for name, entry in header.items()
        if name != "__metadata__"
    }


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


def _check_tensors(part: Path, spec: PartSpec, tensors: Iterable[str]) -> None:
    """Raise SetupError where tensors are missing: a loader would only warn, and fill them with random numbers."""
    names = set(tensors)
    if spec.one_of and not spec.one_of & names:
        raise SetupError(f"{part} lacks {' and '.join(sorted(spec.one_of))}, its embedding: {FETCH_AGAIN}")
    if spec.blocks is None:
        return
    layers = {name.removeprefix(f"{spec.blocks}.").split(".")[0] for name in names if name.startswith(spec.blocks)}
    for layer in range(_read_count(part / CONFIG, "num_layers")):
        if str(layer) not in layers:
            raise SetupError(f"{part} lacks the weights of {spec.blocks}.{layer}: {FETCH_AGAIN}")


def _transformer_shape(folder: Path, experts: int) -> TransformerShape:
    shapes = []
    for name in ("transformer", "transformer_2")[:experts]:
        config = folder / name / CONFIG
        heads = _read_count(config, "num_attention_heads")
        shapes.append(
            TransformerShape(
                layers=_read_count(config, "num_layers"),
                dim=heads * _read_count(config, "attention_head_dim"),
                heads=heads,
                ffn=_read_count(config, "ffn_dim"),
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
    if not _is_file(file) and (any(folder.glob("*.pth")) or any(folder.glob("diffusion_pytorch_model*"))):
        raise SetupError(
            f"{folder} has no {INDEX}: these are weights in the authors' own layout; "
            "take the repository of the same name that ends in -Diffusers"
        )
    index = read_json(file)
    if index.get("_class_name") != "WanPipeline":
        raise SetupError(f"{file} describes {index.get('_class_name')}, not WanPipeline, the text-to-video pipeline")
    if index.get("expand_timesteps"):
        raise SetupError(f"{file} describes TI2V-5B (expand_timesteps), which wanserve does not serve")
    if index.get("image_encoder") not in (None, [None, None]):
        raise SetupError(f"{file} has an image_encoder: these are image-to-video weights, not text-to-video")
    return index


def _read_count(config: Path, name: str) -> int:
    """Read a setting that counts something. Raises SetupError unless it is a positive whole number."""
    found = read_json(config).get(name)
    if not isinstance(found, int) or found < 1:
        raise SetupError(f"{config} has {name} {found!r}, which is not a positive whole number: {FETCH_AGAIN}")
    return found


def _unreadable(file: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{file} is missing: the weights are not complete; {FETCH_AGAIN}"
    return f"{file} cannot be read: {error.strerror}"


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - Path raises in a folder without read permission


def _folder(path: str) -> Path | None:
    """The folder at the path, or None where there is none."""
    # os.path returns False where Path raises: at ~nobody, at a name that is too long, and below an unreadable folder.
    expanded = os.path.expanduser(path)  # noqa: PTH111
    return Path(expanded).absolute() if os.path.isdir(expanded) else None  # noqa: PTH112


def _cached(hub_id: str, environ: Mapping[str, str]) -> Path | None:
    """The snapshot of the repository's main branch in the Hugging Face cache, complete or not."""
    repository = _hub_cache(environ) / f"models--{hub_id.replace('/', '--')}"
    try:
        revision = (repository / "refs" / "main").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return _folder(str(repository / "snapshots" / revision))


def _hub_cache(environ: Mapping[str, str]) -> Path:
    """Where huggingface_hub keeps repositories. Source: its constants.py."""
    if cache := environ.get("HF_HUB_CACHE") or environ.get("HUGGINGFACE_HUB_CACHE"):
        return _expanded(cache)
    if home := environ.get("HF_HOME"):
        return _expanded(home) / "hub"
    return _expanded(environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface" / "hub"


def _expanded(path: str) -> Path:
    return Path(os.path.expandvars(os.path.expanduser(path)))  # noqa: PTH111
