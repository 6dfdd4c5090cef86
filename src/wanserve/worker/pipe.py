"""The child's end of the pipe: a thread reads the commands, and any thread sends events."""

import os
import queue
import threading
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import assert_never

from wanserve.worker.protocol import Cancel, ChildConfig, Command, Event, Generate, Load, Ping, Pong, Probe

Job = Load | Generate | Probe
"""The commands that the child's main thread runs one after another."""


@dataclass(slots=True)
class EventSender:
    """Sends events to the parent. May be used from any thread."""

    pipe: "Connection[Event, Command]"
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def send(self, event: Event) -> None:
        """Send the event; where nobody reads the pipe any more, this process ends."""
        try:
            with self._lock:
                self.pipe.send(event)
        except OSError:
            os._exit(0)


class CommandReader:
    """Reads the commands in a thread of its own, so that a cancel and a ping are noticed while the engine works."""

    def __init__(self, sender: EventSender) -> None:
        self._sender = sender
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self.cancel_requested = threading.Event()
        self.superseded = False
        """Whether the cancel was requested because another attempt has the task."""

    def start(self) -> None:
        """Begin to read."""
        threading.Thread(target=self._read, name="commands", daemon=True).start()

    def next_job(self) -> Job:
        """Wait for the next model to load, video to make or test file to write."""
        return self._jobs.get()

    def _read(self) -> None:
        while True:
            try:
                command: Command = self._sender.pipe.recv()
            except (EOFError, OSError):
                # The parent has ended or has closed the pipe. Native code may hold the main thread for minutes, and
                # nothing that this process holds needs a clean end: the parent sweeps an unfinished file.
                os._exit(0)
            match command:
                case Generate():
                    self.cancel_requested.clear()
                    self._jobs.put(command)
                case Load() | Probe():
                    self._jobs.put(command)
                case Cancel(superseded):
                    self.superseded = superseded
                    self.cancel_requested.set()
                case Ping():
                    self._sender.send(Pong())
                case ChildConfig():
                    raise AssertionError("the configuration comes once, before the commands are read")
                case _:
                    assert_never(command)
