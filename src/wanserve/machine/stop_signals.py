"""Hears the signals that end this process, and sees that it ends: within its time, whatever clients and disks do.

The signals are heard by a thread of their own. Python runs its handlers in the main thread only, and that one may be
waiting for a disk that does not answer.
"""

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

log = logging.getLogger(__name__)

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

GRACE_SECONDS: Final = 4.0
"""For what a stop takes besides the drain: the last answers, the database's last commit."""

HURRY_SECONDS: Final = 3.0
"""The same after a second signal, which means at once: what runs is given back first. After a third there is none."""


@dataclass(slots=True)
class Stopping:
    """Calls `on_stop` at the first signal and `on_hurry` at the second, in its own thread; then ends the process.

    `leave` ends it with an exit status, where it has not ended by itself `drain_s` + GRACE_SECONDS after the first
    signal, or HURRY_SECONDS after the second. What was accepted is on the disk by then, and what ran is taken back at
    the next start.
    """

    drain_s: float
    on_stop: Callable[[], None]
    on_hurry: Callable[[], None]
    leave: Callable[[int], None] = os._exit
    asked: threading.Event = field(default_factory=threading.Event, init=False)
    """Set once the process is to stop."""

    def hear(self, signals: socket.socket) -> None:
        """Act on the signals whose numbers come as bytes, until the socket is closed by the other side."""
        deadline_s = float("inf")
        count = 0
        while True:
            left_s = deadline_s - time.monotonic()
            signals.settimeout(None if left_s == float("inf") else max(0.0, left_s))
            try:
                came = signals.recv(1)
            except (TimeoutError, BlockingIOError):
                log.error("the stop takes too long: the process ends now, and what ran is made again after a start")
                self.leave(1)
                return
            if not came:
                return
            if came[0] not in SIGNALS:
                continue
            count += 1
            deadline_s = min(deadline_s, time.monotonic() + self._act(count))

    def _act(self, count: int) -> float:
        """Do what the signal of this number asks; in how many seconds the process must have ended."""
        if count == 1:
            log.info("stopping: what runs may take its time to end, nothing new is begun")
            self.asked.set()
            self.on_stop()
            return self.drain_s + GRACE_SECONDS
        if count == 2:
            log.info("stopping at once: what runs is given back")
            self.on_hurry()
            return HURRY_SECONDS
        return 0.0


@contextmanager
def heard(stopping: Stopping) -> Iterator[None]:
    """Hear the signals within the block. To be entered by the main thread."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    before = {number: signal.signal(number, _noted) for number in SIGNALS}
    # Written to by the handler in C, in whichever thread the signal meets.
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    thread = threading.Thread(target=stopping.hear, args=(ours,), name="signals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
        theirs.close()
        thread.join()
        with suppress(OSError):
            ours.close()


def _noted(*_: object) -> None:
    """The handler in Python, which has nothing to do: the number has gone to the thread by then."""
