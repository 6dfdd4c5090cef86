"""`python -m bench.gpu FOLDER [PART ...]` prints lines of JSON about one part, or about all, each in a process of its own.

It writes checkpoints of 12 to 60 GB into the folder, where none is yet: a folder in memory saves minutes.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import diffusers
import torch
import transformers

from bench.gpu.beside_stock import beside_stock
from bench.gpu.decoding import decoding
from bench.gpu.measure import Figures
from bench.gpu.placed import placed
from bench.gpu.stored import stored
from bench.gpu.tiny import tiny
from bench.gpu.weights import BF16, FP8, PLUS, TURBO, TWO_EXPERTS, write_checkpoint
from bench.result import ROOT, commit, machine
from wanserve.engine.wan.device import inspect_device

PART_SECONDS: Final = 900
SMALL_SIZE, LARGE_SIZE = "832*480", "1280*720"

PARTS: Final[Sequence[tuple[str, ...]]] = (
    ("tiny",),
    ("decoding", LARGE_SIZE, "12"),
    ("stored",),
    ("beside_stock", TURBO, SMALL_SIZE),
    ("beside_stock", PLUS, SMALL_SIZE),
    *[("placed", PLUS, BF16, LARGE_SIZE, each) for each in ("whole", "text-off", "parts", "groups")],
    ("placed", TWO_EXPERTS, BF16, LARGE_SIZE, "parts"),
    ("placed", PLUS, FP8, LARGE_SIZE, "auto", "exact", "16"),
    ("placed", PLUS, "Q4_K", LARGE_SIZE, "auto", "exact", "24"),
    ("placed", TWO_EXPERTS, FP8, LARGE_SIZE, "auto", "exact", "24"),
    ("placed", TWO_EXPERTS, "Q4_K", LARGE_SIZE, "auto", "exact", "24"),
    ("placed", TWO_EXPERTS, BF16, LARGE_SIZE, "auto", "small", "24"),
)


def weights(folder: Path, model: str, stored: str = BF16) -> Figures:
    """Only write the checkpoint."""
    return {"folder": str(write_checkpoint(folder, model, stored))}


BY_NAME: Final[Mapping[str, Callable[..., Figures | Iterable[Figures]]]] = {
    "tiny": tiny,
    "decoding": decoding,
    "stored": stored,
    "beside_stock": beside_stock,
    "placed": placed,
    "weights": weights,
}


def measure(folder: Path, name: str, *rest: str) -> None:
    """Print the lines of one part, as they come."""
    about: dict[str, Any] = {"bench": " ".join(["gpu", name, *rest]), "commit": commit(), "card": inspect_device().name}
    versions = {each.__name__: each.__version__ for each in (torch, diffusers, transformers)}
    told = BY_NAME[name](folder, *rest)
    for figures in [told] if isinstance(told, dict) else told:
        print(json.dumps(about | versions | machine() | figures), flush=True)


def main() -> None:
    """Run one part in this process, or all of them, each in a process of its own."""
    folder, *words = sys.argv[1:]
    if words:
        name, *rest = words
        measure(Path(folder).absolute(), name, *rest)
        return
    for each in PARTS:
        command = [sys.executable, "-m", "bench.gpu", str(Path(folder).absolute()), *each]
        subprocess.run(command, cwd=ROOT, check=False, timeout=PART_SECONDS)


if __name__ == "__main__":
    main()
