"""Makes a checked folder in the diffusers layout of weights as people have them, in a process of its own.

    python -m wanserve.models.importing MODEL FOLDER [--from DONOR]... FILE...

Everything goes into `FOLDER.partial` first; a later run with the same files keeps what is finished there. FOLDER
appears only when it is complete.
"""

import argparse
import hashlib
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from wanserve.domain.errors import SetupError
from wanserve.machine.fsync import sync
from wanserve.models.gathering import TOKENIZER_FILES, Given, GivenPart, gather, require_shape
from wanserve.models.locations import IMPORTED
from wanserve.models.sampling import WAN_MODELS, WanModelCard
from wanserve.models.sources import SourceTensor
from wanserve.models.stored import GGUF_BLOCKS, our_quantization
from wanserve.models.tensor_files import header_bytes, is_file, read_json, write_json
from wanserve.models.weights import CONFIG, EXPERTS, INDEX, PART_SPECS, Checkpoint, check_part, check_weights

try:
    from wanserve.models.download import RESERVED_BYTES, locked
    from wanserve.models.progress_bar import ProgressBar
except ImportError as error:
    raise SystemExit(f"{error.name} is not installed: pip install 'wanserve[wan]'") from None

SHARD_BYTES: Final = 5 * 10**9
"""Bytes of each file that is written. An import that was stopped begins again with the file that it was at."""

LIBRARIES: Final = {
    "scheduler": ["diffusers", "UniPCMultistepScheduler"],
    "text_encoder": ["transformers", "UMT5EncoderModel"],
    "tokenizer": ["transformers", "T5TokenizerFast"],
    "transformer": ["diffusers", "WanTransformer3DModel"],
    "vae": ["diffusers", "AutoencoderKLWan"],
}
SHARED: Final = ("text_encoder", "vae", "tokenizer")
"""The parts that all models have alike, so that another model's may be used."""

WHAT_TO_GIVE: Final = {
    "text_encoder": "its file (such as umt5_xxl_fp8_e4m3fn_scaled.safetensors)",
    "vae": "its file (such as wan_2.1_vae.safetensors)",
    "tokenizer": "a folder with its tokenizer.json or spiece.model",
}


@dataclass(frozen=True, slots=True)
class Shard:
    """A file that is to be written, with its tensors by the libraries' names."""

    file: str
    tensors: Mapping[str, SourceTensor]

    @property
    def size(self) -> int:
        """Its bytes without the header."""
        return sum(tensor.size for tensor in self.tensors.values())


def import_weights(paths: Sequence[Path], folder: Path, card: WanModelCard, donors: Sequence[Path]) -> Checkpoint:
    """Write the weights in `paths` into `folder`. Parts that are missing and that all models share come from `donors`.

    Raises SetupError, with one line that names the file, where the weights are not those of the model, a part is missing
    or the disk has no room; and OSError.
    """
    sampling = card.sampling
    if folder.exists():
        raise SetupError(
            f"{folder} holds weights already: remove it first, or set the weights of {card.name} to another folder"
        )
    given = gather(paths, sampling.experts)
    require_shape(given, sampling.shape.layers, sampling.shape.dim, sampling.shape.ffn, card.name)
    lent = _lent(given, donors, sampling.experts)
    partial = folder.with_name(f"{folder.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    with locked(partial):
        _begin(partial, given)
        shards = {part: _shards(each, PART_SPECS[part].stem) for part, each in given.parts.items()}
        missing = [
            (part, shard) for part in shards for shard in shards[part] if not is_file(partial / part / shard.file)
        ]
        _require_room(partial, sum(shard.size for _, shard in missing) + _to_copy(lent))
        _write_all(partial, missing, sum(shard.size for each in shards.values() for shard in each))
        for part, given_part in given.parts.items():
            _describe_part(partial / part, given_part, shards[part])
        for part, donor in lent.items():
            _link(donor / part, partial / part)
        _write_tokenizer(partial / "tokenizer", given)
        _write_rest(partial, card)
        checkpoint = check_weights(partial, sampling.experts)
        sync(partial)
        partial.rename(folder)
    return replace(checkpoint, folder=folder)


def _lent(given: Given, donors: Sequence[Path], experts: int) -> dict[str, Path]:
    """For each part that was not given, the folder of a model that has it. Raises SetupError where none has."""
    if missing := [part for part in EXPERTS[:experts] if part not in given.parts]:
        raise SetupError(
            f"no {' and no '.join(missing)} was given: name the file of {'each' if experts > 1 else 'the'} transformer"
        )
    lent = {}
    for part in SHARED:
        if part in given.parts or (part == "tokenizer" and given.tokenizer is not None):
            continue
        donor = next((each for each in donors if _has(each, part)), None)
        if donor is None:
            name = part.replace("_", " ")
            raise SetupError(f"no {name} was given, and no model here has one: add {WHAT_TO_GIVE[part]}")
        lent[part] = donor
    return lent


def _has(folder: Path, part: str) -> bool:
    if part == "tokenizer":
        return any(is_file(folder / part / name) for name in TOKENIZER_FILES)
    try:
        check_part(folder / part, PART_SPECS[part])
    except SetupError:
        return False
    return True


def _begin(partial: Path, given: Given) -> None:
    """Keep what an earlier run with the same files has written, and remove what another one has."""
    files = [file for each in given.parts.values() for file in each.whole.files]
    sources = [
        {"file": str(file.absolute()), "bytes": file.stat().st_size, "modified_ns": file.stat().st_mtime_ns}
        for file in dict.fromkeys(files)
    ]
    record = partial / IMPORTED
    if is_file(record) and read_json(record).get("sources") == sources:
        return
    for path in partial.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    write_json(record, {"sources": sources, "written": {}})


def _shards(given: GivenPart, stem: str) -> list[Shard]:
    """The files that the part's tensors go into, of about SHARD_BYTES bytes each."""
    tensors = sorted((ours, given.whole.tensors[theirs]) for theirs, ours in given.found.names.items())
    groups: list[dict[str, SourceTensor]] = [{}]
    room = SHARD_BYTES
    for name, tensor in tensors:
        room -= tensor.size
        if room < 0 and groups[-1]:
            groups.append({})
            room = SHARD_BYTES - tensor.size
        groups[-1][name] = tensor
    if len(groups) == 1:
        return [Shard(f"{stem}.safetensors", groups[0])]
    return [Shard(f"{stem}-{number:05}-of-{len(groups):05}.safetensors", each) for number, each in enumerate(groups, 1)]


def _to_copy(lent: Mapping[str, Path]) -> int:
    # Linked where that is possible, which takes no room; where it is not, they are copied.
    return sum(
        file.stat().st_size for part, donor in lent.items() for file in (donor / part).iterdir() if is_file(file)
    )


def _require_room(partial: Path, size: int) -> None:
    free, needed = shutil.disk_usage(partial).free, size + RESERVED_BYTES
    if free < needed:
        raise SetupError(
            f"the disk of {partial} has {free / 1e9:.1f} GB free, and the import takes {needed / 1e9:.1f} GB: "
            "make room, or choose another data directory"
        )


def _write_all(partial: Path, missing: Sequence[tuple[str, Shard]], total: int) -> None:
    """Write the files that are missing, each under its name only when it is complete, with its digest in the record."""
    progress = ProgressBar("importing", total, total - sum(shard.size for _, shard in missing))
    try:
        for part, shard in missing:
            (partial / part).mkdir(exist_ok=True)
            digest = _write(partial / part / f"{shard.file}.part", shard, progress)
            record = read_json(partial / IMPORTED)
            written = record["written"]
            assert isinstance(written, dict)
            written[f"{part}/{shard.file}"] = digest
            write_json(partial / f"{IMPORTED}.new", record)
            (partial / f"{IMPORTED}.new").rename(partial / IMPORTED)
            (partial / part / f"{shard.file}.part").rename(partial / part / shard.file)
    finally:
        progress.stop()


def _write(file: Path, shard: Shard, progress: ProgressBar) -> str:
    """Write one file, durably, and return its SHA-256."""
    listed = {name: (tensor.dtype, tensor.rows, tensor.size) for name, tensor in shard.tensors.items()}
    begin = header_bytes(listed, {"format": "pt"})
    digest = hashlib.sha256(begin)
    with file.open("wb") as written:
        written.write(begin)
        for tensor in shard.tensors.values():
            for chunk in tensor.chunks():
                digest.update(chunk)
                progress.update(written.write(chunk))
        written.flush()
        os.fsync(written.fileno())
    return digest.hexdigest()


def _describe_part(folder: Path, given: GivenPart, shards: Sequence[Shard]) -> None:
    """Write the part's configuration and, where it has several files, their index."""
    tensors = {name: tensor for shard in shards for name, tensor in shard.tensors.items()}
    gguf = {name: tensor.format for name, tensor in tensors.items() if tensor.format in GGUF_BLOCKS}
    write_json(folder / CONFIG, {**given.found.config, **our_quantization(gguf)})
    if len(shards) > 1:
        stem = shards[0].file.split("-00001-of-")[0]
        weight_map = {name: shard.file for shard in shards for name in shard.tensors}
        total = sum(shard.size for shard in shards)
        write_json(
            folder / f"{stem}.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": weight_map}
        )


def _link(source: Path, target: Path) -> None:
    """Let the target have the source's files: as links to the same bytes, or as copies on another file system."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for file in source.iterdir():
        real = file.resolve()
        if not is_file(real):
            continue
        try:
            os.link(real, target / file.name)
        except OSError:
            shutil.copy(real, target / file.name)


def _write_tokenizer(folder: Path, given: Given) -> None:
    if given.tokenizer is None:
        return
    if isinstance(given.tokenizer, Path):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for file in given.tokenizer.iterdir():
            if is_file(file) and (file.suffix == ".json" or file.name in TOKENIZER_FILES) and file.name != CONFIG:
                shutil.copy(file, folder / file.name)
        return
    folder.mkdir(exist_ok=True)
    (folder / "spiece.model").write_bytes(given.tokenizer.content())
    # Written as tokenizer.json once, so that loading it later needs no other library.
    try:
        from transformers import T5TokenizerFast  # noqa: PLC0415 - the import takes seconds

        T5TokenizerFast.from_pretrained(folder, legacy=False).save_pretrained(folder)
    except (ImportError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise SetupError(f"the tokenizer in the text encoder's file cannot be read: {reason}") from None


def _write_rest(partial: Path, card: WanModelCard) -> None:
    """Write what says how the parts belong together. What the settings say takes precedence over it when it is loaded."""
    sampling = card.sampling
    two = LIBRARIES["transformer"] if sampling.experts > 1 else [None, None]
    write_json(
        partial / INDEX,
        {
            "_class_name": "WanPipeline",
            **LIBRARIES,
            "transformer_2": two,
            "boundary_ratio": sampling.boundary_ratio,
            "expand_timesteps": False,
        },
    )
    (partial / "scheduler").mkdir(exist_ok=True)
    write_json(
        partial / "scheduler" / "scheduler_config.json",
        {
            "_class_name": "UniPCMultistepScheduler",
            "num_train_timesteps": 1000,
            "solver_order": 2,
            "solver_type": "bh2",
            "prediction_type": "flow_prediction",
            "use_flow_sigmas": True,
            "flow_shift": sampling.flow_shift,
        },
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Import what the command line names. Returns the exit status: 0, or 1 after one line on stderr."""
    parser = argparse.ArgumentParser("python -m wanserve.models.importing")
    parser.add_argument("model", choices=list(WAN_MODELS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--from", dest="donors", type=Path, action="append", default=[])
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    again = "run this again to continue"
    try:
        made = import_weights(options.files, options.folder.absolute(), WAN_MODELS[options.model], options.donors)
    except KeyboardInterrupt:
        line = f"the import was stopped: {again}"
    except SetupError as error:
        line = str(error)
    except OSError as error:
        line = f"the import failed: {error.strerror or error}; what was written is kept: {again}"
    else:
        sys.stdout.write(f"{options.model}: {_told(made)}, in {made.folder}\n")
        return 0
    sys.stderr.write(f"{line}\n")
    return 1


def _told(made: Checkpoint) -> str:
    """What the weights are, for the user: in which formats, and where the shape is none of the authors'."""
    formats = {
        "transformer": made.transformer.dtype,
        "second transformer": made.transformer_2 and made.transformer_2.dtype,
        "text encoder": made.text_encoder.dtype,
        "VAE": made.vae.dtype,
    }
    parts = [f"{name} in {format_}" for name, format_ in formats.items() if format_]
    return ", ".join([*parts, *([] if made.is_real else ["of a shape that none of the authors' models has"])])


if __name__ == "__main__":
    sys.exit(main())
