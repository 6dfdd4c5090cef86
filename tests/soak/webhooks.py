"""A receiver of a soak's webhooks that fails at times, and what has to hold of the messages that it got."""

import json
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.receiver import Receiver, receiving
from tests.soak.reckoning import Installation

FAILED_SHARE = 0.1
"""Of the first messages to each account this share is answered with 500."""

DELIVERED_SECONDS = 180
"""How long the last messages may take: what a kill left behind is sent after 20 seconds, two failures later after 42."""

TYPES = {"SUCCEEDED": "video.completed", "FAILED": "video.failed", "CANCELED": "video.canceled"}


@contextmanager
def unreliable(chance: random.Random, messages: int, accounts: tuple[str, ...]) -> Iterator[Receiver]:
    """A receiver with a path for each account."""
    statuses = {f"/{name}": [_status(chance) for _ in range(messages)] for name in accounts}
    with receiving(receiver=Receiver(statuses=statuses)) as made:
        yield made


def _status(chance: random.Random) -> int:
    return 500 if chance.random() < FAILED_SHARE else 204


def until_delivered(installation: Installation) -> None:
    """Wait until no message waits; for DELIVERED_SECONDS at most."""
    deadline = time.monotonic() + DELIVERED_SECONDS
    waiting = "SELECT count(*) FROM webhook_deliveries WHERE state = 'pending'"
    while installation.select(waiting) != [(0,)] and time.monotonic() < deadline:
        time.sleep(0.1)


def wrong(receiver: Receiver, installation: Installation, accepted: Mapping[str, str]) -> Iterator[str]:
    """What is off, a line each: each ended task is told at least once, always the same, to its account and no other."""
    tasks = installation.rows()
    messages: defaultdict[str, set[tuple[str, str, str]]] = defaultdict(set)
    for each in list(receiver.received):
        told = json.loads(each.body)
        messages[told["data"]["task_id"]].add((each.message_id, told["type"], each.path.removeprefix("/")))
    yield from (f"the end of task {task} was not told" for task in tasks.keys() - messages.keys())
    yield from (f"an end of task {task} was told, which is not there" for task in messages.keys() - tasks.keys())
    ids = [message_id for several in messages.values() for message_id, _, _ in several]
    yield from (f"message {each} tells of several ends" for each in set(ids) if ids.count(each) > 1)
    for task, several in messages.items():
        if task in tasks and {(kind, account) for _, kind, account in several} != {
            (TYPES[tasks[task].state], accepted.get(task))
        }:
            yield f"task {task} of {accepted.get(task)} is {tasks[task].state}, and was told as {sorted(several)}"
        if len(several) > 1:
            yield f"task {task} was told by several messages: {sorted(several)}"
