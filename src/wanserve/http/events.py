"""Event streams: server-sent events about a task, or about all tasks of an account. They are views of the task table.

Nothing is kept for a stream. Its `Last-Event-ID` says how much of the table the client has seen, so that another
connection, another server on the same table, or this one after a restart goes on where it broke off.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import pydantic_core
from starlette.types import Receive, Send

from wanserve.domain.account import Key
from wanserve.domain.errors import WanserveError
from wanserve.domain.search import Search
from wanserve.domain.task import UNFINISHED, State, Task
from wanserve.http.dialects.base import Events, JsonObject
from wanserve.http.feed import Feed, Watch
from wanserve.http.lookups import Lookup
from wanserve.http.runners import Runner
from wanserve.outlook import Outlook
from wanserve.tasks import Tasks

log = logging.getLogger(__name__)

COMMENT_SECONDS: Final = 15.0
"""How often something is sent at least, so that no proxy takes the connection for dead."""

SEND_SECONDS: Final = 10.0
"""How long a client may take to read what was sent. One that is slower is disconnected, and resumes."""

RETRY_MS: Final = 2000
"""When a client connects again, unless it has its own idea."""

RESUMED_MS: Final = 10_000
"""By how much a resumed stream of an account goes back: what had ended then may be told twice, and is never left out."""

RESUMED_MAX: Final = 1000

HEADERS: Final = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store, no-transform"),
    # nginx would collect events until its buffer is full.
    (b"x-accel-buffering", b"no"),
)

ENDS: Final = {
    State.SUCCEEDED: "video.completed",
    State.FAILED: "video.failed",
    State.CANCELED: "video.canceled",
}
"""The name of a task's last event. Every other one is `video.progress`."""

DELETED: Final = "video.deleted"
PREVIEW: Final = "video.preview"


STAGE_HEADER: Final = "wanserve-stage"
STEP_HEADER: Final = "wanserve-step"
PLACE_HEADER: Final = "wanserve-place"
SECONDS_LEFT_HEADER: Final = "wanserve-seconds-left"


def outlook_headers(outlook: Outlook) -> list[tuple[str, str]]:
    """What is to come of a task, as headers of an answer about it. Dialects have no place for most of it in their bodies."""
    headers = [(STAGE_HEADER, outlook.stage.value)]
    if outlook.steps:
        headers.append((STEP_HEADER, f"{outlook.step}/{outlook.steps}"))
    if outlook.place is not None:
        headers.append((PLACE_HEADER, str(outlook.place)))
    if outlook.seconds_left is not None:
        headers.append((SECONDS_LEFT_HEADER, f"{outlook.seconds_left:.0f}"))
    return headers


def any_task(task: Task) -> bool:
    """Whether a stream tells of the task: it tells of all."""
    return True


@dataclass(frozen=True, slots=True)
class Streams:
    """Sends event streams. `stopping` ends them, as clients resume at the next server."""

    tasks: Tasks
    outlook: Lookup[Task, Outlook | None]
    feed: Feed
    read: Runner
    list: Runner
    stopping: threading.Event

    async def serve(
        self,
        operation: Events,
        key: Key,
        task_id: str | None,
        last_event_id: str | None,
        still_valid: Callable[[], Awaitable[object]],
        receive: Receive,
        send: Send,
        wanted: Callable[[Task], bool] = any_task,
    ) -> None:
        """Send events until the task has ended, the client goes away or is too slow, or the key is not valid any more.

        `still_valid` raises WanserveError once it is not. With `wanted` the events of other tasks are left out, except
        those of deleted ones. Raises TaskNotFound before anything is sent.
        """
        with self.feed.watch(key.account, task_id) as watch:
            stream = _Stream(self, operation, key.account, watch, send, wanted)
            first = await self._first(key.account, task_id, last_event_id)
            try:
                await stream.begin(first)
                await stream.go_on(receive, still_valid)
            except TimeoutError:
                log.info("an event stream ends: its client did not read for %g s", SEND_SECONDS)
                return
            await stream.end()

    async def _first(self, account: str, task_id: str | None, last_event_id: str | None) -> Sequence[Task]:
        """What a client is told at once: what it has not seen. An id that nobody sent is taken for none."""
        seen = int(last_event_id) if last_event_id and last_event_id.isdecimal() and len(last_event_id) < 18 else None
        if task_id is not None:
            task = await self.read(partial(self.tasks.get, account, task_id))
            self.feed.note(task)
            return [] if task.changes == seen and task.state in UNFINISHED else [task]
        waiting = Search(UNFINISHED, oldest_first=True, limit=RESUMED_MAX)
        tasks = list((await self.list(partial(self.tasks.search, account, waiting))).tasks)
        for task in tasks:
            self.feed.note(task)
        if seen is not None:
            ended = Search(tuple(ENDS), ended_since_ms=seen - RESUMED_MS, limit=RESUMED_MAX)
            found = await self.list(partial(self.tasks.search, account, ended))
            tasks = [*reversed(found.tasks), *tasks]
        return tasks

    async def event(self, operation: Events, task_id: str, task: Task | None, number: int | None, shown: int) -> bytes:
        """One event, and one before it for a preview that is newer than that of the step `shown`.

        Its number is that of the task's changes, or the given one.
        """
        if task is None:
            return _event(DELETED, number or 0, operation.write_deleted(task_id))
        outlook = await self.outlook(task)
        if outlook is not None:
            self.feed.note_place(task_id, outlook.place)
        name = ENDS.get(task.state, "video.progress")
        number = task.changes if number is None else number
        event = _event(name, number, operation.write(task, outlook))
        if task.preview > shown and task.state is State.RUNNING:
            return _event(PREVIEW, number, operation.write_preview(task)) + event
        return event


def _event(name: str, number: int, data: JsonObject) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (number, name.encode(), pydantic_core.to_json(data))


@dataclass(slots=True)
class _Stream:
    """One open stream."""

    streams: Streams
    operation: Events
    account: str
    watch: Watch
    send: Send
    wanted: Callable[[Task], bool] = any_task
    over: bool = False
    shown: dict[str, int] = field(default_factory=dict)
    """The step of the preview that was told last, by task."""

    async def begin(self, first: Iterable[Task]) -> None:
        """Send the head, and what the client is told at once."""
        await self.send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
        await self._send(b"retry: %d\n\n" % RETRY_MS)
        await self._tell({task.id: task for task in first})

    async def go_on(self, receive: Receive, still_valid: Callable[[], Awaitable[object]]) -> None:
        """Send the news until the stream is over."""
        gone = asyncio.ensure_future(_until_gone(receive))
        loop = asyncio.get_running_loop()
        comment_at_s = loop.time() + COMMENT_SECONDS
        try:
            while not self.over and not gone.done() and not self.streams.stopping.is_set():
                arrived = asyncio.ensure_future(self.watch.arrived.wait())
                pause_s = max(0.0, comment_at_s - loop.time())
                await asyncio.wait({arrived, gone}, timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
                arrived.cancel()
                if gone.done():
                    return
                if news := self.watch.take():
                    await self._tell(news)
                    comment_at_s = loop.time() + COMMENT_SECONDS
                elif loop.time() >= comment_at_s:
                    await still_valid()
                    await self._send(b":\n\n")
                    comment_at_s = loop.time() + COMMENT_SECONDS
        except WanserveError:
            # The key was revoked meanwhile, or cannot be read; a client whose key is valid comes again.
            return
        finally:
            gone.cancel()

    async def end(self) -> None:
        """Send the end of the answer."""
        async with asyncio.timeout(SEND_SECONDS):
            await self.send({"type": "http.response.body", "body": b""})

    async def _tell(self, news: dict[str, Task | None]) -> None:
        number = None if self.watch.task_id is not None else self.streams.tasks.store.now_ms()
        events = []
        for task_id, task in news.items():
            if task is not None and not self.wanted(task):
                continue
            shown = self.shown.pop(task_id, 0)
            events.append(await self.streams.event(self.operation, task_id, task, number, shown))
            if task is not None and task.state is State.RUNNING:
                self.shown[task_id] = task.preview
        if events:
            await self._send(b"".join(events))
        if self.watch.task_id is not None:
            self.over = any(task is None or task.state not in UNFINISHED for task in news.values())

    async def _send(self, content: bytes) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await self.send({"type": "http.response.body", "body": content, "more_body": True})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
