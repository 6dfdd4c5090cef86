"""The form that asks for videos: its fields from the model cards, and the requests that are made of what was filled in."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Final

from starlette.datastructures import QueryParams

from wanserve.domain.catalogue import ModelCard, Size
from wanserve.domain.choosing import LoraRequest, choose
from wanserve.domain.errors import InvalidRequest
from wanserve.domain.generation import Chosen, number_text
from wanserve.domain.rules import NEGATIVE_PROMPT_CHARACTERS, PROMPT_CHARACTERS, SEED_MAX, VideoRequest
from wanserve.domain.task import Task

TAKES_MAX: Final = 4
"""How many videos of one prompt are asked for at most with one click."""

_DECIMAL: Final = re.compile(r"-?\d{1,3}(\.\d{1,17})?", re.ASCII)
ONCE: Final = re.compile(r"[0-9a-f-]{1,64}")

LIMITS: Final[Mapping[str, int]] = {
    "prompt": PROMPT_CHARACTERS,
    "negative_prompt": NEGATIVE_PROMPT_CHARACTERS,
    "seed": SEED_MAX,
    "takes": TAKES_MAX,
}
"""The numbers in the hints of the fields."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What stands in the form. "" in `seed`: any. `once` is sent with it, so that sending it twice makes nothing twice.

    "" in `profile`, `steps` and `guidance_scale`: the model's own. `loras` are names with strengths; "": the owner's.
    """

    once: str
    prompt: str = ""
    negative_prompt: str = ""
    model: str = ""
    size: str = ""
    seconds: str = ""
    seed: str = ""
    takes: str = "1"
    watermark: bool = False
    prompt_extend: bool = True
    profile: str = ""
    steps: str = ""
    guidance_scale: str = ""
    loras: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """One size of a model, with the sides of a rectangle of the same shape, at most 1 long."""

    name: str
    size: Size

    @property
    def shape(self) -> tuple[float, float]:
        """Width and height of the rectangle."""
        longer = max(self.size)
        return self.size[0] / longer, self.size[1] / longer


def read_filled(form: QueryParams) -> Filled:
    """What was filled in; nothing is checked. A box that is not ticked is not sent."""
    return Filled(
        once=form.get("once", ""),
        prompt=form.get("prompt", ""),
        negative_prompt=form.get("negative_prompt", ""),
        model=form.get("model", ""),
        size=form.get("size", ""),
        seconds=form.get("seconds", ""),
        seed=form.get("seed", "").strip(),
        takes=form.get("takes", "1"),
        watermark="watermark" in form,
        prompt_extend="prompt_extend" in form,
        profile=form.get("profile", ""),
        steps=form.get("steps", "").strip(),
        guidance_scale=form.get("guidance_scale", "").strip(),
        loras=_read_loras(form),
    )


def _read_loras(form: QueryParams) -> tuple[tuple[str, str], ...]:
    """The LoRAs that were selected: each has a field for its name and one for its strength."""
    pairs = zip_longest(form.getlist("lora"), form.getlist("strength"), fillvalue="")
    return tuple((name, strength.strip()) for name, strength in pairs if name)


def filled_from(task: Task, once: str, *, same_seed: bool) -> Filled:
    """The form with the settings of a task."""
    made = task.generation
    return Filled(
        once=once,
        prompt=made.prompt,
        negative_prompt=made.negative_prompt,
        model=made.model,
        size=f"{made.width}*{made.height}",
        seconds=str(round(made.seconds)),
        seed=str(made.seed) if same_seed else "",
        watermark=made.watermark,
        prompt_extend=made.prompt_extend,
        profile=made.profile,
        steps="" if made.steps is None else str(made.steps),
        guidance_scale="" if made.guidance_scale is None else number_text(made.guidance_scale),
        loras=tuple((lora.name, number_text(lora.strength)) for lora in made.loras),
    )


def fitted(filled: Filled, cards: Mapping[str, ModelCard], default_model: str) -> Filled:
    """The form with choices that the model has: its defaults in place of those that it has not."""
    card = cards.get(filled.model) or cards.get(default_model) or next(iter(cards.values()), None)
    if card is None:
        return filled
    offered = {lora.name for lora in card.choices.loras}
    sizes, lengths = [choice.name for choice in choices(card)], list(map(str, card.lengths))
    return replace(
        filled,
        model=card.name,
        size=filled.size if filled.size in sizes else f"{card.default_size[0]}*{card.default_size[1]}",
        seconds=filled.seconds if filled.seconds in lengths else lengths[0],
        profile=filled.profile if filled.profile in card.choices.profiles else "",
        steps=filled.steps if card.choices.steps else "",
        guidance_scale=filled.guidance_scale if card.choices.guidance_scale else "",
        loras=tuple(each for each in filled.loras if each[0] in offered),
    )


def choices(card: ModelCard) -> list[Choice]:
    """The sizes of a model, widest shapes first."""
    sizes = sorted(card.sizes, key=lambda size: (-size[0] / size[1], -size[0]))
    return [Choice(f"{width}*{height}", (width, height)) for width, height in sizes]


def lora_fields(filled: Filled, card: ModelCard) -> list[tuple[str, str]]:
    """The fields for LoRAs, one for each that a request may name: what stands in them, then empty ones."""
    most = min(card.choices.max_loras, len(card.choices.loras))
    return [*filled.loras, *[("", "")] * most][:most]


def read_requests(filled: Filled) -> Iterator[VideoRequest]:
    """The request of each take. Where a seed is given, each further take has the next one. Raises InvalidRequest."""
    takes, seed = _number("takes", filled.takes), _number("seed", filled.seed) if filled.seed else None
    if not 1 <= takes <= TAKES_MAX:
        raise InvalidRequest("takes", f"must be 1 to {TAKES_MAX}")
    if seed is not None and seed + takes - 1 > SEED_MAX:
        # Here, before the first take is submitted: what is refused makes nothing.
        raise InvalidRequest("seed", f"must be 0 to {SEED_MAX - takes + 1}")
    request = VideoRequest(
        model=filled.model or None,
        prompt=filled.prompt,
        negative_prompt=filled.negative_prompt,
        size=_size(filled.size) if filled.size else None,
        seconds=_number("seconds", filled.seconds) if filled.seconds else None,
        watermark=filled.watermark,
        prompt_extend=filled.prompt_extend,
        steps=_number("steps", filled.steps) if filled.steps else None,
        guidance_scale=_decimal("guidance_scale", filled.guidance_scale) if filled.guidance_scale else None,
        profile=filled.profile or None,
        loras=tuple(
            LoraRequest(name, _decimal("loras", strength) if strength else None) for name, strength in filled.loras
        ),
    )
    for take in range(takes):
        yield replace(request, seed=None if seed is None else seed + take)


def chosen_in(filled: Filled, card: ModelCard) -> Chosen | None:
    """What the form chooses of how the model is sampled; None where that is refused."""
    try:
        request = next(read_requests(replace(filled, takes="1", seed="")))
        return choose(card, request.profile, request.steps, request.guidance_scale, request.loras)
    except InvalidRequest:
        return None


def rest_of(filled: Filled, made: int) -> Filled:
    """The form for the takes that are left after `made` of them, with their seeds."""
    seed = str(int(filled.seed) + made) if filled.seed else ""
    return replace(filled, takes=str(int(filled.takes) - made), seed=seed)


def once_of(filled: Filled, take: int) -> str | None:
    """The idempotency key of a take; None where the form did not come from a page of ours."""
    return f"studio-{filled.once}-{take}" if ONCE.fullmatch(filled.once) else None


def _number(field: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise InvalidRequest(field, "must be a whole number")
    return int(text)


def _decimal(field: str, text: str) -> float:
    if not _DECIMAL.fullmatch(text):
        raise InvalidRequest(field, "must be a number")
    return float(text)


def _size(text: str) -> Size:
    match = re.fullmatch(r"(\d{1,5})[*x](\d{1,5})", text, re.ASCII)
    if match is None:
        raise InvalidRequest("size", "must be width*height, such as 1280*720")
    return int(match[1]), int(match[2])
