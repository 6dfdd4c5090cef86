"""Knows how many more tasks each lane (an account's queue for a model) may take, counted once in a group of submits.

Counting a queue takes as long as adding to it. The writer has the only writing connection and its transaction keeps
every other process out, so within a group a count stays true as long as only submits follow it.
"""

import sqlite3
from collections.abc import Callable

from wanserve.store import statements as sql


class Places:
    """For the writer's thread only. `epoch` tells the group, and within it what was written besides submits."""

    def __init__(self, epoch: Callable[[], int]) -> None:
        self._epoch = epoch
        self._counted_in = -1
        self._left: dict[tuple[str, str], int] = {}

    def take(self, connection: sqlite3.Connection, account: str, model: str, max_queued: int) -> bool:
        """Take a place in the lane; False where it is full. An account's own limit stands before `max_queued`."""
        if self._counted_in != self._epoch():
            self._counted_in = self._epoch()
            self._left.clear()
        lane = (account, model)
        left = self._left.get(lane)
        if left is None:
            (left,) = connection.execute(sql.COUNT_PLACES, (account, max_queued, account, model)).fetchone()
        self._left[lane] = left - 1
        return bool(left > 0)
