"""Makes videos in an engine's child process, with no server, store, lock or ledger."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from uuid import uuid4

from wanserve.app import child_config, devices_of
from wanserve.blobs.target import DiskTarget
from wanserve.domain.errors import EngineFailed, SetupError
from wanserve.domain.generation import Generation
from wanserve.domain.progress import Progress
from wanserve.domain.task import Video
from wanserve.machine.environment import environment_of_child
from wanserve.models.availability import Availability
from wanserve.settings import Settings
from wanserve.signing import mark_settings
from wanserve.worker import protocol
from wanserve.worker.supervisor import Supervisor

OnProgress = Callable[[str, float | None, float | None], None]
"""Called with the current stage, and with the fraction done and the seconds left where they are known."""

SILENCE_SECONDS: Final = 3600.0

ESTIMATED_FROM: Final = 0.05
"""From this fraction on the seconds left are estimated by the pace so far."""


@dataclass(frozen=True, slots=True)
class Standalone:
    """An engine that makes one video after another. The process stays, so that a model is loaded once."""

    folder: Path
    child: Supervisor

    def make(self, generation: Generation, output: Path, on_progress: OnProgress) -> Video:
        """Make one video and move it to `output`. Raises EngineFailed, OSError."""
        on_progress("loading the engine", None, None)
        if self.child.pid is None:
            self.child.start()
        self.child.load(generation.model)
        try:
            video = _finished(self.child, generation, on_progress)
        except EngineFailed:
            # The next video begins with a new process, whatever this one has left behind.
            self.child.kill()
            raise
        shutil.move(self.folder / video.key, output)
        return video


@dataclass(frozen=True, slots=True)
class UsedCertificate:
    """A CertificateStore that keeps nothing: the installation's certificate where it has one, else one for this command."""

    path: Path

    def read(self, make: Callable[[], bytes]) -> bytes:
        """See CertificateStore."""
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return make()
        except OSError as error:
            raise SetupError(f"cannot use the certificate {self.path}: {error.strerror or error}") from error


@contextmanager
def standalone(settings: Settings, availability: Availability) -> Iterator[Standalone]:
    """An engine for the length of a block, on the first of the GPUs. Raises SetupError."""
    marks = mark_settings(settings, UsedCertificate(settings.certificate_file))
    with tempfile.TemporaryDirectory(prefix="wanserve-") as scratch:
        folder = Path(scratch)
        config = replace(
            child_config(settings, availability, marks), blobs=DiskTarget(folder), scratch=folder, log_level="error"
        )
        gpus = next(iter(devices_of(settings, availability).values()))
        child = Supervisor(config, environment_of_child(gpus.variables))
        try:
            yield Standalone(folder, child)
        finally:
            child.kill()


def _finished(child: Supervisor, generation: Generation, on_progress: OnProgress) -> Video:
    began_s = time.monotonic()
    while True:
        match child.next_event(SILENCE_SECONDS):
            case Progress(fraction=fraction, stage=stage):
                on_progress(stage.value, fraction, _left_s(time.monotonic() - began_s, fraction))
            case protocol.Loaded():
                began_s = time.monotonic()
                # Another id each time: upstreams recognise a task by it, and would return an earlier video.
                child.send(protocol.Generate(str(uuid4()), 1, generation))
            case protocol.Done(video=video):
                return video
            case protocol.Crashed(message=message):
                raise EngineFailed(message)
            case _:
                raise EngineFailed("the engine reported nothing for an hour")


def _left_s(took_s: float, fraction: float) -> float | None:
    return took_s * (1 - fraction) / fraction if fraction >= ESTIMATED_FROM else None
