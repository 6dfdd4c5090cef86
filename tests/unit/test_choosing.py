"""What a request may choose of how its model is sampled, and how each refusal names the field and the rule."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from wanserve.domain.catalogue import DISTILLED, MODELS, Choices, LoraChoice, ModelCard
from wanserve.domain.choosing import LoraRequest, choose
from wanserve.domain.errors import InvalidRequest
from wanserve.domain.generation import NOTHING_CHOSEN, Chosen, LoraUse
from wanserve.domain.rules import VideoRequest, check, request_like
from wanserve.models.sampling import Profile

SKETCH, INK = LoraChoice("sketch", 0.8, (0.0, 1.5)), LoraChoice("ink", 1.0, (-1.0, 2.0))
CHOICES = Choices(("exact", "balanced", "fast"), (4, 60), (1.0, 8.0), (SKETCH, INK), max_loras=2)
PLAIN = replace(MODELS["wanx2.1-t2v-plus"], steps=50, guidance_scale=5.0, profile="exact")
OPEN = replace(PLAIN, choices=CHOICES)
DISTILLED_CARD = replace(OPEN, steps=4, guidance_scale=1.0, profile="fast")
UNSAMPLED = replace(PLAIN, steps=None, guidance_scale=None, profile="")


def chosen(
    card: ModelCard = OPEN,
    profile: str | None = None,
    steps: int | None = None,
    guidance_scale: float | None = None,
    loras: Sequence[LoraRequest] = (),
) -> Chosen:
    return choose(card, profile, steps, guidance_scale, loras)


def refusal(card: ModelCard = OPEN, **asked: object) -> tuple[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        chosen(card, **asked)  # type: ignore[arg-type]
    return refused.value.field, refused.value.problem


def test_the_domain_and_the_settings_call_the_distilled_profile_the_same() -> None:
    assert Profile.FAST.value == DISTILLED


@pytest.mark.parametrize("card", [OPEN, PLAIN, UNSAMPLED, DISTILLED_CARD])
def test_who_names_nothing_gets_the_models_own_settings(card: ModelCard) -> None:
    assert chosen(card) == chosen(card, profile="") == NOTHING_CHOSEN


@pytest.mark.parametrize("card", [OPEN, PLAIN, DISTILLED_CARD])
def test_what_is_made_anyway_counts_as_not_chosen(card: ModelCard) -> None:
    assert chosen(card, card.profile, card.steps, card.guidance_scale) == NOTHING_CHOSEN


def test_within_the_owners_bounds_all_of_it_is_chosen() -> None:
    asked = (LoraRequest("ink", -1.0), LoraRequest("sketch"))
    assert chosen(OPEN, "balanced", 8, 3.5, asked) == Chosen(
        "balanced", 8, 3.5, (LoraUse("ink", -1.0), LoraUse("sketch", 0.8))
    )
    for steps, scale in ((4, 1.0), (60, 8.0)):
        assert chosen(OPEN, steps=steps, guidance_scale=scale) == Chosen(steps=steps, guidance_scale=scale)


@pytest.mark.parametrize(
    ("asked", "field", "says"),
    [
        ({"profile": "small"}, "profile", "must be one of exact, balanced, fast"),
        ({"steps": 3}, "steps", "must be 4 to 60 for wanx2.1-t2v-plus"),
        ({"steps": 61}, "steps", "must be 4 to 60"),
        ({"guidance_scale": 0.99}, "guidance_scale", "must be 1 to 8"),
        ({"guidance_scale": 8.01}, "guidance_scale", "must be 1 to 8"),
        ({"guidance_scale": math.nan}, "guidance_scale", "must be 1 to 8"),
        ({"guidance_scale": math.inf}, "guidance_scale", "must be 1 to 8"),
        ({"loras": [LoraRequest("Sketch")]}, "loras", "must be some of sketch, ink"),
        ({"loras": [LoraRequest("")]}, "loras", "must be some of sketch, ink"),
        ({"loras": [LoraRequest("ink"), LoraRequest("ink", 0.5)]}, "loras", "must name ink once"),
        ({"loras": [LoraRequest("ink"), LoraRequest("sketch"), LoraRequest("x")]}, "loras", "must be at most 2"),
        ({"loras": [LoraRequest("sketch", 1.51)]}, "loras", "the strength of sketch must be 0 to 1.5"),
        ({"loras": [LoraRequest("ink", -1.01)]}, "loras", "the strength of ink must be -1 to 2"),
        ({"loras": [LoraRequest("ink", math.nan)]}, "loras", "the strength of ink must be -1 to 2"),
    ],
)
def test_what_is_out_of_bounds_is_refused_with_what_may_be_chosen(
    asked: dict[str, object], field: str, says: str
) -> None:
    refused = refusal(OPEN, **asked)
    assert refused[0] == field
    assert says in refused[1]


@pytest.mark.parametrize("card", [PLAIN, UNSAMPLED])
@pytest.mark.parametrize(
    ("asked", "field", "own"),
    [
        ({"profile": "balanced"}, "profile", "exact"),
        ({"steps": 8}, "steps", "50"),
        ({"guidance_scale": 2.5}, "guidance_scale", "5"),
        ({"loras": [LoraRequest("ink")]}, "loras", ""),
    ],
)
def test_where_the_owner_allows_no_choice_the_refusal_says_so(
    card: ModelCard, asked: dict[str, object], field: str, own: str
) -> None:
    """Also where the model is sampled by somebody else, who is not told: what a client names is never ignored."""
    refused = refusal(card, **asked)
    assert refused[0] == field
    assert "the owner of this server allows no choice of" in refused[1]
    if own and card is PLAIN:
        assert refused[1].startswith(f"must be {own}, which is what wanx2.1-t2v-plus is made with, or left out")
    else:
        assert refused[1].startswith("must be left out")


def test_the_distilled_profile_takes_steps_and_no_guidance() -> None:
    assert chosen(OPEN, "fast") == Chosen("fast")
    assert chosen(OPEN, "fast", 8, 1.0) == Chosen("fast", 8)
    assert refusal(OPEN, profile="fast", guidance_scale=5.0) == (
        "guidance_scale",
        "must be 1 or left out: the profile fast has no guidance",
    )
    assert refusal(DISTILLED_CARD, guidance_scale=5.0)[0] == "guidance_scale"
    assert chosen(DISTILLED_CARD, steps=8) == Chosen(steps=8)


def test_beside_another_profile_the_models_own_numbers_are_not_what_would_be_made() -> None:
    """With 50 steps named, `fast` makes 50 and not its own four, and with guidance 1 `exact` is not guided."""
    assert chosen(OPEN, "fast", 50) == Chosen("fast", 50)
    assert chosen(DISTILLED_CARD, "exact", 4, 1.0) == Chosen("exact", 4, 1.0)
    assert chosen(OPEN, "balanced", 50, 5.0) == Chosen("balanced")
    closed = replace(OPEN, choices=Choices(("fast",)))
    assert refusal(closed, profile="fast", steps=50)[0] == "steps"


def test_the_generation_has_what_was_chosen_and_again_asks_for_the_same() -> None:
    request = VideoRequest(
        OPEN.name, "a cat", steps=8, guidance_scale=2.5, profile="balanced", loras=(LoraRequest("sketch"),)
    )
    made = check(request, {OPEN.name: OPEN}, lambda: 42)
    assert made.chosen == Chosen("balanced", 8, 2.5, (LoraUse("sketch", 0.8),))
    again = check(request_like(made, "a dog", None), {OPEN.name: OPEN}, lambda: 1)
    assert again == replace(made, prompt="a dog")
    nothing = check(VideoRequest(OPEN.name, "a cat"), {OPEN.name: OPEN}, lambda: 42)
    assert (nothing.chosen, nothing.profile, nothing.steps) == (NOTHING_CHOSEN, "", None)


def test_choices_are_told_as_one_line() -> None:
    every = Chosen("fast", 8, 2.5, (LoraUse("sketch", 0.8), LoraUse("ink", -1.0)))
    assert every.description == "profile=fast, steps=8, guidance_scale=2.5, lora=sketch:0.8, lora=ink:-1"
    assert Chosen(guidance_scale=1.0).description == "guidance_scale=1"
    assert NOTHING_CHOSEN.description == ""


def test_only_what_changes_how_long_it_takes_keeps_attempts_apart() -> None:
    assert NOTHING_CHOSEN.pace == Chosen(guidance_scale=3.0, loras=(LoraUse("ink", 1.0),)).pace == ""
    paces = {Chosen(profile="fast").pace, Chosen(steps=8).pace, Chosen("fast", 8).pace, Chosen(guidance_scale=1.0).pace}
    assert len(paces - {""}) == 4
