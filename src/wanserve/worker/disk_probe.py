"""Holds claims back after a fault of the machine, until a file as large as a video was really written."""

from dataclasses import dataclass
from typing import Final

PAUSES_SECONDS: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Before a probe, the longer the more attempts and probes in a row have failed by the machine's fault."""

RESTART_AT: Final = 3
"""At every so many faults in a row the child is replaced: the fault may be in the process itself."""


@dataclass(slots=True)
class Machine:
    """Whether videos can be stored here. Written by the worker's thread, read by any.

    `problem` says why nothing is claimed, and is empty where nothing is known to hinder it. Every `now_s` is a reading
    of one monotonic clock, in seconds.
    """

    problem: str = ""
    faults: int = 0
    _probe_at_s: float = 0.0

    def lacks(self, problem: str) -> None:
        """Note what is seen to be lacking; once it is not, a probe is due at once."""
        self.problem = problem

    def failed(self, problem: str, now_s: float) -> bool:
        """Note an attempt or a probe that failed by the machine's fault; whether to replace the child."""
        self.problem = problem
        self._probe_at_s = now_s + PAUSES_SECONDS[min(self.faults, len(PAUSES_SECONDS) - 1)]
        self.faults += 1
        return self.faults % RESTART_AT == 0

    def pause_s(self, now_s: float) -> float:
        """How long to wait before the next probe."""
        return max(0.0, self._probe_at_s - now_s)

    def probed(self) -> None:
        """Note that a probe was written. The pauses grow on until an attempt has ended otherwise, too."""
        self.problem = ""

    def served(self) -> None:
        """Note that an attempt ended by no fault of the machine."""
        self.faults = 0
