"""Makes one video in an engine's child process, with no server, store, lock or ledger."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final
from uuid import uuid4

from wanserve.app import child_config
from wanserve.blobs.target import DiskTarget
from wanserve.domain.errors import EngineFailed
from wanserve.domain.generation import Generation
from wanserve.domain.progress import Progress
from wanserve.domain.task import Video
from wanserve.machine.environment import process_environment
from wanserve.models.availability import Availability
from wanserve.settings import Settings
from wanserve.worker import protocol
from wanserve.worker.supervisor import Supervisor

OnProgress = Callable[[str, float | None], None]
"""Called with the current step, and with the fraction done where that is known."""

SILENCE_SECONDS: Final = 3600.0


def make_video(
    settings: Settings, availability: Availability, generation: Generation, output: Path, on_progress: OnProgress
) -> Video:
    """Make one video in a child process and move it to `output`. Raises EngineFailed, OSError."""
    with tempfile.TemporaryDirectory(prefix="wanserve-") as scratch:
        folder = Path(scratch)
        config = replace(
            child_config(settings, availability), blobs=DiskTarget(folder), scratch=folder, log_level="error"
        )
        child = Supervisor(config, process_environment())
        on_progress("loading the engine", None)
        child.start()
        child.load(generation.model)
        try:
            video = _finished(child, generation, on_progress)
        finally:
            child.kill()
        shutil.move(folder / video.key, output)
    return video


def _finished(child: Supervisor, generation: Generation, on_progress: OnProgress) -> Video:
    while True:
        match child.next_event(SILENCE_SECONDS):
            case Progress(fraction=fraction):
                on_progress("generating", fraction)
            case protocol.Loaded():
                # Another id each time: upstreams recognise a task by it, and would return an earlier video.
                child.send(protocol.Generate(str(uuid4()), 1, generation))
            case protocol.Done(video=video):
                return video
            case protocol.Crashed(message=message):
                raise EngineFailed(message)
            case _:
                raise EngineFailed("the engine reported nothing for an hour")
