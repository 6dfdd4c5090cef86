"""Finds a model's weights on this machine, and says what helps where they cannot be used."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from wanserve.domain.errors import SetupError
from wanserve.models.tensor_files import is_file, read_json
from wanserve.models.weights import INDEX, PART_SPECS, check_weights

PULLED: Final = "pulled.json"
"""The file that `wanserve models pull` leaves in a folder: the `hub_id` and the `revision` that it fetched."""

IMPORTED: Final = "imported.json"
"""The file that `wanserve models import` leaves in a folder: which files it was made of, with their digests."""

SINGLE_FILES: Final = (".safetensors", ".gguf", ".pth", ".pt", ".bin", ".ckpt")
"""How the names of files end that `wanserve models import` reads."""

COMFY_FOLDERS: Final = ("diffusion_models", "unet", "text_encoders", "clip", "checkpoints")
"""Where ComfyUI keeps weights, below its folder `models`."""

_HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


def find_weights(weights: str, experts: int, models_dir: Path, model: str, environ: Mapping[str, str]) -> Path | None:
    """The folder that a model's setting `weights` means, or None where it is not on this machine.

    A local folder is returned unchecked. A hub id is searched in `models_dir`, where `models pull` and `models import`
    put weights under the model's name, and then in the caches of Hugging Face and of ModelScope, where only a complete
    snapshot counts: a download may have stopped half-way. Raises SetupError where the record of what was pulled is
    unreadable.
    """
    if (folder := _folder(weights)) is not None:
        return folder
    if not _HUB_ID.fullmatch(weights):
        return None
    pulled = _folder(str(models_dir / model))
    if pulled is not None and source_of(pulled) in (None, weights):
        return pulled
    return next((folder for folder in _cached(weights, environ) if _is_complete(folder, experts)), None)


def source_of(folder: Path) -> str | None:
    """The hub id that was pulled into the folder; None where the folder was not pulled. Raises SetupError."""
    record = folder / PULLED
    return str(read_json(record).get("hub_id")) if is_file(record) else None


def remedy(path: Path, model: str) -> str:
    """The one step that helps where the weights at the path cannot be used for the model, by what lies there."""
    made_of = f"run `wanserve models import {path} {model}`, which makes a folder that is used where no weights are set"
    if is_file(path):
        return made_of if path.name.endswith(SINGLE_FILES) else "set the weights to a folder in the diffusers layout"
    if any(is_file(path / name) for name in (INDEX, PULLED, IMPORTED)):
        return _remedy_for_pipeline(path, model, made_of)
    if below := _below(path):
        return below
    if any(map(is_file, _single_files(path))):
        return made_of
    return f"run `wanserve models pull {model}`, or set the weights to a folder in the diffusers layout"


def _remedy_for_pipeline(folder: Path, model: str, made_of: str) -> str:
    """What helps where the folder is in the diffusers layout, and a file of it is wrong."""
    if is_file(folder / PULLED):
        return f"run `wanserve models pull {model}`, which fetches only what is missing or damaged"
    if is_file(folder / IMPORTED):
        return f"remove {folder} and run `wanserve models import` again with the files that its {IMPORTED} lists"
    return made_of if _has_other_formats(folder) else "copy that file again from where these weights came from"


def _below(path: Path) -> str:
    """What helps where the weights are in a folder below the path; empty where none was found."""
    for models in (path, path / "models"):
        if any((models / name).is_dir() for name in COMFY_FOLDERS):
            return (
                "run `wanserve models import` with the files of the transformer, the text encoder and the VAE that are "
                f"in {models}"
            )
    if (snapshot := _main_snapshot(path)) is not None and is_file(snapshot / INDEX):
        return f"set the weights to {snapshot}"
    indexes = sorted(path.glob(f"*/{INDEX}")) or sorted(path.glob(f"snapshots/*/{INDEX}"))
    return f"set the weights to {indexes[-1].parent}" if indexes else ""


def _single_files(path: Path) -> Iterator[Path]:
    return (file for ending in SINGLE_FILES for file in path.glob(f"*{ending}"))


def _has_other_formats(folder: Path) -> bool:
    """Whether a part of the pipeline has weights in files that only the import reads: pickles, and variants."""
    for name, spec in PART_SPECS.items():
        usual = (f"{spec.stem}.safetensors", f"{spec.stem}.safetensors.index.json")
        if not any(is_file(folder / name / each) for each in usual) and any(map(is_file, _single_files(folder / name))):
            return True
    return False


def _is_complete(folder: Path, experts: int) -> bool:
    try:
        check_weights(folder, experts)
    except SetupError:
        return False
    return True


def _cached(hub_id: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """The snapshots of the repository's main branch in the caches, complete or not."""
    snapshot = _main_snapshot(_hub_cache(environ) / f"models--{hub_id.replace('/', '--')}")
    if snapshot is not None:
        yield snapshot
    owner, name = hub_id.split("/")
    # ModelScope replaces the dots. Older versions of it have no folder `models`, and none `hub`.
    for below in ("hub/models", "models", "hub", "."):
        folder = _folder(str(_modelscope_cache(environ) / below / owner / name.replace(".", "___")))
        if folder is not None:
            yield folder


def _main_snapshot(repository: Path) -> Path | None:
    """The snapshot of the main branch in a repository of the hub's cache; None where there is none."""
    try:
        revision = (repository / "refs" / "main").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return _folder(str(repository / "snapshots" / revision)) if revision else None


def _hub_cache(environ: Mapping[str, str]) -> Path:
    """Where huggingface_hub keeps repositories. Source: its constants.py."""
    if cache := environ.get("HF_HUB_CACHE") or environ.get("HUGGINGFACE_HUB_CACHE"):
        return _expanded(cache)
    if home := environ.get("HF_HOME"):
        return _expanded(home) / "hub"
    return _expanded(environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface" / "hub"


def _modelscope_cache(environ: Mapping[str, str]) -> Path:
    """Where ModelScope keeps repositories. Source: its utils/file_utils.py."""
    return _expanded(environ.get("MODELSCOPE_CACHE") or "~/.cache/modelscope")


def _folder(path: str) -> Path | None:
    """The folder at the path, or None where there is none."""
    # os.path returns False where Path raises: at ~nobody, at a name that is too long, and below an unreadable folder.
    expanded = os.path.expanduser(path)  # noqa: PTH111
    return Path(expanded).absolute() if os.path.isdir(expanded) else None  # noqa: PTH112


def _expanded(path: str) -> Path:
    return Path(os.path.expandvars(os.path.expanduser(path)))  # noqa: PTH111
