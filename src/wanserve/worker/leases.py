"""Knows when an attempt must tell the table that it lives, and when its child has been silent too long. No clock."""

from dataclasses import dataclass, field
from typing import Final

HEARTBEAT_SECONDS: Final = 0.5
"""A heartbeat is also how a cancel is heard, which must take less than a second."""


@dataclass(slots=True)
class Lease:
    """The heartbeat of one attempt. Every `now_s` is a reading of one monotonic clock, in seconds."""

    started_s: float
    lease_s: float
    stall_s: float
    progress: float = 0.0
    _renewed_s: float = field(init=False)
    _heard_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._renewed_s = self._heard_s = self.started_s

    def hear(self, fraction: float, now_s: float) -> None:
        """The child reported progress; it never goes back."""
        self._heard_s = now_s
        self.progress = max(self.progress, fraction)

    def due(self, now_s: float) -> bool:
        """Whether a heartbeat is due; it counts as sent."""
        if now_s - self._renewed_s < min(HEARTBEAT_SECONDS, self.lease_s / 4):
            return False
        self._renewed_s = now_s
        return True

    def stalled(self, now_s: float) -> bool:
        """Whether the child has reported nothing for too long."""
        return now_s - self._heard_s > self.stall_s
