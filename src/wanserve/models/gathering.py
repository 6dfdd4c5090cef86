"""Gathers, from files and folders as people have them, the parts of one pipeline. Reads headers only."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from wanserve.domain.errors import SetupError
from wanserve.models.architecture import count
from wanserve.models.locations import SINGLE_FILES
from wanserve.models.recognise import TOKENIZER_TENSOR, FoundPart, recognise
from wanserve.models.sampling import SHAPE_1_3B, SHAPE_14B
from wanserve.models.sources import Source, SourceTensor, open_source
from wanserve.models.tensor_files import is_file, read_json
from wanserve.models.weights import CONFIG, EXPERTS, INDEX, PART_SPECS

EXPERT_FOLDERS: Final = ("high_noise_model", "low_noise_model")
"""Where the authors keep the two experts of Wan 2.2 A14B."""

TOKENIZER_FILES: Final = ("tokenizer.json", "spiece.model")
TOKENIZER_FOLDERS: Final = (".", "tokenizer", "google/umt5-xxl")
"""Where a tokenizer may be below a given folder: itself, diffusers' layout, and the authors'."""

_SHARD: Final = re.compile(r"(?P<stem>.+)-\d{5}-of-(?P<count>\d{5})(?P<ending>\.\w+)")


@dataclass(frozen=True, slots=True)
class Whole:
    """One file, or the several files that one was cut into, with all of their tensors."""

    files: tuple[Path, ...]
    tensors: Mapping[str, SourceTensor]
    metadata: Mapping[str, str]

    @property
    def label(self) -> str:
        """Its name with that of its folder, by which the experts are told apart."""
        return f"{self.files[0].parent.name}/{self.files[0].name}"


@dataclass(frozen=True, slots=True)
class GivenPart:
    """A part that was found, and where."""

    found: FoundPart
    whole: Whole


@dataclass(slots=True)
class Given:
    """What was given: parts by the names of their folders, and the tokenizer, as a folder or as bytes of spiece.model."""

    parts: dict[str, GivenPart] = field(default_factory=dict)
    tokenizer: Path | SourceTensor | None = None


def gather(paths: Sequence[Path], experts: int) -> Given:
    """Find the parts in the files and folders. Raises SetupError, naming the file, for one that has no place."""
    given = Given()
    found = [
        GivenPart(part, whole)
        for whole in _wholes([file for path in paths for file in _files(path)])
        for part in _recognised(whole)
    ]
    for each in found:
        if each.found.part != "transformer":
            _add_shared(given, each)
        if TOKENIZER_TENSOR in each.whole.tensors:
            given.tokenizer = each.whole.tensors[TOKENIZER_TENSOR]
    _add_transformers(given, [each for each in found if each.found.part == "transformer"], experts)
    folders = (path / name for path in paths for name in TOKENIZER_FOLDERS)
    given.tokenizer = next(
        (folder for folder in folders if any(is_file(folder / file) for file in TOKENIZER_FILES)), given.tokenizer
    )
    return given


def _add_shared(given: Given, part: GivenPart) -> None:
    name = part.found.part
    if name in given.parts:
        files = f"{given.parts[name].whole.files[0]} and {part.whole.files[0]}"
        raise SetupError(f"{files} both hold a {name.replace('_', ' ')}: give one of them")
    given.parts[name] = part


def _files(path: Path) -> Iterator[Path]:
    """The weight files that the path means: itself, or those of a folder in one of the known layouts."""
    if is_file(path):
        yield path
        return
    if not path.is_dir():
        raise SetupError(f"there is no {path}")
    if is_file(path / INDEX):
        for part, spec in PART_SPECS.items():
            yield from _of_part(path / part, spec.stem)
        return
    found = list(_weight_files(path))
    for name in EXPERT_FOLDERS:
        found += _weight_files(path / name)
    # A folder of a tokenizer alone holds no weights.
    if not found and not any(is_file(path / name) for name in TOKENIZER_FILES):
        raise SetupError(f"{path} holds no weights: name the files of the transformer, the text encoder and the VAE")
    yield from found


def _of_part(folder: Path, stem: str) -> list[Path]:
    """The files of one part in the diffusers layout: those that it loads, or else those that only the import reads."""
    usual = sorted(folder.glob(f"{stem}.safetensors")) or sorted(folder.glob(f"{stem}-*-of-*.safetensors"))
    return usual or sorted(_weight_files(folder))


def _weight_files(folder: Path) -> Iterator[Path]:
    return (file for file in sorted(folder.glob("*")) if file.name.endswith(SINGLE_FILES) and is_file(file))


def _wholes(files: Sequence[Path]) -> list[Whole]:
    """The files, with those put together that one was cut into. Raises SetupError where one of them is missing."""
    groups: dict[tuple[Path, str], list[Path]] = {}
    for file in dict.fromkeys(files):
        cut = _SHARD.fullmatch(file.name)
        name = f"{cut['stem']}{cut['ending']}" if cut else file.name
        groups.setdefault((file.parent, name), []).append(file)
    return [_whole(group) for group in groups.values()]


def _whole(files: Sequence[Path]) -> Whole:
    cut = _SHARD.fullmatch(files[0].name)
    if cut and len(files) != int(cut["count"]):
        raise SetupError(
            f"{files[0]} is one of {int(cut['count'])} files, and {len(files)} were found: give all of them"
        )
    sources: list[Source] = [open_source(file) for file in files]
    tensors = {name: tensor for source in sources for name, tensor in source.tensors.items()}
    metadata = {name: text for source in sources for name, text in source.metadata.items()}
    if not tensors:
        raise SetupError(f"{files[0]} holds no tensors")
    return Whole(tuple(files), tensors, metadata)


def _recognised(whole: Whole) -> list[FoundPart]:
    config = whole.files[0].with_name(CONFIG)
    shapes = {name: tensor.shape for name, tensor in whole.tensors.items()}
    try:
        return recognise(shapes, read_json(config) if is_file(config) else {})
    except SetupError as error:
        raise SetupError(f"{whole.files[0]} {error}") from None


def _add_transformers(given: Given, transformers: Sequence[GivenPart], experts: int) -> None:
    """Give the transformers their places. Raises SetupError where there are more than the model has."""
    files = ", ".join(str(each.whole.files[0]) for each in transformers)
    if len(transformers) > experts:
        raise SetupError(f"there are {len(transformers)} transformers, and the model has {experts}: {files}")
    if experts == 1 or len(transformers) < experts:
        given.parts |= dict(zip(EXPERTS, transformers, strict=False))
        return
    by_noise = {word: [each for each in transformers if word in each.whole.label.lower()] for word in ("high", "low")}
    if [len(found) for found in by_noise.values()] != [1, 1] or by_noise["high"] == by_noise["low"]:
        raise SetupError(
            f"which of these is the expert for high noise? Its name must have high in it, the other's low: {files}"
        )
    given.parts |= {"transformer": by_noise["high"][0], "transformer_2": by_noise["low"][0]}


REAL_SHAPES: Final = {(each.layers, each.dim, each.ffn): each for each in (SHAPE_1_3B, SHAPE_14B)}
NAMES: Final = {SHAPE_1_3B: "1.3B", SHAPE_14B: "14B"}


def require_shape(given: Given, layers: int, dim: int, ffn: int, model: str) -> None:
    """Raise SetupError where a transformer is that of another model than the one with this shape.

    A shape that none of the authors' models has is taken: distilled and pruned models have others.
    """
    for part in EXPERTS:
        if part not in given.parts:
            continue
        config, file = given.parts[part].found.config, given.parts[part].whole.files[0]
        width = count(config, "num_attention_heads") * count(config, "attention_head_dim")
        real = REAL_SHAPES.get((count(config, "num_layers"), width, count(config, "ffn_dim")))
        if real is not None and (real.layers, real.dim, real.ffn) != (layers, dim, ffn):
            wanted = REAL_SHAPES[layers, dim, ffn]
            raise SetupError(
                f"{file} is a transformer of the {NAMES[real]}, and {model} has that of the {NAMES[wanted]}"
            )
