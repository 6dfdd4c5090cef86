"""The page on which videos are asked for, and what its form does."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from starlette.responses import Response

from wanserve.domain.account import Key
from wanserve.domain.catalogue import ModelCard
from wanserve.domain.errors import InvalidRequest, ModerationBlocked, TaskNotFound, WanserveError
from wanserve.domain.idempotency import IdempotencyKey
from wanserve.domain.search import Search
from wanserve.domain.task import UNFINISHED, State, Task
from wanserve.http.rates import RateLimiter, RequestKind
from wanserve.http.runners import Runners
from wanserve.outlook import Outlook, Outlooks
from wanserve.studio.endpoint import see
from wanserve.studio.form import (
    LIMITS,
    Filled,
    choices,
    chosen_in,
    filled_from,
    fitted,
    lora_fields,
    once_of,
    read_filled,
    read_requests,
    rest_of,
)
from wanserve.studio.live import outlook_of
from wanserve.studio.rendering import HEADERS, Pages
from wanserve.studio.visit import Visit
from wanserve.studio.wall import Wall
from wanserve.tasks import Tasks

FIELDS: Final = (
    "prompt",
    "negative_prompt",
    "model",
    "size",
    "seconds",
    "seed",
    "takes",
    "profile",
    "steps",
    "guidance_scale",
    "loras",
)
"""The fields of the form that have a place for an error beside them."""


@dataclass(frozen=True, slots=True)
class Making:
    """The page, its form, the estimate before the click, and the submits."""

    tasks: Tasks
    outlooks: Outlooks
    rate_limiter: RateLimiter
    runners: Runners
    pages: Pages
    wall: Wall

    async def home(self, visit: Visit) -> Response:
        """The page: the form, the newest video, and the wall. `from` names a task whose settings are to be changed."""
        filled, restored = await self._first_filled(visit)
        return await self._whole(visit, await self._form(visit, filled) | {"restored": restored})

    async def form(self, visit: Visit) -> Response:
        """The form again, for another model: what stands in it stays as far as that model has it."""
        return self.pages.page("_form.html", visit, 200, **await self._form(visit, read_filled(visit.query)))

    async def estimate(self, visit: Visit) -> Response:
        """When a video would be ready that was asked for now, as one line."""
        cards = await self._cards(visit.signed_in)
        filled = self._fitted(read_filled(visit.query), cards)
        outlook = await self._before(visit.account, filled, cards[filled.model]) if filled.model in cards else None
        return self.pages.page("_estimate.html", visit, outlook=outlook)

    async def make(self, visit: Visit) -> Response:
        """Submit what was filled in: the form comes back, with the new tasks beside it or with what is wrong."""
        filled, made, refusal = read_filled(visit.form), list[Task](), None
        try:
            async for task in self._submitted(visit.signed_in, filled):
                made.append(task)
        except WanserveError as error:
            refusal = error
        if refusal is None and not visit.partial:
            return see(visit, "")
        if made:
            # What is still wanted is another submit; where something was refused, only the rest is.
            rest = filled if refusal is None else rest_of(filled, len(made))
            filled = replace(rest, once=str(uuid.uuid4()))
        form = await self._form(visit, filled, refusal)
        status = 200 if refusal is None else refusal.status
        if not visit.partial:
            return await self._whole(visit, form, status)
        cards = [(task, await outlook_of(self.runners, task)) for task in reversed(made)]
        return self.pages.page("_made.html", visit, status, **form, cards=cards)

    async def again(self, visit: Visit) -> Response:
        """Submit the settings of a task once more, with its seed or with another one, and show the new task."""
        task = await self.runners.task((visit.account, visit.task_id))
        # Without an idempotency key: who goes back to the page and asks again wants another one.
        filled = filled_from(task, "", same_seed=visit.form.get("seed") == "same")
        async for made in self._submitted(visit.signed_in, filled):
            task = made
        place = f"video?id={task.id}"
        return Response(headers={**HEADERS, "hx-redirect": place}) if visit.partial else see(visit, place)

    async def _whole(self, visit: Visit, form: Mapping[str, object], status: int = 200) -> Response:
        page, shown = await self.wall.page(visit), await self._shown(visit.account)
        outlook = await outlook_of(self.runners, shown) if shown else None
        models = await self.wall.models(visit)
        return self.pages.page(
            "home.html", visit, status, **form, wall=page, models=models, shown=shown, outlook=outlook
        )

    async def _submitted(self, key: Key, filled: Filled) -> AsyncIterator[Task]:
        for take, request in enumerate(read_requests(filled)):
            await self.rate_limiter.acquire(key, RequestKind.SUBMIT)
            submit = partial(self.tasks.submit, key, request, _idempotency(filled, take))
            yield await asyncio.wrap_future(await self.runners.read(submit))

    async def _form(self, visit: Visit, filled: Filled, refusal: WanserveError | None = None) -> dict[str, object]:
        """What the template of the form needs."""
        cards = await self._cards(visit.signed_in)
        fit = self._fitted(filled, cards)
        card = cards.get(fit.model)
        outlook = None if card is None else await self._before(visit.account, fit, card)
        field = refusal.field if isinstance(refusal, InvalidRequest | ModerationBlocked) else None
        return {
            "filled": fit,
            "cards_by_name": cards,
            "card": card,
            "choices": [] if card is None else choices(card),
            "lora_fields": [] if card is None else lora_fields(fit, card),
            "limits": LIMITS,
            "always_marked": self.tasks.policy.watermark_always,
            "before": outlook,
            "restored": "",
            "refusal": refusal,
            "refused_field": field if field in FIELDS else None,
        }

    async def _first_filled(self, visit: Visit) -> tuple[Filled, str]:
        """What stands in the form at first, and whose settings they are: "" where they are nobody's."""
        once, query = str(uuid.uuid4()), visit.query
        if "restore" in query:
            filled = read_filled(query)
            task = await self._made_with(visit.account, filled)
            if task is None:
                return replace(filled, once=once, prompt_extend=True), "without_prompt"
            return filled_from(task, once, same_seed=True), "whole"
        if "from" not in query:
            return Filled(once), ""
        try:
            task = await self.runners.task((visit.account, query["from"]))
        except TaskNotFound:
            # Its time is over: an empty form is of more use than an error.
            return Filled(once), ""
        return filled_from(task, once, same_seed="same_seed" in query), "changed"

    async def _made_with(self, account: str, filled: Filled) -> Task | None:
        """The account's newest video of this model, seed, size and choices, which are what a file tells of itself."""
        try:
            (request,) = read_requests(replace(filled, takes="1"))
        except InvalidRequest:
            return None
        search = Search((State.SUCCEEDED,), model=request.model, seed=request.seed)
        found = await self.runners.list(partial(self.tasks.search, account, search))
        wanted = filled.profile, filled.steps, filled.guidance_scale, filled.loras
        for task in found.tasks:
            made = filled_from(task, "", same_seed=True)
            size = task.generation.width, task.generation.height
            if size == request.size and (made.profile, made.steps, made.guidance_scale, made.loras) == wanted:
                return task
        return None

    async def _shown(self, account: str) -> Task | None:
        """The account's newest task, where it has not failed or been canceled; else its newest video."""
        for states in (tuple(State), (State.SUCCEEDED,)):
            found = await self.runners.list(partial(self.tasks.search, account, Search(states, limit=1)))
            if found.tasks and found.tasks[0].state in {State.SUCCEEDED, *UNFINISHED}:
                return found.tasks[0]
        return None

    async def _before(self, account: str, filled: Filled, card: ModelCard) -> Outlook:
        width, height = next(choice.size for choice in choices(card) if choice.name == filled.size)
        frames = card.frames_in(int(filled.seconds))
        chosen = chosen_in(filled, card)
        pace = "" if chosen is None else chosen.pace
        return await self.runners.read(partial(self.outlooks.before, account, card.name, width, height, frames, pace))

    async def _cards(self, key: Key) -> Mapping[str, ModelCard]:
        served = await self.runners.read(self.tasks.catalogue)
        return {name: card for name, card in served.items() if key.may_use(name)}

    def _fitted(self, filled: Filled, cards: Mapping[str, ModelCard]) -> Filled:
        return fitted(filled, cards, self.tasks.policy.default_model)


def _idempotency(filled: Filled, take: int) -> IdempotencyKey | None:
    once = once_of(filled, take)
    return None if once is None else IdempotencyKey(once)
