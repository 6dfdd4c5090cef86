"""The workers and sweepers of this process: registers and starts them, drains or aborts them, and waits for their ends."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from wanserve.domain.errors import StoreUnavailable
from wanserve.domain.ports import TaskStore
from wanserve.domain.worker import WorkerRow
from wanserve.worker.loop import Worker
from wanserve.worker.sweepers import Sweepers

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS: Final = 5.0
"""How often the rows of the workers are written again."""


@dataclass(frozen=True, slots=True)
class FleetMember:
    """A worker, and its row in the task table as it is at the start."""

    worker: Worker
    registered: WorkerRow

    def row(self) -> WorkerRow:
        """The row with the worker's health as it is now."""
        return replace(self.registered, health=self.worker.health())


class Background(Protocol):
    """What runs in a thread of its own beside the workers, until it is stopped."""

    def run(self) -> None:
        """Run until `stop` is called."""

    def stop(self) -> None:
        """Have `run` return soon."""


@dataclass(slots=True)
class Fleet:
    """All that makes videos and cleans up in this process. Its methods may be called from any thread, each once.

    `background` runs from the start until the workers have ended: it tells of the ends of their tasks.
    """

    store: TaskStore
    installation: str
    members: Sequence[FleetMember]
    sweepers: Sweepers
    heartbeat_s: float = HEARTBEAT_SECONDS
    background: Sequence[Background] = ()
    _threads: list[threading.Thread] = field(default_factory=list, init=False)
    _others: list[threading.Thread] = field(default_factory=list, init=False)
    _ended: threading.Event = field(default_factory=threading.Event, init=False)

    def take_back(self) -> None:
        """Before the start: take back what the former workers of this installation ran, and look at the files once.

        Raises StoreUnavailable.
        """
        self.sweepers.leases.take_back_abandoned(self.installation)
        self.store.remove_workers(self.installation)
        self.sweepers.sweep_files()

    def start(self) -> None:
        """Register the workers and start all threads. Raises StoreUnavailable."""
        for member in self.members:
            self.store.save_worker(member.row())
        self._threads = [threading.Thread(target=member.worker.run, name="worker") for member in self.members]
        self._others = [
            threading.Thread(target=self.sweepers.run, name="sweepers"),
            threading.Thread(target=self._send_heartbeats, name="heartbeats"),
            *(threading.Thread(target=each.run, name="background") for each in self.background),
        ]
        for thread in (*self._threads, *self._others):
            thread.start()

    def rows(self) -> list[WorkerRow]:
        """The rows of the workers, with their health as it is now."""
        return [member.row() for member in self.members]

    def drain(self) -> None:
        """Claim nothing more, and let what runs end within the drain time."""
        for member in self.members:
            member.worker.stop()

    def abort(self) -> None:
        """Give back at once what still runs. To be called after `drain`."""
        for member in self.members:
            member.worker.abort()

    def join_workers(self) -> None:
        """Wait until every worker has ended."""
        for thread in self._threads:
            thread.join()

    def close(self) -> None:
        """End everything and wait for it; the store may be closed afterwards."""
        self.drain()
        self.sweepers.stop()
        self.join_workers()
        for each in self.background:
            each.stop()
        self._ended.set()
        for thread in self._others:
            thread.join()
        try:
            self.store.remove_workers(self.installation)
        except StoreUnavailable as error:
            log.error("the workers of this server stay registered until their heartbeats are too old: %s", error)

    def _send_heartbeats(self) -> None:
        while not self._ended.wait(self.heartbeat_s):
            try:
                for row in self.rows():
                    self.store.save_worker(row)
            except StoreUnavailable as error:
                log.error("the heartbeat of a worker was not written: %s", error)
            except Exception:
                # The outermost frame of this thread.
                log.exception("the heartbeats of the workers failed")
