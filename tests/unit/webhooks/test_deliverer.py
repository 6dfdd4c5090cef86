"""The deliverer on a store in memory, with a sender whose receivers a test holds up and lets go."""

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from tests.samples import VIDEO, unaccepted
from wanserve.domain.errors import BlobUnavailable, StoreUnavailable
from wanserve.domain.ports import Clock
from wanserve.domain.task import UNFINISHED, Succeeded, Task
from wanserve.domain.webhook_store import DeliverySearch, Due
from wanserve.domain.webhooks import Delivery, DeliveryState, Tried
from wanserve.machine.clocks import now_ms
from wanserve.store.memory import MemoryTasks
from wanserve.store.memory_webhooks import MemoryWebhooks
from wanserve.webhook_endpoints import Webhooks
from wanserve.webhooks.deliverer import PER_DESTINATION, Deliverer
from wanserve.webhooks.payload import Message

GOOD, SLOW = "https://good.example/", "https://slow.example/"
PATIENCE_S = 60
"""How long a test waits for what happens in another thread; it happens at once unless the code is wrong."""


@dataclass
class Sent:
    """One try, as the sender was asked for it."""

    url: str
    message: Message
    secrets: tuple[str, ...]


@dataclass
class ScriptedSender:
    """Answers at once, except where a URL is held up. `answers` are the next answers by URL; else 200."""

    held: set[str] = field(default_factory=set)
    answers: dict[str, list[Tried]] = field(default_factory=dict)
    tries: list[Sent] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    broken: bool = False
    closed: bool = False

    async def send(self, url: str, message: Message, secrets: tuple[str, ...]) -> Tried:
        with self.changed:
            self.tries.append(Sent(url, message, secrets))
            self.changed.notify_all()
        if self.broken:
            raise RuntimeError("a bug")
        while url in self.held:  # noqa: ASYNC110 - another thread lets it go
            await asyncio.sleep(0.001)
        left = self.answers.get(url)
        return left.pop(0) if left else Tried(200)

    async def close(self) -> None:
        self.closed = True

    def until(self, reached: Callable[[list[Sent]], bool]) -> list[Sent]:
        """The tries, once they are such."""
        with self.changed:
            assert self.changed.wait_for(lambda: reached(self.tries), PATIENCE_S)
            return list(self.tries)


class Outbox(MemoryWebhooks):
    """Tells what was noted, and can fail."""

    def __init__(self) -> None:
        super().__init__(now_ms)
        self.noted = threading.Condition()
        self.faults: list[Exception] = []

    def due(self) -> list[Due]:
        if self.faults:
            raise self.faults.pop()
        return super().due()

    def note(self, delivery: Delivery, tried: Tried, pause_ms: int | None) -> int | None:
        since = super().note(delivery, tried, pause_ms)
        with self.noted:
            self.noted.notify_all()
        return since

    def until(self, reached: Callable[[list[Delivery]], bool]) -> list[Delivery]:
        """The rows, once they are such."""

        def rows() -> list[Delivery]:
            return list(self.deliveries(DeliverySearch(limit=10_000)))

        with self.noted:
            assert self.noted.wait_for(lambda: reached(rows()), PATIENCE_S)
            return rows()


class Table(MemoryTasks):
    """Leads or does not, and tells that it was asked."""

    leading = True

    def __init__(self, clock: Clock, on_end: Callable[[Task], None]) -> None:
        super().__init__(clock, on_end)
        self.asked = threading.Event()

    def leads(self) -> bool:
        self.asked.set()
        return self.leading


@dataclass
class Scene:
    """A deliverer that is not started yet."""

    outbox: Outbox = field(default_factory=Outbox)
    sender: ScriptedSender = field(default_factory=ScriptedSender)
    told: list[Tried] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.table = Table(now_ms, self.outbox.task_ended)
        # The shortest pauses that the plan can give.
        self.hooks = Webhooks(self.outbox, chance=lambda: 0.0)
        self.deliverer = Deliverer(
            self.table,
            self.hooks,
            lambda: self.sender,
            lambda task: f"https://video.example/{task.id}",
            on_try=self.told.append,
            look_s=0.01,
            stop_s=0.01,
        )

    def end_task(self, account: str = "ann", webhook_url: str | None = None) -> Task:
        """A task that has just ended."""
        new = replace(unaccepted(account), webhook_url=webhook_url)
        self.table.add(new, 10_000).result()
        claimed = self.table.claim("worker", [new.generation.model], 60, None)
        assert claimed is not None
        assert self.table.settle(claimed, Succeeded(VIDEO))
        return claimed

    @contextmanager
    def delivering(self) -> Iterator[None]:
        thread = threading.Thread(target=self.deliverer.run)
        thread.start()
        try:
            yield
        finally:
            self.deliverer.stop()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
            assert self.sender.closed


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_the_end_of_a_task_is_sent(scene: Scene) -> None:
    added = scene.hooks.add("ann", GOOD)
    with scene.delivering():
        task = scene.end_task()
        (row,) = scene.outbox.until(lambda rows: [each.state for each in rows] == [DeliveryState.DELIVERED])
    (sent,) = scene.sender.tries
    assert (sent.url, sent.message.id, sent.secrets) == (GOOD, row.id, (added.secret,))
    data = json.loads(sent.message.body)["data"]
    assert (data["task_id"], data["url"]) == (task.id, f"https://video.example/{task.id}")
    assert scene.told == [Tried(200)]


def test_a_cancel_is_sent_and_the_url_of_a_task_too(scene: Scene) -> None:
    with scene.delivering():
        new = replace(unaccepted(), webhook_url=SLOW)
        scene.table.add(new, 10).result()
        scene.table.cancel("ann", new.id, UNFINISHED)
        (sent,) = scene.sender.until(lambda tries: len(tries) == 1)
    assert sent.url == SLOW
    assert sent.secrets == scene.hooks.account_secrets("ann")
    assert json.loads(sent.message.body)["type"] == "video.canceled"


def test_a_failed_try_is_made_again_with_the_same_id(scene: Scene) -> None:
    scene.hooks.add("ann", GOOD)
    scene.sender.answers[GOOD] = [Tried(500, "the receiver answered 500")]
    with scene.delivering():
        scene.end_task()
        (row,) = scene.outbox.until(lambda rows: rows[0].tries == 1)
        assert row.state is DeliveryState.PENDING
        scene.hooks.replay(row.id)
        scene.outbox.until(lambda rows: rows[0].state is DeliveryState.DELIVERED)
    first, second = scene.sender.tries
    assert first.message == second.message


def test_a_dead_receiver_delays_no_other_and_has_two_tries_at_a_time(scene: Scene) -> None:
    scene.hooks.add("ann", SLOW)
    scene.hooks.add("ann", GOOD)
    scene.sender.held = {SLOW}
    with scene.delivering():
        for _ in range(8):
            scene.end_task()
        scene.outbox.until(lambda rows: sum(row.state is DeliveryState.DELIVERED for row in rows) == 8)
        assert [sent.url for sent in scene.sender.tries].count(SLOW) == PER_DESTINATION
        scene.sender.held = set()
        scene.outbox.until(lambda rows: all(row.state is DeliveryState.DELIVERED for row in rows))
    assert len({sent.message.id for sent in scene.sender.tries}) == len(scene.sender.tries) == 16


def test_what_is_tried_at_a_stop_is_given_back(scene: Scene) -> None:
    scene.hooks.add("ann", SLOW)
    scene.sender.held = {SLOW}
    with scene.delivering():
        scene.end_task()
        scene.sender.until(lambda tries: len(tries) == 1)
    (row,) = scene.outbox.deliveries(DeliverySearch())
    assert (row.state, row.tries) == (DeliveryState.PENDING, 0)
    assert scene.outbox.due() == [Due(row.destination, "ann")]


def test_one_that_does_not_lead_sends_nothing(scene: Scene) -> None:
    scene.hooks.add("ann", GOOD)
    scene.table.leading = False
    scene.end_task()
    with scene.delivering():
        assert scene.table.asked.wait(PATIENCE_S)
        scene.table.asked.clear()
        assert scene.table.asked.wait(PATIENCE_S)
    assert scene.sender.tries == []
    assert scene.outbox.waiting() == 1


def test_what_waits_for_a_webhook_that_is_gone_is_dropped(scene: Scene) -> None:
    added = scene.hooks.add("ann", GOOD)
    scene.end_task()
    # As by a task that ended while the webhook was removed: its row is written after the others were given up.
    del scene.outbox._endpoints[added.id]
    with scene.delivering():
        (row,) = scene.outbox.until(lambda rows: rows[0].state is DeliveryState.FAILED)
    assert row.error == "the webhook was removed or is disabled"
    assert scene.sender.tries == []


def test_a_deleted_task_is_told_from_its_row(scene: Scene) -> None:
    scene.hooks.add("ann", GOOD)
    task = scene.end_task()
    scene.table.remove("ann", task.id)
    with scene.delivering():
        (sent,) = scene.sender.until(lambda tries: len(tries) == 1)
    data = json.loads(sent.message.body)["data"]
    assert (data["task_id"], data["url"], data["created_at"]) == (task.id, None, None)


def test_a_bucket_that_does_not_answer_costs_only_the_link(scene: Scene) -> None:
    def no_link(task: Task) -> str | None:
        raise BlobUnavailable("no answer")

    scene.hooks.add("ann", GOOD)
    scene.deliverer.link = no_link
    with scene.delivering():
        scene.end_task()
        (sent,) = scene.sender.until(lambda tries: len(tries) == 1)
    assert json.loads(sent.message.body)["data"]["url"] is None


def test_a_store_that_is_away_is_asked_again(
    scene: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wanserve.webhooks.deliverer.PAUSE_SECONDS", 0.0)
    scene.hooks.add("ann", GOOD)
    scene.outbox.faults = [StoreUnavailable("the task table cannot be read: busy")]
    with scene.delivering():
        scene.end_task()
        scene.sender.until(lambda tries: len(tries) == 1)
    assert "the webhooks that are due were not read: the task table cannot be read: busy" in caplog.text


def test_a_bug_of_one_try_ends_nothing_else(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.deliverer.lease_ms = 1
    scene.hooks.add("ann", GOOD)
    scene.sender.broken = True
    with scene.delivering(), caplog.at_level(logging.ERROR):
        scene.end_task()
        scene.sender.until(lambda tries: len(tries) >= 1)
        scene.sender.broken = False
        scene.outbox.until(lambda rows: rows[0].state is DeliveryState.DELIVERED)
    assert "could not be tried" in caplog.text


def test_a_bug_of_a_look_is_logged_and_the_next_one_is_made(
    scene: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wanserve.webhooks.deliverer.PAUSE_SECONDS", 0.0)
    scene.hooks.add("ann", GOOD)
    with scene.delivering():
        for tries in (1, 2):
            scene.end_task()
            scene.sender.until(lambda sent, wanted=tries: len(sent) == wanted)  # type: ignore[misc]
            scene.outbox.faults = [RuntimeError("a bug")]
    assert "the delivery of webhooks failed, and begins again" in caplog.text


def test_a_try_that_outlives_its_lease_is_not_made_twice_at_once(scene: Scene) -> None:
    scene.deliverer.lease_ms = 1
    scene.hooks.add("ann", SLOW)
    scene.hooks.add("ann", GOOD)
    scene.sender.held = {SLOW}
    with scene.delivering():
        scene.end_task()
        scene.sender.until(lambda sent: len(sent) == 2)
        # By the time that this one is delivered, the lease of the other has run out, and it was looked for again.
        scene.end_task()
        scene.outbox.until(lambda rows: sum(row.state is DeliveryState.DELIVERED for row in rows) == 2)
        assert len({sent.message.id for sent in scene.sender.tries}) == len(scene.sender.tries)
        scene.sender.held = set()
        scene.outbox.until(lambda rows: all(row.state is DeliveryState.DELIVERED for row in rows))


def test_a_stop_before_the_start_ends_at_once(scene: Scene) -> None:
    scene.deliverer.stop()
    scene.deliverer.run()
    assert scene.sender.tries == []
