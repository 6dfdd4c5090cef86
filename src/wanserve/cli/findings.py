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
from wanserve.cli.standalone import standalone
from wanserve.domain.errors import SetupError, WanserveError
from wanserve.domain.generation import Generation
from wanserve.engine.remote.check import check_all
from wanserve.engine.wan.memory import plan_memory
from wanserve.machine.environment import process_environment
from wanserve.models.availability import (
    Availability,
    ModelAvailability,
    find_availability,
    missing_libraries,
    wan_availability,
)
from wanserve.settings import Settings
from wanserve.storage import blob_target, check_blobs

DISK_BYTES: Final = 1_000_000_000
"""Room for some hundred clips at 1080p, and for the database."""

SQLITE_NEEDED: Final = (3, 37, 0)
"""The first version with STRICT tables; it has RETURNING too."""

TRIAL: Final = Generation("trial", "a cat", "", width=64, height=64, frames=5, fps=5, seed=1)

CORE_HOURS: Final = 29
"""What one 480p clip of the smallest model takes on a server CPU: 28 PFLOP at 270 GFLOP/s a core in bf16. Computed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One result. `fine` is None where something is missing that no setting needs."""

    about: str
    fine: bool | None
    says: str


def examine(settings: Settings) -> list[Finding]:
    """Examine this machine: what it can run and what is missing. Leaves no file behind."""
    return list(_findings(settings))


def _findings(settings: Settings) -> Iterator[Finding]:
    yield Finding("wanserve", True, f"{__version__} on Python {platform.python_version()}, {platform.system()}")
    try:
        availability = find_availability(settings)
    except SetupError as error:
        yield Finding("engine", False, str(error))
    else:
        yield Finding("engine", True, f"{availability.engine}: {availability.why}")
        # An upstream's trial clip would be a whole video, which somebody pays for.
        if availability.engine == "remote":
            yield from _upstreams(settings)
        else:
            yield _trial_clip(settings, availability)
    if settings.engine != "remote":
        yield from _real_models(settings)
    yield _sqlite()
    yield from _data_dir(settings.data_dir)
    if settings.blob_url is not None:
        yield _bucket(settings)


def _bucket(settings: Settings) -> Finding:
    try:
        check_blobs(blob_target(settings))
    except SetupError as error:
        return Finding("bucket", False, str(error))
    return Finding("bucket", True, f"{settings.blob_url} can be listed, written, read and deleted from")


def _trial_clip(settings: Settings, availability: Availability) -> Finding:
    """Make a clip of a few frames, which shows that the engine and the codec work."""
    model = next(iter(availability.cards))
    with tempfile.TemporaryDirectory(prefix="wanserve-") as folder:
        try:
            trial, output = replace(TRIAL, model=model), Path(folder) / "trial.mp4"
            with standalone(settings, with_one_step(availability)) as engine:
                engine.make(trial, output, lambda *_: None)
        except (WanserveError, OSError) as error:
            return Finding("video", False, f"a trial clip of {model} could not be made: {error}")
    return Finding("video", True, f"a trial clip of {TRIAL.frames} frames of {model} was drawn, encoded and read back")


def _upstreams(settings: Settings) -> Iterator[Finding]:
    """Ask each upstream whether it is there, takes the key and has the models."""
    upstreams = settings.upstreams_by_name(process_environment())
    for name, check in check_all(upstreams).items():
        about, address = f"upstream {name}", upstreams[name].url
        if check.problem is not None:
            yield Finding(about, False, f"{address}: {check.line}")
        elif check.missing:
            yield Finding(about, False, f"{address}: it does not list the model {', '.join(check.missing)}")
        else:
            yield Finding(about, True, f"{address}: it answers, and takes the key")


def with_one_step(availability: Availability) -> Availability:
    """The same models with a single denoising step, which is enough for a trial."""
    models = (
        replace(model, card=replace(model.card, sampling=model.card.sampling.with_steps(1)))
        for model in availability.models
    )
    return replace(availability, models=tuple(models))


def _real_models(settings: Settings) -> Iterator[Finding]:
    """What the wan engine could do here, whether or not it is the engine: its libraries, the device, each model."""
    needed = settings.engine == "wan"
    if missing := missing_libraries():
        yield Finding("wan libraries", False if needed else None, missing)
        return
    try:
        device = inspect_device()
    except SetupError as error:
        yield Finding("wan libraries", False if needed else None, str(error))
        return
    gpu = device["kind"] != "cpu"
    free = f"{device['free_bytes'] / 1e9:.1f} of {device['total_bytes'] / 1e9:.1f} GB free"
    yield Finding(
        "device", True if gpu else None, f"{device['name']}, {free}" if gpu else f"no GPU; the CPU has {free}"
    )
    for model in wan_availability(settings, strict=False):
        yield _real_model(model, device, needed=needed)


def _real_model(model: ModelAvailability, device: dict[str, Any], *, needed: bool) -> Finding:
    about = f"model {model.card.name}"
    where = f"a CPU takes about {CORE_HOURS} core-hours and more for one clip: for tests only"
    fits = True
    if device["kind"] != "cpu":
        try:
            where = plan_memory(model.card, device["free_bytes"], device["host_bytes"]).description
        except SetupError as error:
            where, fits = str(error), False
    if model.engine is None:
        return Finding(about, None, f"{model.why}; here: {where}")
    if not fits:
        return Finding(about, False if needed else None, where)
    return Finding(about, True, f"profile {model.card.sampling.profile}, weights in {model.folder}; {where}")


def inspect_device() -> dict[str, Any]:
    """Inspect the device in a process of its own, since this one must not load torch. Raises SetupError."""
    command = [sys.executable, "-m", "wanserve.engine.wan.device"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it wrote no message"])[-1]
        raise SetupError(f"torch does not start: {last}")
    device: dict[str, Any] = json.loads(done.stdout)
    return device


def _sqlite() -> Finding:
    fine = sqlite3.sqlite_version_info >= SQLITE_NEEDED
    needed = "" if fine else f", and {'.'.join(map(str, SQLITE_NEEDED))} is needed: use a newer Python"
    return Finding("SQLite", fine, f"{sqlite3.sqlite_version}{needed}")


def _data_dir(folder: Path) -> Iterator[Finding]:
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    writable = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    yield Finding(
        "data directory", writable, f"{folder}" if writable else f"{there} is not a folder with write permission"
    )
    free = shutil.disk_usage(there).free
    yield Finding("disk", free >= DISK_BYTES, f"{free / 1e9:.1f} GB free, {DISK_BYTES / 1e9:.0f} GB needed")
