"""What is told of an attempt: how it ended, whose fault that was, and where its time went."""

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """Whose fault it is that an attempt came to nothing; docs/operating.md lists what counts as which.

    TASK: the video itself cannot be made, or its engine broke at it: this alone spends an attempt.
    MACHINE: the disk, its folders or a limit of the system; nothing is claimed before a probe was written.
    WORKER: the process that made it was ended from outside, or was lost with its server or its lease.
    """

    TASK = "task"
    MACHINE = "machine"
    WORKER = "worker"


class End(StrEnum):
    """How an attempt ended, as its worker saw it."""

    MADE = "made"
    LOST = "lost"
    CANCELED = "canceled"
    GIVEN_BACK = "given_back"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Spent:
    """Where an attempt's time went, in seconds: the engine, H.264, and reading back, syncing and storing the file."""

    generate_s: float = 0.0
    encode_s: float = 0.0
    store_s: float = 0.0


NOTHING_SPENT = Spent()
