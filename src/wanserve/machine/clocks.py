"""The clocks of this process: the wall clock, and one that does not follow it when it jumps ahead."""

import logging
import time
from dataclasses import dataclass, field
from typing import Final

from wanserve.domain.ports import Clock

log = logging.getLogger(__name__)

JUMP_MS: Final = 60_000
"""A wall clock that is so far ahead of the monotonic one was set, and has not merely been corrected."""

_UPTIME: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now_ms() -> int:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def uptime_ms() -> int:
    """Milliseconds since the machine started, with the time that it slept where the system counts that."""
    return time.clock_gettime_ns(_UPTIME) // 1_000_000


@dataclass(slots=True)
class RetentionClock:
    """The earlier of what the wall clock says and what it would say had nobody set it since the start.

    Tasks are deleted by this time: where the two disagree they are kept too long, never too short. A clock that was
    behind at the start and was set right since counts from the next start on.
    """

    wall: Clock
    uptime: Clock
    _started_ms: int = field(init=False)
    _told: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._started_ms = self.wall() - self.uptime()

    def __call__(self) -> int:
        """Milliseconds since 1970, UTC."""
        wall_ms, steady_ms = self.wall(), self._started_ms + self.uptime()
        jumped = wall_ms - steady_ms > JUMP_MS
        if jumped and not self._told:
            ahead_s = (wall_ms - steady_ms) // 1000
            log.warning("the clock was set ahead by %d s: nothing is deleted by it before the next start", ahead_s)
        self._told = jumped
        return min(wall_ms, steady_ms)
