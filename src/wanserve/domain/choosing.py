"""Checks what a request chooses of how its model is sampled against what the owner of the server allows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from wanserve.domain.catalogue import DISTILLED, LoraChoice, ModelCard
from wanserve.domain.errors import InvalidRequest
from wanserve.domain.generation import Chosen, LoraUse

Number = TypeVar("Number", int, float)

_WORDS: Final = {"profile": "a profile", "steps": "steps", "guidance_scale": "a guidance scale", "loras": "LoRAs"}


@dataclass(frozen=True, slots=True)
class LoraRequest:
    """A LoRA that a request names. Without a strength it is applied as strongly as the owner has set."""

    name: str
    strength: float | None = None


def choose(
    card: ModelCard,
    profile: str | None,
    steps: int | None,
    guidance_scale: float | None,
    loras: Sequence[LoraRequest],
) -> Chosen:
    """What the request chooses; what the model is made with anyway counts as not chosen.

    Raises InvalidRequest with the field and the rule.
    """
    choices = card.choices
    chosen = _profile(card, profile)
    distilled = DISTILLED in (chosen, card.profile if not chosen else "")
    # With the other kind of profile the model's own steps and guidance are not what would be made.
    own = distilled == (card.profile == DISTILLED)
    if distilled and guidance_scale not in (None, 1, card.guidance_scale if own else 1):
        raise InvalidRequest("guidance_scale", f"must be 1 or left out: the profile {DISTILLED} has no guidance")
    guidance = None if distilled else guidance_scale
    return Chosen(
        chosen,
        _number("steps", steps, card.steps if own else None, choices.steps, card),
        _number("guidance_scale", guidance, card.guidance_scale if own else None, choices.guidance_scale, card),
        _loras(card, loras),
    )


def _profile(card: ModelCard, profile: str | None) -> str:
    """The profile, "" for the model's own."""
    allowed = card.choices.profiles
    if not profile or profile == card.profile:
        return ""
    if not allowed:
        raise _no_choice("profile", card, card.profile)
    if profile not in allowed:
        raise InvalidRequest("profile", f"must be one of {', '.join(dict.fromkeys((card.profile, *allowed)))}")
    return profile


def _number(
    field: str, value: Number | None, own: Number | None, bounds: tuple[Number, Number] | None, card: ModelCard
) -> Number | None:
    """The value, None for the model's own."""
    if value is None or value == own:
        return None
    if bounds is None:
        raise _no_choice(field, card, "" if own is None else f"{own:g}")
    least, most = bounds
    # Written so that NaN, which is neither, is refused too.
    if not least <= value <= most:
        raise InvalidRequest(field, f"must be {least:g} to {most:g} for {card.name}")
    return value


def _loras(card: ModelCard, asked: Sequence[LoraRequest]) -> tuple[LoraUse, ...]:
    offered, most = {lora.name: lora for lora in card.choices.loras}, card.choices.max_loras
    if not asked:
        return ()
    if not offered:
        raise _no_choice("loras", card)
    if len(asked) > most:
        raise InvalidRequest("loras", f"must be at most {most}")
    for lora in asked:
        if lora.name not in offered:
            raise InvalidRequest("loras", f"must be some of {', '.join(offered)}")
        if [each.name for each in asked].count(lora.name) > 1:
            raise InvalidRequest("loras", f"must name {lora.name} once")
    return tuple(_use(lora, offered[lora.name]) for lora in asked)


def _use(asked: LoraRequest, offered: LoraChoice) -> LoraUse:
    strength = offered.strength if asked.strength is None else asked.strength
    lowest, highest = offered.strengths
    if not lowest <= strength <= highest:
        raise InvalidRequest("loras", f"the strength of {offered.name} must be {lowest:g} to {highest:g}")
    return LoraUse(offered.name, strength)


def _no_choice(field: str, card: ModelCard, own: str = "") -> InvalidRequest:
    rule = f"must be {own}, which is what {card.name} is made with, or left out" if own else "must be left out"
    return InvalidRequest(field, f"{rule}: the owner of this server allows no choice of {_WORDS[field]}")
