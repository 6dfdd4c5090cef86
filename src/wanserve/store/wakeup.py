"""Knows how a thread that waits for tasks hears of one in the same process."""

import threading


class Wakeup:
    """A counter that grows at each wake; whoever has not seen the newest count does not sleep."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = threading.Condition()

    def wake(self) -> None:
        """Count one more and let every waiting thread go."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def wait(self, seen: int, timeout_s: float) -> int:
        """The count, as soon as it differs from `seen`, or after `timeout_s` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._count != seen, timeout_s)
            return self._count
