"""The connection that listens: wake-ups, cancels, the server's clock, and whose turn it is to sweep."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

import psycopg

from wanserve.store.postgres import statements as sql
from wanserve.store.postgres.reasons import reason
from wanserve.store.rows import Fetched
from wanserve.store.wakeup import Wakeup
from wanserve.store.watches import Watches

Connection = psycopg.Connection[Fetched]

log = logging.getLogger(__name__)

CLOCK_SECONDS: Final = 60.0
"""How long a reading of the server's clock is used."""

RECONNECT_SECONDS: Final = 1.0
"""The pause before the connection is opened again."""

LISTEN_SECONDS: Final = 1.0
"""How long the listener waits for a notification before it looks at the clock, the lead and the end."""

SWEEPER_LOCK: Final = 0x77616F
"""The number of the advisory lock of the process that sweeps. PostgreSQL frees it when the connection ends."""


class Listener:
    """Listens in a thread of its own; after a lost connection it connects again. May be used from any thread."""

    def __init__(self, connect: Callable[[], AbstractContextManager[Connection]], first: Connection) -> None:
        """Read the server's clock on the open connection `first`, and start the thread. Raises psycopg.Error."""
        self.wakeup = Wakeup()
        self.watches = Watches()
        self._connect = connect
        self._closing = threading.Event()
        self._leads = False
        self._read_clock(first)
        self._thread = threading.Thread(target=self._listen, name="store-listener", daemon=True)
        self._thread.start()

    def now_ms(self) -> int:
        """The server's clock, in milliseconds since 1970: its last reading, carried on by the monotonic clock."""
        return _monotonic_ms() + self._ahead_ms

    def leads(self) -> bool:
        """Whether this process is the one that sweeps.

        Two may believe it for some seconds, after a connection was lost and before this end has noticed. Every statement
        of the sweeps has its own conditions, so that does no harm.
        """
        return self._leads

    def close(self, wake: Callable[[], None]) -> None:
        """End the thread. `wake` sends a notification, so that it need not wait for its next look."""
        self._closing.set()
        self.wakeup.wake()
        wake()
        self._thread.join()

    def _listen(self) -> None:
        pause_s = 0.0
        while not self._closing.wait(pause_s):
            pause_s = RECONNECT_SECONDS
            try:
                with self._connect() as connection:
                    self._hear(connection)
            except psycopg.Error as error:
                log.warning("the connection for notifications was lost, and is opened again: %s", reason(error))
            finally:
                self._leads = False

    def _hear(self, connection: Connection) -> None:
        connection.execute(sql.LISTEN)
        self._read_clock(connection)
        # Notifications may have been sent while this process did not listen.
        self.wakeup.wake()
        self.watches.tell_all()
        while not self._closing.is_set():
            self._try_to_lead(connection)
            for notification in connection.notifies(timeout=LISTEN_SECONDS, stop_after=1):
                if notification.channel == sql.CANCEL_CHANNEL:
                    self.watches.tell(notification.payload)
                else:
                    self.wakeup.wake()
            if time.monotonic() - self._clock_read_s > CLOCK_SECONDS:
                self._read_clock(connection)

    def _try_to_lead(self, connection: Connection) -> None:
        if self._leads or time.monotonic() - self._tried_to_lead_s < LISTEN_SECONDS:
            return
        self._tried_to_lead_s = time.monotonic()
        row = connection.execute(sql.TRY_TO_LEAD, (SWEEPER_LOCK,)).fetchone()
        self._leads = row == (True,)

    def _read_clock(self, connection: Connection) -> None:
        before_ms = _monotonic_ms()
        row = connection.execute(sql.NOW, {"now_ms": None}).fetchone()
        assert row is not None, "a function has a value"
        self._ahead_ms: int = row[0] - (before_ms + _monotonic_ms()) // 2
        self._clock_read_s = time.monotonic()

    _tried_to_lead_s = float("-inf")


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000
