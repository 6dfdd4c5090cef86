"""Reads the clocks of this process: the wall clock, and a clock that does not follow it when it is set ahead."""

import logging
import sys
import time
from dataclasses import dataclass, field
from typing import Final

from wanserve.domain.ports import Clock

log = logging.getLogger(__name__)

JUMP_MS: Final = 60_000
"""A wall clock that is this much ahead of the monotonic clock was set by somebody; corrections are smaller."""

# Linux's clock also counts the time that the machine slept.
_UPTIME_CLOCK: Final = time.CLOCK_BOOTTIME if sys.platform == "linux" else time.CLOCK_MONOTONIC


def now_ms() -> int:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def uptime_ms() -> int:
    """Milliseconds since the machine started. On Linux this includes the time that it slept."""
    return time.clock_gettime_ns(_UPTIME_CLOCK) // 1_000_000


@dataclass(slots=True)
class RetentionClock:
    """The clock by which tasks are deleted: it ignores that the wall clock was set ahead after the start of the server.

    It returns the earlier of two times: the wall clock's, and the one that the wall clock would show if nobody had set
    it since the start. Where they differ, tasks are kept too long, and never too short. If the wall clock was behind at
    the start and was corrected later, the correction takes effect at the next start.
    """

    wall: Clock
    uptime: Clock
    _started_ms: int = field(init=False)
    _has_warned: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._started_ms = self.wall() - self.uptime()

    def __call__(self) -> int:
        """Milliseconds since 1970, UTC."""
        wall_ms, unset_ms = self.wall(), self._started_ms + self.uptime()
        jumped = wall_ms - unset_ms > JUMP_MS
        if jumped and not self._has_warned:
            ahead_s = (wall_ms - unset_ms) // 1000
            log.warning(
                "the clock was set ahead by %d s: the deletion of old tasks ignores this until the next start", ahead_s
            )
        self._has_warned = jumped
        return min(wall_ms, unset_ms)
