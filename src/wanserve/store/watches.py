"""Tells the threads of this process that run a task when somebody has canceled or deleted it."""

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

REMEMBERED: Final = 1000
"""How many of the last canceled tasks are remembered: a cancel may come just before its task is watched."""


class Watches:
    """The tasks that threads of this process watch. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watching: defaultdict[str, list[threading.Event]] = defaultdict(list)
        self._told: OrderedDict[str, None] = OrderedDict()

    @contextmanager
    def watch(self, task_id: str) -> Iterator[threading.Event]:
        """An event that is set once this task may have been canceled or deleted; the table says whether it was."""
        told = threading.Event()
        with self._lock:
            self._watching[task_id].append(told)
            if task_id in self._told:
                told.set()
        try:
            yield told
        finally:
            with self._lock:
                self._watching[task_id].remove(told)
                if not self._watching[task_id]:
                    del self._watching[task_id]

    def tell(self, task_id: str) -> None:
        """Set the events of this task."""
        with self._lock:
            self._told[task_id] = None
            if len(self._told) > REMEMBERED:
                self._told.popitem(last=False)
            for told in self._watching.get(task_id, ()):
                told.set()

    def tell_all(self) -> None:
        """Set the events of all tasks: what was told meanwhile may have been missed."""
        with self._lock:
            for events in self._watching.values():
                for told in events:
                    told.set()
