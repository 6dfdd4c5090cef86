"""Values that many tests need, each whole and valid until a test changes it."""

import uuid

from wanserve.domain.generation import Generation
from wanserve.domain.progress import Heartbeat, Progress, Stage
from wanserve.domain.task import NewTask, Task, Video

VIDEO = Video("videos/some/1.mp4", 12345, "animatic", ("a note",))


def new_generation(model: str = "wan2.2-t2v-plus", prompt: str = "A kitten running in the moonlight") -> Generation:
    """The document's own generation, small and short."""
    return Generation(model, prompt, "flowers", width=64, height=64, frames=6, fps=30, seed=7)


def unaccepted(account: str = "ann", model: str = "wan2.2-t2v-plus") -> NewTask:
    """A task that is to be added to a store."""
    return NewTask(str(uuid.uuid4()), account, new_generation(model))


def heartbeat(fraction: float = 0.5, stage: Stage = Stage.DENOISE, step: int = 0, steps: int = 0) -> Heartbeat:
    """One that does not know how long its attempt still takes."""
    return Heartbeat(Progress(fraction, stage, step, steps))


def new_task(account: str = "ann", model: str = "wan2.2-t2v-plus", submitted_ms: int = 1000) -> Task:
    """A fresh PENDING task."""
    return unaccepted(account, model).accepted(submitted_ms)
