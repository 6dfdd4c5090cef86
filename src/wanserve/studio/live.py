"""What the pages of the studio are told while tasks run: the same JSON in the stream of events and in a poll."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from wanserve.domain.task import UNFINISHED, Task
from wanserve.http.dialects.base import DialectRequest, Docs, Events, JsonObject
from wanserve.http.events import Streams
from wanserve.http.runners import Runners
from wanserve.outlook import Outlook
from wanserve.studio.endpoint import FindKey
from wanserve.studio.language import Language
from wanserve.studio.rendering import Pages
from wanserve.studio.visit import Visit

KEPT_STATUSES: Final = 1000
"""How many rendered states are kept: all open pages of an account are told the same."""

DELETED: Final = "DELETED"
"""In place of a state, for a task that is gone."""


async def outlook_of(runners: Runners, task: Task) -> Outlook | None:
    """What is to come of a task; None where it has ended, which takes no look at the table."""
    return await runners.outlook(task) if task.state in UNFINISHED else None


def status_of(pages: Pages, language: Language, task: Task, outlook: Outlook | None) -> JsonObject:
    """How far a task is: its id and state, when it was submitted, and the HTML that shows it."""
    html = pages.status(language, task, outlook)
    return {"id": task.id, "state": task.state, "submitted_ms": task.submitted_ms, "html": html}


def gone(task_id: str) -> JsonObject:
    """The same of a task that was deleted."""
    return {"id": task_id, "state": DELETED}


def operations(pages: Pages) -> dict[Language, Events]:
    """The stream of all tasks of an account, in each language."""

    @lru_cache(KEPT_STATUSES)
    def rendered(
        language: Language, task_id: str, changes: int, outlook: Outlook | None, task: _Uncompared
    ) -> JsonObject:
        return status_of(pages, language, task.task, outlook)

    def write(language: Language, task: Task, outlook: Outlook | None) -> JsonObject:
        if outlook is not None and outlook.seconds_left is not None:
            # What is shown is rounded too; so all pages that are told within a second share one rendering.
            outlook = replace(outlook, seconds_left=float(round(outlook.seconds_left)))
        return rendered(language, task.id, task.changes, outlook, _Uncompared(task))

    return {
        language: Events(
            method="GET",
            path="/studio/events",
            read=_all_tasks,
            write=partial(write, language),
            write_preview=_preview,
            write_deleted=gone,
            docs=Docs(operation_id="studio_events", summary="What happens to the tasks on the studio's pages"),
        )
        for language in Language
    }


@dataclass(frozen=True, slots=True)
class _Uncompared:
    """A task, for a cache that compares its id and its number of changes instead."""

    task: Task = field(compare=False)


def _all_tasks(request: DialectRequest) -> None:
    """None for its task: the stream is of all."""


def _preview(task: Task) -> JsonObject:
    # The picture is in the HTML of the event that follows.
    return {"id": task.id}


def _time(text: str) -> int:
    """A time in milliseconds since 1970; 0 where it is none, so that nothing is left out."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0


@dataclass(frozen=True, slots=True)
class Live:
    """Sends the stream."""

    streams: Streams
    operations: Mapping[Language, Events]
    find_key: FindKey

    async def stream(self, visit: Visit) -> ASGIApp:
        """The stream of the tasks on a page, until the browser goes away or the session is over.

        The page names those that it shows, and the time when it was made: it is also told of tasks that came later. A
        page that opens another stream names the last event of the one before, as a browser does that connects again.
        In a long queue each claim changes the place of every task, and most of them are on no page.
        """
        shown, since_ms = set(visit.query.getlist("id")), _time(visit.query.get("since", ""))

        def wanted(task: Task) -> bool:
            return task.id in shown or task.submitted_ms >= since_ms

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            operation = self.operations[visit.language]
            last_event_id = visit.headers.get("last-event-id") or visit.query.get("last")
            still_valid = partial(self.find_key, visit.session)
            await self.streams.serve(
                operation, visit.signed_in, None, last_event_id, still_valid, receive, send, wanted
            )

        return answer
