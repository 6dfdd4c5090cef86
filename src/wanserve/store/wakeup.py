"""Wakes the threads of this process that wait for tasks."""

import threading


class Wakeup:
    """A counter of wakes. A thread waits only while it has seen the newest count."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = threading.Condition()

    def wake(self) -> None:
        """Increase the count and wake every waiting thread."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def wait(self, seen: int, timeout_s: float) -> int:
        """Wait until the count differs from `seen`, for at most `timeout_s` seconds. Returns the count."""
        with self._changed:
            self._changed.wait_for(lambda: self._count != seen, timeout_s)
            return self._count
