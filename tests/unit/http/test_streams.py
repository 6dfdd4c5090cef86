"""Event streams without a server: comments, slow readers, revoked keys, deleted tasks, and how seldom they look."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from starlette.types import Message

from tests.samples import VIDEO, heartbeat, unaccepted
from wanserve.domain.account import Key
from wanserve.domain.catalogue import MODELS
from wanserve.domain.errors import InvalidKey, StoreUnavailable, TaskNotFound
from wanserve.domain.ports import TaskVersion
from wanserve.domain.task import Succeeded, Task
from wanserve.http import events, feed
from wanserve.http.dialects.base import Events
from wanserve.http.dialects.openai import OpenAI
from wanserve.http.events import Streams
from wanserve.http.feed import Feed
from wanserve.http.lookups import OneByOne
from wanserve.http.runners import on_event_loop
from wanserve.outlook import Outlooks
from wanserve.store.memory import MemoryTasks
from wanserve.store.memory_times import MemoryTimes
from wanserve.tasks import Policy, Tasks

KEY = Key("ann", "ann", "00", 0)
(ONE, ALL) = [each for each in OpenAI(1000).operations if isinstance(each, Events)]
PATIENCE_S = 30


class Table(MemoryTasks):
    """Fails some looks."""

    faults = 0

    def changes(self, *asked: Any) -> list[TaskVersion]:
        if self.faults:
            self.faults -= 1
            raise StoreUnavailable("busy")
        return super().changes(*asked)


@dataclass
class Client:
    """The other end of a stream: what it was sent, and whether it goes away or reads nothing any more."""

    sent: list[bytes] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    reads: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.reads.set()

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await self.reads.wait()
        self.sent.append(message.get("body", b""))
        self.arrived.set()

    async def until(self, met: Callable[[bytes], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not met(b"".join(self.sent)):
                self.arrived.clear()
                await self.arrived.wait()


@dataclass
class Scene:
    now: int = 1_000_000
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.store = Table(lambda: self.now)
        self.tasks = Tasks(self.store, lambda: MODELS, lambda: "an-id", lambda: 7, Policy())
        self.feed = Feed(self.store, on_event_loop, self.stopping)
        outlook = OneByOne(Outlooks(self.store, MemoryTimes(), lambda: 0.0).of)
        self.streams = Streams(self.tasks, outlook, self.feed, on_event_loop, on_event_loop, self.stopping)
        self.valid = True

    def submit(self, account: str = "ann") -> Task:
        return self.store.add(unaccepted(account), 100).result(0)

    async def still_valid(self) -> None:
        if not self.valid:
            raise InvalidKey("revoked")

    @asynccontextmanager
    async def stream(self, task: Task | None, last: str | None = None) -> AsyncIterator[Client]:
        """An open stream of the task, or of the account. It has to be over at the end of the block."""
        client, operation = Client(), ALL if task is None else ONE
        task_id = None if task is None else task.id
        serving = asyncio.create_task(
            self.streams.serve(operation, KEY, task_id, last, self.still_valid, client.receive, client.send)
        )
        yield client
        async with asyncio.timeout(PATIENCE_S):
            await serving


def plays(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(feed, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(feed, "APART_SECONDS", 0.01)
    monkeypatch.setattr(feed, "PLACES_SECONDS", 0.01)
    return Scene()


def test_each_change_is_told_until_the_end(scene: Scene) -> None:
    async def scenario() -> None:
        task = scene.submit()
        async with scene.stream(task) as client:
            await client.until(lambda sent: b"waiting" in sent)
            claimed = scene.store.claim("worker", MODELS, 60, None)
            assert claimed is not None
            await client.until(lambda sent: b'"running"' in sent)
            scene.store.renew(claimed, 60, replace(heartbeat(0.5, step=2, steps=4), left_s=3.0))
            await client.until(lambda sent: b'"step":2,"steps":4,"fraction":0.5' in sent)
            scene.store.settle(claimed, Succeeded(VIDEO))
        assert client.sent[-1] == b"", "the end of the answer"
        assert client.sent[-2].startswith(b"id: 3\nevent: video.completed\n")

    plays(scenario())


def test_the_end_is_told_at_once_also_right_after_a_step(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        task = scene.submit()
        claimed = scene.store.claim("worker", MODELS, 60, None)
        assert claimed is not None
        async with scene.stream(task) as client:
            await client.until(lambda sent: b'"running"' in sent)
            # From now on no second event of a task is due while it runs.
            monkeypatch.setattr(feed, "APART_SECONDS", 3600.0)
            scene.store.renew(claimed, 60, heartbeat(0.5, step=2, steps=4))
            scene.store.settle(claimed, Succeeded(VIDEO))
        assert client.sent[-2].startswith(b"id: 3\nevent: video.completed\n")

    plays(scenario())


def test_a_place_that_gets_better_is_told(scene: Scene) -> None:
    async def scenario() -> None:
        scene.submit()
        task = scene.submit()
        async with scene.stream(task) as client:
            await client.until(lambda sent: b'"place":2' in sent)
            scene.store.claim("worker", MODELS, 60, None)
            await client.until(lambda sent: b'"place":1' in sent)
            client.gone.set()

    plays(scenario())


def test_a_deleted_task_ends_its_stream(scene: Scene) -> None:
    async def scenario() -> None:
        task = scene.submit()
        async with scene.stream(task) as client:
            await client.until(lambda sent: b"waiting" in sent)
            scene.store.remove("ann", task.id)
        assert b"event: video.deleted\n" in client.sent[-2]

    plays(scenario())


def test_an_unknown_task_is_refused_before_anything_is_sent(scene: Scene) -> None:
    async def scenario() -> None:
        client = Client()
        serve = scene.streams.serve(
            ONE, KEY, scene.submit("ben").id, None, scene.still_valid, client.receive, client.send
        )
        with pytest.raises(TaskNotFound):
            await serve
        assert client.sent == []

    plays(scenario())


def test_what_was_seen_is_not_told_again(scene: Scene) -> None:
    async def scenario() -> None:
        task = scene.submit()
        scene.store.claim("worker", MODELS, 60, None)
        async with scene.stream(task, last="1") as client:
            await client.until(lambda sent: sent == b"retry: 2000\n\n")
            scene.store.cancel("ann", task.id, ("RUNNING",))  # type: ignore[arg-type]
        assert [part.count(b"event: ") for part in client.sent if part] == [0, 1]

    plays(scenario())


def test_a_client_that_does_not_read_is_disconnected(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "SEND_SECONDS", 0.05)

    async def scenario() -> None:
        task = scene.submit()
        async with scene.stream(task) as client:
            await client.until(lambda sent: b"waiting" in sent)
            client.reads.clear()
            scene.store.claim("worker", MODELS, 60, None)
        assert client.sent[-1] != b"", "the answer was not ended: the connection is closed"

    plays(scenario())


def test_comments_keep_it_open_until_the_key_is_revoked(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "COMMENT_SECONDS", 0.02)

    async def scenario() -> None:
        async with scene.stream(scene.submit()) as client:
            await client.until(lambda sent: sent.count(b"\n:\n\n") + sent.count(b"\n\n:\n") >= 2)
            scene.valid = False

    plays(scenario())


def test_a_stop_ends_every_stream(scene: Scene) -> None:
    async def scenario() -> None:
        async with scene.stream(scene.submit()) as one, scene.stream(None) as other:
            for client in (one, other):
                await client.until(lambda sent: b"waiting" in sent)
            scene.stopping.set()
        assert (one.sent[-1], other.sent[-1]) == (b"", b"")

    plays(scenario())


def test_all_streams_share_the_looks_and_nobody_looks_without_one(scene: Scene) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as opened:
            clients = [await opened.enter_async_context(scene.stream(scene.submit())) for _ in range(20)]
            for client in clients:
                await client.until(lambda sent: b"waiting" in sent)
            looking = scene.feed._looking
            assert looking is not None
            for client in clients:
                client.gone.set()
        async with asyncio.timeout(PATIENCE_S):
            await looking
        assert scene.feed._looking is None, "one looks for all, until none is left"

    plays(scenario())


def test_a_table_that_cannot_be_read_for_a_while_ends_no_stream(scene: Scene) -> None:
    async def scenario() -> None:
        task = scene.submit()
        async with scene.stream(task) as client:
            await client.until(lambda sent: b"waiting" in sent)
            scene.store.faults = 3
            scene.store.claim("worker", MODELS, 60, None)
            await client.until(lambda sent: b'"running"' in sent)
            client.gone.set()

    plays(scenario())
