"""The page of one video, its files, and what can be done with it: cancel, delete, share."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from wanserve.domain.errors import InvalidRequest, VideoNotReady
from wanserve.domain.generation import Generation
from wanserve.domain.task import Task, Variant
from wanserve.http.dialects.base import EndpointNotFound
from wanserve.http.files import BucketFiles, FileSender, VideoLinks
from wanserve.http.origin import Origin
from wanserve.http.responses import send_json
from wanserve.http.runners import Runners
from wanserve.studio.endpoint import see
from wanserve.studio.live import gone, outlook_of, status_of
from wanserve.studio.rendering import HEADERS, Pages
from wanserve.studio.snippets import snippets
from wanserve.studio.understood import understood
from wanserve.studio.visit import Visit
from wanserve.tasks import Tasks

FILES: Final = {
    "video.mp4": Variant.VIDEO,
    "thumbnail.webp": Variant.THUMBNAIL,
    "sheet.jpg": Variant.SPRITESHEET,
    "preview.png": Variant.PREVIEW,
}
"""The files of a task, by their names in paths."""

TASKS_AT_ONCE: Final = 100
"""How many tasks one request for their states may name."""

SHARE_HOURS: Final = (1, 24, 168)
"""For how long a link may be shared, in hours; at most as long as the video is kept."""

COMPARED_MAX: Final = 4
"""How many videos are compared at most."""

CARD: Final = "card"
PARTS: Final = {CARD: "_card.html", "panel": "_panel.html"}
"""How a task is shown on the wall, and where it is watched: by the name in the query."""


@dataclass(frozen=True, slots=True)
class Watching:
    """Shows tasks, and does what is asked with one of them."""

    tasks: Tasks
    runners: Runners
    pages: Pages
    files: FileSender
    links: VideoLinks | BucketFiles
    origin: Origin

    async def video(self, visit: Visit) -> Response:
        """The page of one video."""
        task = await self.runners.task((visit.account, visit.query.get("id", "")))
        return self.pages.page(
            "video.html",
            visit,
            task=task,
            outlook=await outlook_of(self.runners, task),
            guessed_base=self._guessed_base(visit),
            snippets=snippets(task.generation, self.origin.base(visit.scope)),
            share_hours=SHARE_HOURS,
            understood=understood(task),
        )

    async def compare(self, visit: Visit) -> Response:
        """The page on which videos play in step."""
        asked = list(dict.fromkeys(visit.query.getlist("id")))
        if not 2 <= len(asked) <= COMPARED_MAX:
            raise InvalidRequest("id", f"must be given for 2 to {COMPARED_MAX} videos")
        tasks = [await self.runners.task((visit.account, task_id)) for task_id in asked]
        for task in tasks:
            if task.video is None:
                raise VideoNotReady(task.id, task.state)
        return self.pages.page("compare.html", visit, tasks=tasks, differing=_differing(tasks))

    async def share(self, visit: Visit) -> Response:
        """A link to the video that works without a session until it expires."""
        hours = visit.form.get("hours", "")
        if hours not in map(str, SHARE_HOURS):
            raise InvalidRequest("hours", f"must be one of {', '.join(map(str, SHARE_HOURS))}")
        task = await self.runners.task((visit.account, visit.task_id))
        until_ms = self.tasks.store.now_ms() + int(hours) * 3_600_000
        if (link := await self.links.shared_url(task, visit.scope, until_ms)) is None:
            raise VideoNotReady(task.id, task.state)
        template = "_shared.html" if visit.partial else "shared.html"
        return self.pages.page(template, visit, link=link, guessed_base=self._guessed_base(visit), until_ms=until_ms)

    async def part(self, visit: Visit) -> Response:
        """One task as it is shown on the wall, or where it is watched."""
        template = PARTS.get(visit.query.get("as", CARD))
        if template is None:
            raise InvalidRequest("as", f"must be one of {', '.join(PARTS)}")
        task = await self.runners.task((visit.account, visit.query.get("id", "")))
        return self.pages.page(template, visit, task=task, outlook=await outlook_of(self.runners, task))

    async def status(self, visit: Visit) -> Response:
        """How far a task is, as a part of its card or its page."""
        task = await self.runners.task((visit.account, visit.query.get("id", "")))
        return self.pages.page("_status.html", visit, task=task, outlook=await outlook_of(self.runners, task))

    async def states(self, visit: Visit) -> ASGIApp:
        """The states of some tasks, for browsers whose stream is interrupted."""
        asked = [(visit.account, task_id) for task_id in visit.query.getlist("id")[:TASKS_AT_ONCE]]
        found = [
            task for task in await self.runners.read(partial(self.tasks.get_many, asked)) if isinstance(task, Task)
        ]
        there = {task.id for task in found}
        told = [status_of(self.pages, visit.language, task, await outlook_of(self.runners, task)) for task in found]
        body = {"tasks": [*told, *(gone(task_id) for _, task_id in asked if task_id not in there)]}

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await send_json(send, 200, body)

        return answer

    async def cancel(self, visit: Visit) -> Response:
        """Cancel the task, and show it as it then is."""
        task = await self.runners.write(partial(self.tasks.cancel, visit.account, visit.task_id))
        if not visit.partial:
            return see(visit, f"video?id={task.id}")
        return self.pages.page(PARTS.get(visit.form.get("as", ""), PARTS[CARD]), visit, task=task, outlook=None)

    async def delete(self, visit: Visit) -> Response:
        """Delete the task; its page is gone then."""
        await self.runners.write(partial(self.tasks.delete, visit.account, visit.task_id))
        if not visit.partial:
            return see(visit, "")
        # A card leaves the wall; a page of its own leads back.
        return Response(headers={**HEADERS, **({} if visit.form.get("as") == CARD else {"hx-redirect": "./"})})

    async def file(self, visit: Visit) -> ASGIApp:
        """A file of a task, wherever it is stored: a page loads nothing of another host."""
        variant = FILES.get(visit.scope["path_params"]["name"])
        if variant is None:
            raise EndpointNotFound(f"there is no {visit.path}")
        task = await self.runners.read(partial(self.tasks.with_file, visit.account, visit.task_id, variant))

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await self.files.send(task, variant, scope, send)

        return answer

    def _guessed_base(self, visit: Visit) -> str:
        """How links on the page begin where no public URL is set, and the browser knows better; else ""."""
        return "" if self.origin.public_url else self.origin.base(visit.scope)


def _differing(tasks: Sequence[Task]) -> dict[str, list[object]]:
    """The settings in which the videos differ, by their names, with the value of each video."""
    made = [task.generation for task in tasks]
    names = [each.name for each in fields(Generation) if each.name not in ("width", "height")]
    values: dict[str, list[object]] = {name: [getattr(each, name) for each in made] for name in names}
    values["size"] = [f"{each.width}\N{MULTIPLICATION SIGN}{each.height}" for each in made]
    values["loras"] = [", ".join(lora.description for lora in each.loras) for each in made]
    differing = {name: each for name, each in values.items() if len(set(each)) > 1}
    return {name: ["" if value is None else value for value in each] for name, each in differing.items()}
