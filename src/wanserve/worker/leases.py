"""When an attempt's heartbeat is due, and when its child has made no progress for too long. It reads no clock."""

from dataclasses import dataclass, field
from typing import Final

from wanserve.domain.progress import NOT_BEGUN, Progress, Stage

STORE_SECONDS: Final = 900.0
"""How long a child may take to send one file to another machine: 100 MB over a line of 1 Mbit/s."""

NEWS_SECONDS: Final = 0.5
"""How soon after the last heartbeat a new step or stage is told: those who watch the task see at most two a second."""

STORES: Final = Progress(1.0, Stage.STORE)


@dataclass(slots=True)
class Lease:
    """The heartbeat of one attempt: due every `heartbeat_s` seconds, and at least four times in a lease. Every `now_s` is a reading of one monotonic clock, in seconds."""

    started_s: float
    lease_s: float
    stall_s: float
    heartbeat_s: float
    progress: Progress = NOT_BEGUN
    storing: bool = field(default=False, init=False)
    """Whether the video is finished, and is being sent to another machine."""

    _news: bool = field(default=False, init=False)
    _renewed_s: float = field(init=False)
    _progressed_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._renewed_s = self._progressed_s = self.started_s

    def progressed(self, progress: Progress, now_s: float) -> None:
        """Note the progress that the child reported."""
        self._progressed_s = now_s
        if _what_is_told(progress) != _what_is_told(self.progress):
            self._news = True
        self.progress = progress

    def stores(self, now_s: float) -> None:
        """Note that the child has finished the video, and sends a file of it to another machine."""
        self.progressed(STORES, now_s)
        self.storing = True

    def due(self, now_s: float, *, told: bool) -> bool:
        """Whether a heartbeat is due; a call that says so counts as the heartbeat.

        `told`: the task may have been canceled, which makes it due at once. A new step or stage makes it due earlier.
        """
        pause_s = min(self.heartbeat_s, self.lease_s / 4)
        if self._news:
            pause_s = min(pause_s, NEWS_SECONDS)
        if not told and now_s - self._renewed_s < pause_s:
            return False
        self._renewed_s, self._news = now_s, False
        return True

    def stalled(self, now_s: float) -> bool:
        """Whether the child has reported no progress for too long."""
        allowed_s = max(self.stall_s, STORE_SECONDS) if self.storing else self.stall_s
        return now_s - self._progressed_s > allowed_s


def _what_is_told(progress: Progress) -> tuple[Stage, int, int]:
    return progress.stage, progress.step, progress.preview
