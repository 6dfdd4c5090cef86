"""Handles the signals that stop this process, and ends the process in time even if clients or disks do not respond.

A thread of its own waits for the signals. Python runs signal handlers in the main thread only, and the main thread may
be waiting for a disk that does not respond.
"""

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

log = logging.getLogger(__name__)

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

GRACE_SECONDS: Final = 4.0
"""How long a stop may take in addition to the drain: the last answers, the last commit of the database."""

ABORT_SECONDS: Final = 3.0
"""How long a stop may take after a second signal, which gives running tasks back. A third signal ends the process."""


@dataclass(slots=True)
class StopSignals:
    """Calls `on_stop` at the first signal and `on_abort` at the second, in its own thread.

    `exit_process` ends the process with an exit status if it is still there `drain_s` + GRACE_SECONDS after the first
    signal, or ABORT_SECONDS after the second. Accepted tasks are on the disk by then, and the next start takes back the
    running ones.
    """

    drain_s: float
    on_stop: Callable[[], None]
    on_abort: Callable[[], None]
    exit_process: Callable[[int], None] = os._exit

    def handle(self, numbers: socket.socket) -> None:
        """Handle the signals whose numbers arrive as bytes on the socket, until its other end is closed."""
        deadline_s = float("inf")
        count = 0
        while True:
            left_s = deadline_s - time.monotonic()
            numbers.settimeout(None if left_s == float("inf") else max(0.0, left_s))
            try:
                number = numbers.recv(1)
            except (TimeoutError, BlockingIOError):
                log.error(
                    "the stop takes too long: the process ends now, and the next start takes back the running tasks"
                )
                self.exit_process(1)
                return
            if not number:
                return
            if number[0] not in SIGNALS:
                continue
            count += 1
            deadline_s = min(deadline_s, time.monotonic() + self._act(count))

    def _act(self, count: int) -> float:
        """Act on the first, second or third signal. Returns in how many seconds the process must have ended."""
        if count == 1:
            log.info("stopping: running tasks may end within the drain time, no new one is claimed")
            self.on_stop()
            return self.drain_s + GRACE_SECONDS
        if count == 2:
            log.info("stopping at once: running tasks are given back")
            self.on_abort()
            return ABORT_SECONDS
        return 0.0


@contextmanager
def handle_signals(signals: StopSignals) -> Iterator[None]:
    """Within the block, handle the signals. The main thread must enter the block."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    previous = {number: signal.signal(number, _ignore) for number in SIGNALS}
    # CPython's own handler writes the number to this socket, in whichever thread the signal arrives.
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    thread = threading.Thread(target=signals.handle, args=(ours,), name="signals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in previous.items():
            signal.signal(number, handler)
        theirs.close()
        thread.join()
        with suppress(OSError):
            ours.close()


def _ignore(*_: object) -> None:
    """Do nothing: the handler in Python, which has no work left, as the thread has received the signal's number."""
