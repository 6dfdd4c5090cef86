"""Examines what this machine can run and what is missing."""

import os
import platform
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from wanserve import __version__
from wanserve.cli.standalone import UsedCertificate, standalone
from wanserve.domain.errors import SetupError, WanserveError
from wanserve.domain.generation import Generation
from wanserve.engine.remote.check import check_all
from wanserve.engine.wan.memory import plan_memory
from wanserve.machine.certificate import valid_until
from wanserve.machine.environment import process_environment
from wanserve.machine.gpus import Gpus, Machine, find_gpus, has_gpu
from wanserve.machine.torch_report import Remembered, TorchReport, ask_torch
from wanserve.models.availability import (
    Availability,
    ModelAvailability,
    find_availability,
    missing_libraries,
    wan_availability,
)
from wanserve.moderation import open_moderation
from wanserve.settings import Settings
from wanserve.signing import certificate_of
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
    machine = Machine(ask=Remembered(ask_torch))
    try:
        availability = find_availability(settings, machine)
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
        yield from real_models(settings, machine)
    yield _marks(settings)
    yield _sqlite()
    yield from _data_dir(settings.data_dir)
    if settings.blob_url is not None:
        yield _bucket(settings)
    yield examine_moderation(settings)


def _marks(settings: Settings) -> Finding:
    """Who signs the videos, and until when."""
    try:
        certificate = certificate_of(settings, UsedCertificate(settings.certificate_file))
    except SetupError as error:
        return Finding("marks", False, str(error))
    own = settings.certificate is None
    if own and not settings.certificate_file.exists():
        whose = "by a certificate that the first start makes"
    else:
        whose = f"by {'the certificate of this installation' if own else settings.certificate}"
        whose += f", which is valid until {valid_until(certificate):%Y-%m-%d}"
    return Finding("marks", True, f"{settings.marks}; videos are signed {whose}, in the name of {settings.producer}")


def _bucket(settings: Settings) -> Finding:
    try:
        check_blobs(blob_target(settings))
    except SetupError as error:
        return Finding("bucket", False, str(error))
    return Finding("bucket", True, f"{settings.blob_url} can be listed, written, read and deleted from")


def examine_moderation(settings: Settings) -> Finding:
    """Read the list, and ask the endpoint with a harmless text."""
    try:
        with closing(open_moderation(settings)) as moderation:
            return Finding("moderation", moderation.problem is None, moderation.state())
    except SetupError as error:
        return Finding("moderation", False, str(error).removeprefix("moderation: "))


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


def real_models(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """What the wan engine could do here, whether or not it is the engine: its libraries, the devices, each model."""
    needed = settings.engine == "wan"
    if missing := missing_libraries(machine):
        yield Finding("wan libraries", False if needed else None, missing)
        return
    try:
        report = machine.ask(machine.environment)
        gpus = find_gpus(machine)
    except SetupError as error:
        yield Finding("wan libraries", False if needed else None, str(error))
        return
    yield from _devices(gpus, report, machine, needed=needed)
    for model in wan_availability(settings, strict=False):
        yield _real_model(model, gpus, report.host_free_bytes, needed=needed)


def _devices(gpus: Gpus, report: TorchReport, machine: Machine, *, needed: bool) -> Iterator[Finding]:
    torch = f"torch {report.torch}"
    for gpu in gpus.found:
        about = "device" if len(gpus.found) == 1 else f"device {gpu.name}"
        yield Finding(about, True, f"{gpu.facts.name}, {_free(gpu.facts.free_bytes, gpu.facts.total_bytes)}; {torch}")
    if gpus.found:
        return
    if has_gpu(machine.root):
        yield Finding("device", False if needed and not gpus.hidden else None, gpus.problem or "")
        return
    yield Finding(
        "device", None, f"no GPU; the CPU has {_free(report.host_free_bytes, report.host_total_bytes)}; {torch}"
    )


def _free(free_bytes: int, total_bytes: int) -> str:
    return f"{free_bytes / 1e9:.1f} of {total_bytes / 1e9:.1f} GB free"


def _real_model(model: ModelAvailability, gpus: Gpus, host_bytes: int, *, needed: bool) -> Finding:
    about = f"model {model.card.name}"
    where = f"a CPU takes about {CORE_HOURS} core-hours and more for one clip: for tests only"
    fits = True
    if gpus.found:
        # Where the GPUs differ, the one with the least room decides whether every worker can serve the model.
        gpu = min((gpu.facts for gpu in gpus.found), key=lambda facts: facts.free_bytes)
        try:
            where = plan_memory(model.card, gpu.free_bytes, host_bytes, bf16=gpu.bf16).description
        except SetupError as error:
            where, fits = str(error), False
    if model.engine is None:
        return Finding(about, None, f"{model.why}; here: {where}")
    if not fits:
        return Finding(about, False if needed else None, where)
    return Finding(about, True, f"profile {model.card.sampling.profile}, weights in {model.folder}; {where}")


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
