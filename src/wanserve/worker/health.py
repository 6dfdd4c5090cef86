"""Knows how a worker fares: how its last attempts ended, and what it waits for."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from wanserve.domain.attempt import End

WINDOW_SECONDS: Final = 60.0
"""So far back an attempt tells how the worker fares now."""

MOST_ENDS: Final = 1000


@dataclass(slots=True)
class Health:
    """Written by the worker's thread, read by any. Every `now_s` is a reading of one monotonic clock, in seconds."""

    waits_for: str = ""
    """Why the worker claims nothing though its engine is ready, in words; else empty."""

    _ends: deque[tuple[float, End]] = field(default_factory=lambda: deque(maxlen=MOST_ENDS), init=False)

    def ended(self, end: End, now_s: float) -> None:
        """Note how an attempt ended."""
        if end in (End.MADE, End.LOST):
            self._ends.append((now_s, end))

    def all_failed(self, now_s: float) -> bool:
        """Whether there were attempts within the last minute, and every one of them came to nothing."""
        recent = [end for ended_s, end in tuple(self._ends) if now_s - ended_s <= WINDOW_SECONDS]
        return bool(recent) and End.MADE not in recent
