"""How an attempt ended, whose fault a failure was, and how long each part took."""

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """Whose fault it is that an attempt made no video. docs/operating.md lists what counts as which.

    TASK: the video cannot be made, or the engine crashed on it. Only this spends an attempt.
    MACHINE: the disk, its folders or a limit of the system. The worker claims nothing until it could write a test file.
    WORKER: the engine's process was ended from outside, or was lost with its server or its lease.
    UPSTREAM: another server, which was to make the video. It gets no task until it answers again.
    """

    TASK = "task"
    MACHINE = "machine"
    WORKER = "worker"
    UPSTREAM = "upstream"


class Outcome(StrEnum):
    """How an attempt ended, as its worker saw it."""

    MADE = "made"
    LOST = "lost"
    CANCELED = "canceled"
    GIVEN_BACK = "given_back"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Timings:
    """How long the parts of an attempt took, in seconds: the engine, H.264, and checking, syncing and storing the file."""

    generate_s: float = 0.0
    encode_s: float = 0.0
    store_s: float = 0.0


NO_TIMINGS = Timings()
