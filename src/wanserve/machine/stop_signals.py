"""Handles the signals that stop this process, and ends it in time, whatever clients and disks do.

A thread of its own waits for the signals. Python runs signal handlers in the main thread only, and that one may be
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
"""What a stop may take besides the drain: the last answers, the database's last commit."""

ABORT_SECONDS: Final = 3.0
"""The same after a second signal, which means at once: running tasks are given back first. A third ends the process."""


@dataclass(slots=True)
class StopSignals:
    """Calls `on_stop` at the first signal and `on_abort` at the second, in its own thread; then ends the process.

    `leave` ends it with an exit status where it has not ended by itself `drain_s` + GRACE_SECONDS after the first
    signal, or ABORT_SECONDS after the second. Accepted tasks are on the disk by then, and running ones are taken back
    at the next start.
    """

    drain_s: float
    on_stop: Callable[[], None]
    on_abort: Callable[[], None]
    leave: Callable[[int], None] = os._exit
    asked: threading.Event = field(default_factory=threading.Event, init=False)
    """Set once the process is to stop."""

    def listen(self, numbers: socket.socket) -> None:
        """Act on the signals whose numbers arrive as bytes, until the other side closes the socket."""
        deadline_s = float("inf")
        count = 0
        while True:
            left_s = deadline_s - time.monotonic()
            numbers.settimeout(None if left_s == float("inf") else max(0.0, left_s))
            try:
                came = numbers.recv(1)
            except (TimeoutError, BlockingIOError):
                log.error(
                    "the stop takes too long: the process ends now, and the next start takes back the running tasks"
                )
                self.leave(1)
                return
            if not came:
                return
            if came[0] not in SIGNALS:
                continue
            count += 1
            deadline_s = min(deadline_s, time.monotonic() + self._act(count))

    def _act(self, count: int) -> float:
        """Do what the first, second or third signal asks for; in how many seconds the process must have ended."""
        if count == 1:
            log.info("stopping: running tasks may end within the drain time, no new one is claimed")
            self.asked.set()
            self.on_stop()
            return self.drain_s + GRACE_SECONDS
        if count == 2:
            log.info("stopping at once: running tasks are given back")
            self.on_abort()
            return ABORT_SECONDS
        return 0.0


@contextmanager
def listening(signals: StopSignals) -> Iterator[None]:
    """Handle the signals within the block. The main thread must enter it."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    before = {number: signal.signal(number, _ignored) for number in SIGNALS}
    # Python's handler in C writes the number here, in whichever thread the signal arrives.
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    thread = threading.Thread(target=signals.listen, args=(ours,), name="signals", daemon=True)
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


def _ignored(*_: object) -> None:
    """The handler in Python, which does nothing: the signal's number has reached the thread already."""
