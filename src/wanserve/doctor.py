"""Tells in words what this machine can run and what is missing."""

import os
import platform
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from wanserve import __version__
from wanserve.domain.errors import SetupError, WanserveError
from wanserve.domain.generation import Generation
from wanserve.generate import make
from wanserve.offers import Choice, choose
from wanserve.settings import Settings

ROOM_BYTES: Final = 1_000_000_000
"""Some hundred clips at 1080p, and the database."""

SQLITE_NEEDED: Final = (3, 37, 0)
"""The first version with STRICT tables; it has RETURNING too."""

TRIAL: Final = Generation("trial", "a cat", "", width=64, height=64, frames=5, fps=5, seed=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    about: str
    fine: bool
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
    yield _sqlite()
    yield from _folder(settings.data_dir)


def _making(settings: Settings, choice: Choice) -> Finding:
    """A clip of a few frames, really made: nothing less shows that engine and codec are whole."""
    model = next(iter(choice.cards))
    with tempfile.TemporaryDirectory(prefix="wanserve-") as folder:
        try:
            make(
                settings, in_one_step(choice), replace(TRIAL, model=model), Path(folder) / "trial.mp4", lambda *_: None
            )
        except (WanserveError, OSError) as error:
            return Finding("video", False, f"a trial clip could not be made: {error}")
    return Finding("video", True, f"a trial clip of {TRIAL.frames} frames of {model} was drawn, encoded and read back")


def in_one_step(choice: Choice) -> Choice:
    """The same models with a single denoising step: enough to see that they work."""
    offers = (
        replace(offer, card=replace(offer.card, recipe=replace(offer.card.recipe, steps=1))) for offer in choice.offers
    )
    return replace(choice, offers=tuple(offers))


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
