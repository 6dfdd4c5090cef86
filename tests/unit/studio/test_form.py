"""The form of the studio: what is read of it, what is refused, and how it fits the model."""

from dataclasses import asdict, replace
from typing import Any

import pytest
from starlette.datastructures import QueryParams

from tests.samples import new_task
from wanserve.domain import rules
from wanserve.domain.catalogue import DEFAULT_MODEL, MODELS, Choices, LoraChoice, ModelCard
from wanserve.domain.choosing import LoraRequest
from wanserve.domain.errors import InvalidRequest
from wanserve.domain.generation import LoraUse
from wanserve.domain.rules import SEED_MAX, VideoRequest
from wanserve.studio.form import (
    LIMITS,
    TAKES_MAX,
    Filled,
    choices,
    chosen_in,
    filled_from,
    fitted,
    lora_fields,
    once_of,
    read_filled,
    read_requests,
)

ONCE = "0b7a0e0e-3d3b-4a5e-9f5e-000000000000"
WHOLE = Filled(ONCE, "a cat", "a dog", "wan2.2-t2v-plus", "640*480", "5", "7", "1", watermark=True)


def with_field(field: str, text: str) -> Filled:
    return Filled(**(asdict(WHOLE) | {field: text}))


def requests(filled: Filled) -> list[VideoRequest]:
    return list(read_requests(filled))


def test_every_field_is_read() -> None:
    sent = QueryParams(
        f"once={ONCE}&prompt=a+cat&negative_prompt=a+dog&model=wan2.2-t2v-plus&size=640*480"
        "&seconds=5&seed=+7+&takes=2&watermark=on&prompt_extend=on&csrf_token=x&unknown=y"
    )
    assert read_filled(sent) == replace(WHOLE, takes="2")


def test_a_box_that_is_not_ticked_is_not_sent() -> None:
    filled = read_filled(QueryParams("prompt=a+cat"))
    assert (filled.watermark, filled.prompt_extend, filled.takes, filled.seed) == (False, False, "1", "")
    assert Filled(ONCE).prompt_extend, "at first the server may write prompts out"


def test_a_form_becomes_a_request() -> None:
    assert requests(WHOLE) == [
        VideoRequest(
            "wan2.2-t2v-plus",
            "a cat",
            "a dog",
            size=(640, 480),
            seed=7,
            seconds=5,
            watermark=True,
            prompt_extend=True,
        )
    ]


def test_a_form_with_a_prompt_alone_leaves_the_rest_to_the_server() -> None:
    (request,) = requests(Filled(ONCE, "a cat"))
    assert (request.model, request.size, request.seconds, request.seed) == (None, None, None, None)
    assert request.prompt == "a cat"


def test_takes_without_a_seed_have_any_and_with_one_each_has_the_next() -> None:
    assert [each.seed for each in requests(replace(WHOLE, takes="4", seed=""))] == [None] * 4
    assert [each.seed for each in requests(replace(WHOLE, takes="4", seed="7"))] == [7, 8, 9, 10]
    assert [each.seed for each in requests(replace(WHOLE, takes="1", seed=str(SEED_MAX)))] == [SEED_MAX]
    assert [each.seed for each in requests(replace(WHOLE, takes="1", seed="0"))] == [0]


@pytest.mark.parametrize("takes", [1, 2, 3, 4])
def test_takes_that_go_over_the_highest_seed_are_refused_before_any_is_asked_for(takes: int) -> None:
    last = SEED_MAX - takes + 1
    assert requests(replace(WHOLE, takes=str(takes), seed=str(last)))[-1].seed == SEED_MAX
    with pytest.raises(InvalidRequest) as refused:
        next(iter(read_requests(replace(WHOLE, takes=str(takes), seed=str(last + 1)))))
    assert refused.value.field == "seed"


@pytest.mark.parametrize("takes", ["0", "5", "-1", "", "x", "1.0", "1 2", "٣", "9" * 13])
def test_a_number_of_takes_that_is_none_is_refused(takes: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        requests(replace(WHOLE, takes=takes))
    assert refused.value.field == "takes"


@pytest.mark.parametrize("field", ["seed", "seconds"])
@pytest.mark.parametrize(
    "text", ["-1", "x", "1.5", "1e3", "0x7", "+7", "1_000", "²", "٣", "9" * 13, "7\n", "--", "a 7"]
)
def test_what_is_no_whole_number_is_refused_at_its_field(field: str, text: str) -> None:
    with pytest.raises(InvalidRequest, match="must be a whole number") as refused:
        requests(with_field(field, text))
    assert refused.value.field == field


@pytest.mark.parametrize(
    "text", ["x", "640", "640*", "*480", "640*480*3", "640 * 480", "-1*5", "640*480\n", "٣*٣", "123456*1"]
)
def test_what_is_no_size_is_refused_at_its_field(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        requests(replace(WHOLE, size=text))
    assert refused.value.field == "size"


@pytest.mark.parametrize("text", ["640*480", "640x480"])
def test_both_ways_to_write_a_size_are_read(text: str) -> None:
    assert requests(replace(WHOLE, size=text))[0].size == (640, 480)


@pytest.mark.parametrize(
    ("field", "text", "refused_field"),
    [
        ("prompt", " \n ", "prompt"),
        ("prompt", "a\0b", "prompt"),
        ("negative_prompt", "a\0b", "negative_prompt"),
        ("model", "wan9", "model"),
        ("size", "1*1", "size"),
        ("seconds", "60", "seconds"),
    ],
)
def test_the_rules_refuse_the_rest_at_a_field_of_the_form(field: str, text: str, refused_field: str) -> None:
    (request,) = requests(with_field(field, text))
    with pytest.raises(InvalidRequest) as refused:
        rules.check(request, MODELS, lambda: 1, DEFAULT_MODEL)
    assert refused.value.field == refused_field


@pytest.mark.parametrize("card", MODELS.values(), ids=MODELS)
def test_every_size_has_a_shape_whose_longer_side_is_one(card: ModelCard) -> None:
    found = choices(card)
    assert {choice.size for choice in found} == set(card.sizes)
    assert len(found) == len(card.sizes)
    for choice in found:
        width, height = choice.shape
        assert max(width, height) == 1.0
        assert 0 < min(width, height) <= 1.0
        assert width / height == pytest.approx(choice.size[0] / choice.size[1])
        assert choice.name == f"{choice.size[0]}*{choice.size[1]}"
    shapes = [size[0] / size[1] for size in (choice.size for choice in found)]
    assert shapes == sorted(shapes, reverse=True), "widest first"


def test_what_the_model_has_stays_and_what_it_has_not_becomes_its_default() -> None:
    fit = fitted(WHOLE, MODELS, DEFAULT_MODEL)
    assert fit == WHOLE
    other = fitted(replace(WHOLE, model="wanx2.1-t2v-plus"), MODELS, DEFAULT_MODEL)
    assert (other.size, other.seconds) == ("1280*720", "5"), "it makes no 640*480"
    assert (other.prompt, other.seed) == (WHOLE.prompt, WHOLE.seed)
    assert fitted(replace(WHOLE, seconds="4"), MODELS, DEFAULT_MODEL).seconds == "4"
    for wrong in ("", "9", "x"):
        assert fitted(replace(WHOLE, seconds=wrong), MODELS, DEFAULT_MODEL).seconds == "5"
    for wrong in ("", "1*1", "640x480"):
        assert fitted(replace(WHOLE, size=wrong), MODELS, DEFAULT_MODEL).size == "1920*1080"


def test_a_model_that_is_not_served_becomes_the_default_or_the_first() -> None:
    for wrong in ("", "wan9"):
        assert fitted(replace(WHOLE, model=wrong), MODELS, DEFAULT_MODEL).model == DEFAULT_MODEL
        assert fitted(replace(WHOLE, model=wrong), MODELS, "wan9").model == next(iter(MODELS))
    assert fitted(WHOLE, {}, DEFAULT_MODEL) == WHOLE, "no model is served"


def test_a_task_fills_the_form_with_or_without_its_seed() -> None:
    task = new_task()
    made = replace(task.generation, width=640, height=480, frames=150, watermark=True, prompt_extend=False)
    task = replace(task, generation=made)
    again = filled_from(task, ONCE, same_seed=True)
    assert again == Filled(
        ONCE, made.prompt, "flowers", "wan2.2-t2v-plus", "640*480", "5", "7", "1", watermark=True, prompt_extend=False
    )
    assert filled_from(task, ONCE, same_seed=False) == replace(again, seed="")
    (request,) = requests(again)
    assert rules.check(request, MODELS, lambda: 1) == made, "the same form makes the same video"


CHOOSING = replace(WHOLE, profile="fast", steps="8", guidance_scale="1", loras=(("sketch", "0.8"), ("ink", "")))
OPEN = replace(
    MODELS["wan2.2-t2v-plus"],
    profile="exact",
    choices=Choices(("exact", "fast"), (4, 60), (1.0, 8.0), (LoraChoice("sketch"), LoraChoice("ink")), 2),
)


def test_choices_are_read_and_asked_for() -> None:
    sent = QueryParams(
        f"once={ONCE}&prompt=a+cat&negative_prompt=a+dog&model=wan2.2-t2v-plus&size=640*480&seconds=5&seed=7&takes=1"
        "&watermark=on&prompt_extend=on&profile=fast&steps=+8&guidance_scale=1&lora=sketch&strength=0.8&lora=&strength=3"
        "&lora=ink&strength="
    )
    assert read_filled(sent) == CHOOSING
    (request,) = requests(CHOOSING)
    assert (request.profile, request.steps, request.guidance_scale) == ("fast", 8, 1.0)
    assert request.loras == (LoraRequest("sketch", 0.8), LoraRequest("ink"))
    (plain,) = requests(WHOLE)
    assert (plain.profile, plain.steps, plain.guidance_scale, plain.loras) == (None, None, None, ())


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"guidance_scale": text}, "guidance_scale") for text in ("x", "nan", "inf", "1e3", "1,5", "٣", "1.", "9999")]
    + [({"loras": (("sketch", text),)}, "loras") for text in ("x", "nan", "--1")]
    + [({"steps": "8.5"}, "steps")],
)
def test_what_is_no_number_of_a_choice_is_refused_at_its_field(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        requests(replace(WHOLE, **changed))
    assert refused.value.field == field


def test_the_form_offers_what_the_card_does() -> None:
    assert fitted(CHOOSING, {OPEN.name: OPEN}, "") == CHOOSING
    assert lora_fields(CHOOSING, OPEN) == [("sketch", "0.8"), ("ink", "")]
    assert lora_fields(WHOLE, OPEN) == [("", "")] * 2
    closed = fitted(CHOOSING, MODELS, "")
    assert (closed.profile, closed.steps, closed.guidance_scale, closed.loras) == ("", "", "", ())
    assert lora_fields(closed, MODELS[OPEN.name]) == []


def test_the_estimate_before_the_click_is_that_of_what_is_chosen() -> None:
    found = chosen_in(CHOOSING, OPEN)
    assert found is not None
    assert found.pace == "fast 8 steps"
    assert chosen_in(replace(CHOOSING, steps="1000"), OPEN) is None


def test_a_task_fills_the_form_with_what_it_chose() -> None:
    task = new_task()
    loras = (LoraUse("sketch", 0.8), LoraUse("ink", 1.0))
    made = replace(
        task.generation, width=640, height=480, frames=150, profile="fast", steps=8, guidance_scale=None, loras=loras
    )
    again = filled_from(replace(task, generation=made), ONCE, same_seed=True)
    assert (again.profile, again.steps, again.guidance_scale) == ("fast", "8", "")
    assert again.loras == (("sketch", "0.8"), ("ink", "1"))
    assert rules.check(requests(again)[0], {OPEN.name: OPEN}, lambda: 1) == replace(made, prompt_extend=False)


def test_each_take_has_an_idempotency_key_of_its_own_and_a_foreign_form_has_none() -> None:
    keys = [once_of(WHOLE, take) for take in range(TAKES_MAX)]
    assert len(set(keys)) == TAKES_MAX
    assert all(key and key.isascii() and len(key) < 255 for key in keys)
    for foreign in ("", "x" * 65, "with space", "é", "a\n", "UPPER", "'; --"):
        assert once_of(replace(WHOLE, once=foreign), 0) is None


def test_the_hints_tell_the_limits_of_the_rules() -> None:
    assert LIMITS == {
        "prompt": rules.PROMPT_CHARACTERS,
        "negative_prompt": rules.NEGATIVE_PROMPT_CHARACTERS,
        "seed": rules.SEED_MAX,
        "takes": TAKES_MAX,
    }
