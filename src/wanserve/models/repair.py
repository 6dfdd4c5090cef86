"""Removes from pulled weights what is damaged, so that only that is fetched again."""

import shutil
from pathlib import Path

from wanserve.domain.errors import SetupError
from wanserve.models.locations import PULLED
from wanserve.models.tensor_files import is_file, read_header, read_json
from wanserve.models.weights import CONFIG, PART_SPECS, PartSpec, check_part, weight_files


def remove_damaged(folder: Path) -> None:
    """Remove from pulled weights what is damaged, and what is so small that it need not be looked at."""
    for part, spec in PART_SPECS.items():
        _remove_damaged_part(folder / part, spec)
    small = {*folder.glob("*.json"), *folder.glob("*/*.json"), *folder.glob("tokenizer/*")}
    for file in small:
        if file.name != PULLED and file.parent.name != "text_encoder":
            file.unlink()


def _remove_damaged_part(part: Path, spec: PartSpec) -> None:
    """Remove the part's weight files that cannot be read, or all of them where their tensors are wrong."""
    try:
        check_part(part, spec)
    except SetupError:
        # The text encoder is not as the hub has it: it was converted, all of it or nothing.
        if part.name == "text_encoder" or (not remove_unreadable(part) and _is_whole(part, spec)):
            shutil.rmtree(part, ignore_errors=True)


def _is_whole(part: Path, spec: PartSpec) -> bool:
    """Whether no file of the part is missing, and those that say which there are can be read."""
    try:
        read_json(part / CONFIG)
        return all(map(is_file, weight_files(part, spec)))
    except SetupError:
        return False


def remove_unreadable(folder: Path) -> int:
    """Remove the weight files whose headers cannot be read. Returns how many there were."""
    removed = 0
    for file in folder.glob("*.safetensors"):
        try:
            read_header(file)
        except SetupError:
            file.unlink()
            removed += 1
    return removed
