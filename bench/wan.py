"""A guided step and a decode of the wan engine on this CPU, beside stock diffusers'; and the decoder's memory."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.processes import environment
from bench.result import Result, Target, ratio

PART_SECONDS = 1200.0
FEW_FRAMES, MANY_FRAMES = 17, 81
GIVES_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536"}
"""Lets the C library give freed memory back at once: what it keeps for later is not what the decoder needs."""


def run(folder: Path) -> Result:
    """Measure in processes of their own: what one leaves in memory must not be another's."""
    if find_spec("diffusers") is None:
        return Result("wan", {"skipped": "the extra `wan` is not installed"}, [])
    steps, decode = _part("steps", folder), _part("decode", folder)
    few, many = (_part("peak", folder, str(frames), **GIVES_BACK)["grown_mb"] for frames in (FEW_FRAMES, MANY_FRAMES))
    return Result(
        "wan",
        {
            "guided_step_times_stock": ratio(steps["stock"], steps["exact"]),
            "guided_step_times_stock_int8_compiled": ratio(steps["stock"], steps["int8_compiled"]),
            "guided_step_seconds_stock": [round(each, 2) for each in steps["stock"]],
            "decode_times_stock": ratio(decode["stock"], decode["exact"]),
            "decode_seconds_stock": [round(each, 2) for each in decode["stock"]],
            "decode_mb_17_frames": few,
            "decode_mb_81_frames": many,
            "decode_mb_81_to_17": round(many / few, 3),
        },
        [
            Target("guided_step_times_stock", ">=", 2.3 if steps["bf16"] else 1.0),
            Target("decode_times_stock", ">=", 2.5 if steps["bf16"] else 1.0),
            Target("decode_mb_81_to_17", "<=", 1.1),
        ],
    )


def _part(*words: str | Path, **variables: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.wan_parts", *map(str, words)],
        env=environment() | variables,
        stdout=subprocess.PIPE,
        check=True,
        timeout=PART_SECONDS,
    )
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured
