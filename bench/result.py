"""Knows what a bench hands back, whether that meets its targets, and the JSON line that says so."""

import json
import operator
import os
import platform
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
"""The project's folder."""

Figure = float | str | Sequence[float] | Mapping[str, float]

_HOLDS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "<": operator.lt,
}


@dataclass(frozen=True, slots=True)
class Target:
    """What one figure ought to be: `sign` is ">=", "<=" or "<"."""

    figure: str
    sign: str
    limit: float

    def __str__(self) -> str:
        return f"{self.figure} {self.sign} {self.limit:g}"

    def met(self, figures: Mapping[str, Figure]) -> bool:
        """Whether it is. Raises KeyError where it was not measured."""
        measured = figures[self.figure]
        assert isinstance(measured, int | float), f"{self.figure} is no number"
        return _HOLDS[self.sign](measured, self.limit)


@dataclass(frozen=True, slots=True)
class Result:
    """What one run of a bench measured. The names of the figures end in their units."""

    bench: str
    figures: Mapping[str, Figure]
    targets: Sequence[Target]

    @property
    def met(self) -> bool:
        """Whether every target is met."""
        return all(target.met(self.figures) for target in self.targets)

    def line(self, commit: str, machine: Mapping[str, str | int]) -> str:
        """The JSON line."""
        about = {"bench": self.bench, "commit": commit, "machine": machine}
        verdict = {"target": " and ".join(map(str, self.targets)), "met": self.met}
        return json.dumps(about | dict(self.figures) | verdict, ensure_ascii=False)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios of pairs that were measured one after the other, to three digits after the point.

    A pair shares whatever else the machine did meanwhile; two medians would not.
    """
    return round(median(our / their for our, their in zip(ours, theirs, strict=True)), 3)


def commit() -> str:
    """The checked out commit, "-dirty" behind it where a file differs; "unknown" outside a repository."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine() -> dict[str, str | int]:
    """The processor, how many of its cores this process may use, and Python's version."""
    return {"cpu": _processor(), "cores": len(os.sched_getaffinity(0)), "python": platform.python_version()}


def _processor() -> str:
    try:
        named = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        named = None
    return named[1] if named else platform.machine()
