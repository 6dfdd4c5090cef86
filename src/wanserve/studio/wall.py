"""The wall: the account's videos as pictures, newest first, filtered and page by page."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from starlette.responses import Response

from wanserve.domain.search import Found, Search
from wanserve.domain.task import UNFINISHED, State, Task
from wanserve.http.runners import Runners
from wanserve.outlook import Outlook
from wanserve.studio.live import outlook_of
from wanserve.studio.rendering import Pages
from wanserve.studio.visit import Visit
from wanserve.tasks import Tasks

PAGE: Final = 24
"""How many videos one page of the wall has."""

FIRST_PAGE: Final = 12
"""How many of them come with the whole page, which is to be there at once. The next ones follow as they are scrolled to."""

TEXT_CHARACTERS: Final = 200

STATES: Final[Mapping[str, Collection[State]]] = {
    "all": tuple(State),
    "unfinished": tuple(UNFINISHED),
    "finished": (State.SUCCEEDED,),
    "failed": (State.FAILED, State.CANCELED),
}
"""The filters by state, by their names in the query."""

TaskWithOutlook = tuple[Task, Outlook | None]


@dataclass(frozen=True, slots=True)
class Filters:
    """What the visitor has chosen: "" for any model and any text."""

    state: str = "all"
    model: str = ""
    text: str = ""

    @property
    def chosen(self) -> bool:
        """Whether any of them leaves something out."""
        return self != Filters()


@dataclass(frozen=True, slots=True)
class WallPage:
    """A page of the wall. `after` is the id behind which the next page begins, None where there is none."""

    filters: Filters
    cards: Sequence[TaskWithOutlook]
    after: str | None


def read_filters(visit: Visit) -> Filters:
    """The filters of a visit; what is none of them counts as any."""
    state = visit.query.get("state", "all")
    text = visit.query.get("text", "").strip()[:TEXT_CHARACTERS].replace("\0", "")
    return Filters(state if state in STATES else "all", visit.query.get("of", ""), text)


@dataclass(frozen=True, slots=True)
class Wall:
    """Finds and shows the videos of an account."""

    tasks: Tasks
    runners: Runners
    pages: Pages

    async def part(self, visit: Visit) -> Response:
        """A page of the wall, for htmx."""
        return self.pages.page("_wall.html", visit, wall=await self.page(visit, PAGE))

    async def page(self, visit: Visit, limit: int = FIRST_PAGE) -> WallPage:
        """The page that the visit asks for, with at most so many videos."""
        filters = read_filters(visit)
        search = Search(
            STATES[filters.state],
            model=filters.model or None,
            text=filters.text or None,
            after=visit.query.get("after") or None,
            limit=limit,
        )
        found: Found = await self.runners.list(partial(self.tasks.search, visit.account, search))
        cards = [(task, await outlook_of(self.runners, task)) for task in found.tasks]
        return WallPage(filters, cards, found.tasks[-1].id if found.more else None)

    async def models(self, visit: Visit) -> list[str]:
        """The models by which one can filter."""
        served = await self.runners.read(self.tasks.catalogue)
        return [name for name in served if visit.signed_in.may_use(name)]
