"""Examines what this machine can run and what is missing."""

import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from wanserve import __version__
from wanserve.cli.standalone import make_video
from wanserve.domain.errors import SetupError, WanserveError
from wanserve.domain.generation import Generation
from wanserve.engine.wan.memory import plan
from wanserve.models.availability import Choice, Offer, choose, missing_libraries, wan_offers
from wanserve.settings import Settings

ROOM_BYTES: Final = 1_000_000_000
"""Some hundred clips at 1080p, and the database."""

SQLITE_NEEDED: Final = (3, 37, 0)
"""The first version with STRICT tables; it has RETURNING too."""

TRIAL: Final = Generation("trial", "a cat", "", width=64, height=64, frames=5, fps=5, seed=1)

CORE_HOURS: Final = 29
"""What one 480p clip of the smallest model takes on a server CPU: 28 PFLOP at 270 GFLOP/s a core in bf16. Computed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `fine` is None where something is not there and nothing set needs it."""

    about: str
    fine: bool | None
    says: str


def examine(settings: Settings) -> list[Finding]:
    """What this machine can run and what is missing. Leaves nothing behind."""
    return list(_findings(settings))


def _findings(settings: Settings) -> Iterator[Finding]:
    yield Finding("wanserve", True, f"{__version__} on Python {platform.python_version()}, {platform.system()}")
    try:
        choice = choose(settings)
    except SetupError as error:
        yield Finding("engine", False, str(error))
    else:
        yield Finding("engine", True, f"{choice.engine}: {choice.why}")
        yield _making(settings, choice)
    yield from _real_models(settings)
    yield _sqlite()
    yield from _folder(settings.data_dir)


def _making(settings: Settings, choice: Choice) -> Finding:
    """A clip of a few frames, really made: nothing less shows that engine and codec are whole."""
    model = next(iter(choice.cards))
    with tempfile.TemporaryDirectory(prefix="wanserve-") as folder:
        try:
            trial, output = replace(TRIAL, model=model), Path(folder) / "trial.mp4"
            make_video(settings, in_one_step(choice), trial, output, lambda *_: None)
        except (WanserveError, OSError) as error:
            return Finding("video", False, f"a trial clip of {model} could not be made: {error}")
    return Finding("video", True, f"a trial clip of {TRIAL.frames} frames of {model} was drawn, encoded and read back")


def in_one_step(choice: Choice) -> Choice:
    """The same models with a single denoising step: enough to see that they work."""
    offers = (
        replace(offer, card=replace(offer.card, sampling=replace(offer.card.sampling, steps=1)))
        for offer in choice.offers
    )
    return replace(choice, offers=tuple(offers))


def _real_models(settings: Settings) -> Iterator[Finding]:
    """What the wan engine could do here, whether or not it serves: its libraries, the device, each model."""
    needed = settings.engine == "wan"
    if missing := missing_libraries():
        yield Finding("wan libraries", False if needed else None, missing)
        return
    try:
        machine = look()
    except SetupError as error:
        yield Finding("wan libraries", False if needed else None, str(error))
        return
    gpu = machine["kind"] != "cpu"
    free = f"{machine['free_bytes'] / 1e9:.1f} of {machine['total_bytes'] / 1e9:.1f} GB free"
    yield Finding(
        "device", True if gpu else None, f"{machine['name']}, {free}" if gpu else f"no GPU; the CPU has {free}"
    )
    for offer in wan_offers(settings, strict=False):
        yield _model(offer, machine, needed=needed)


def _model(offer: Offer, machine: dict[str, Any], *, needed: bool) -> Finding:
    about = f"model {offer.card.name}"
    absent = offer.engine is None
    where = f"a CPU takes about {CORE_HOURS} core-hours and more for one clip: for tests only"
    fits = True
    if machine["kind"] != "cpu":
        try:
            where = plan(offer.card, machine["free_bytes"], machine["host_bytes"], fp8=machine["fp8"]).how
        except SetupError as error:
            where, fits = str(error), False
    if absent:
        return Finding(about, None, f"{offer.why}; here: {where}")
    if not fits:
        return Finding(about, False if needed else None, where)
    return Finding(about, True, f"profile {offer.card.sampling.profile}, weights in {offer.folder}; {where}")


def look() -> dict[str, Any]:
    """The device as a process of its own sees it, since this one must not load torch. Raises SetupError."""
    asked = [sys.executable, "-m", "wanserve.engine.wan.machine"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise SetupError(f"torch does not start: {last}")
    machine: dict[str, Any] = json.loads(done.stdout)
    return machine


def _sqlite() -> Finding:
    fine = sqlite3.sqlite_version_info >= SQLITE_NEEDED
    needed = "" if fine else f", and {'.'.join(map(str, SQLITE_NEEDED))} is needed: use a newer Python"
    return Finding("SQLite", fine, f"{sqlite3.sqlite_version}{needed}")


def _folder(folder: Path) -> Iterator[Finding]:
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    writable = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    yield Finding("data directory", writable, f"{folder}" if writable else f"{there} is no folder that can be written")
    free = shutil.disk_usage(there).free
    yield Finding("disk", free >= ROOM_BYTES, f"{free / 1e9:.1f} GB free, {ROOM_BYTES / 1e9:.0f} GB wanted")
