"""Stops claims after a fault of the machine, until a file as large as a video was really written."""

from dataclasses import dataclass
from typing import Final

PAUSES_SECONDS: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""The pause before a test file is written: longer after each attempt or test in a row that failed."""

RESTART_AT: Final = 3
"""After every so many faults in a row the child is replaced: the fault may be in the process itself."""


@dataclass(slots=True)
class StorageHealth:
    """Whether videos can be stored here. Written by the worker's thread, read by any.

    `problem` says why nothing is claimed; None where nothing is known to prevent it. Every `now_s` is a reading
    of one monotonic clock, in seconds.
    """

    problem: str | None = None
    faults: int = 0
    _test_at_s: float = 0.0

    def found(self, problem: str) -> None:
        """Note a problem that is seen without writing; once it has gone, a test is due at once."""
        self.problem = problem

    def waits(self, problem: str | None) -> None:
        """Note why a finished video is not stored yet; None once it is. Nothing is claimed meanwhile anyway."""
        self.problem = problem

    def failed(self, problem: str, now_s: float) -> bool:
        """Note an attempt or a test that failed by the machine's fault; whether to replace the child."""
        self.problem = problem
        self._test_at_s = now_s + PAUSES_SECONDS[min(self.faults, len(PAUSES_SECONDS) - 1)]
        self.faults += 1
        return self.faults % RESTART_AT == 0

    def pause_s(self, now_s: float) -> float:
        """How long to wait before the next test."""
        return max(0.0, self._test_at_s - now_s)

    def passed(self) -> None:
        """Note that a test file was written. The pauses keep growing until an attempt ends without such a fault, too."""
        self.problem = None

    def served(self) -> None:
        """Note that an attempt ended without a fault of the machine."""
        self.faults = 0
