"""The fields of a choice in each dialect and encoding: what they are read as, how a refusal names them, what is told."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.samples import new_generation, new_task
from tests.unit.test_openai import created, form, request
from wanserve.domain.catalogue import MODELS, Choices, LoraChoice
from wanserve.domain.choosing import LoraRequest, choose
from wanserve.domain.errors import InvalidRequest
from wanserve.domain.generation import LoraUse
from wanserve.domain.rules import RemixRequest, VideoRequest
from wanserve.http.dialects import dashscope, pixazo
from wanserve.http.dialects.base import AnswerContext, DialectRequest
from wanserve.http.dialects.dashscope import DashScope
from wanserve.http.dialects.openai import OpenAI, read_remix
from wanserve.http.dialects.openai_answers import write_models, write_video
from wanserve.http.dialects.pixazo import Pixazo

CONTEXT = AnswerContext("request", None)
URL_ENCODED = "application/x-www-form-urlencoded"
SKETCH, INK = LoraRequest("sketch", 0.8), LoraRequest("ink")


def as_openai(fields: dict[str, Any]) -> VideoRequest:
    return created({"prompt": "a cat", **fields})


def vendor_request(fields: dict[str, Any]) -> DialectRequest:
    body = {"model": "wan2.2-t2v-plus", "input": {"prompt": "a cat"}, "parameters": fields}
    return request(json.dumps(body).encode(), x_dashscope_async="enable")


def as_pixazo(fields: dict[str, Any]) -> VideoRequest:
    return pixazo.read_submit(vendor_request(fields))


def as_dashscope(fields: dict[str, Any]) -> VideoRequest:
    return dashscope.read_submit(vendor_request(fields))


@pytest.fixture(params=[as_openai, as_pixazo, as_dashscope])
def read(request: pytest.FixtureRequest) -> Any:
    """Reads the fields of a request in one of the dialects, as JSON."""
    return request.param


NOTHING: list[Any] = [None, "", [], {}, False, "[]"]


@pytest.mark.parametrize(
    ("fields", "profile", "steps", "scale", "loras"),
    [
        ({}, None, None, None, ()),
        ({"profile": "fast", "num_inference_steps": 8, "guidance_scale": 2.5}, "fast", 8, 2.5, ()),
        ({"steps": 8, "guidance_scale": 2}, None, 8, 2.0, ()),
        ({"steps": 8, "num_inference_steps": 8}, None, 8, None, ()),
        ({"loras": [{"name": "sketch", "strength": 0.8}, {"name": "ink"}]}, None, None, None, (SKETCH, INK)),
        ({"loras": [{"name": "sketch", "scale": 0.8}, "ink"]}, None, None, None, (SKETCH, INK)),
        ({"lora": {"name": "sketch", "scale": 0.8}}, None, None, None, (SKETCH,)),
        ({"lora": "ink"}, None, None, None, (INK,)),
        ({"lora": '{"name": "sketch", "scale": 0.8}'}, None, None, None, (SKETCH,)),
        ({"loras": ' [{"name": "sketch", "strength": 0.8}, "ink"]'}, None, None, None, (SKETCH, INK)),
        ({"loras": [{"name": "sketch", "strength": 0.8, "scale": 0.8}]}, None, None, None, (SKETCH,)),
        *(({"loras": nothing, "lora": nothing}, None, None, None, ()) for nothing in NOTHING),
    ],
)
def test_choices_are_read_in_every_dialect(
    read: Any, fields: dict[str, Any], profile: object, steps: object, scale: object, loras: object
) -> None:
    asked = read(fields)
    assert (asked.profile, asked.steps, asked.guidance_scale, asked.loras) == (profile, steps, scale, loras)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"profile": 1}, "profile"),
        ({"steps": "8"}, "steps"),
        ({"steps": 8.5}, "steps"),
        ({"steps": True}, "steps"),
        ({"guidance_scale": "high"}, "guidance_scale"),
        ({"steps": 8, "num_inference_steps": 9}, "steps"),
        ({"loras": 1}, "loras.0"),
        ({"loras": 0}, "loras.0"),
        ({"loras": {"sketch": 0.8}}, "loras.0.name"),
        ({"loras": [{"name": "sketch", "strength": "0.8"}]}, "loras.0.strength"),
        ({"loras": [{"name": "sketch", "strength": True}]}, "loras.0.strength"),
        ({"loras": [{"name": "sketch", "weight": 0.8}]}, "loras.0.weight"),
        ({"lora": {"name": "sketch", "path": "/etc/passwd"}}, "lora.0.path"),
        ({"loras": [{"name": 1}]}, "loras.0.name"),
        ({"loras": [["sketch", 0.8]]}, "loras.0"),
        ({"loras": "[{"}, "loras"),
        ({"loras": '[{"name": "sketch", "strength": NaN}]'}, "loras"),
        ({"loras": '[{"name": "sketch", "name": "ink"}]'}, "loras"),
        ({"loras": [{"name": "sketch", "strength": 0.8, "scale": 0.9}]}, "loras"),
        ({"loras": ["sketch"], "lora": "ink"}, "loras"),
    ],
)
def test_what_is_no_choice_is_refused_by_its_name(read: Any, fields: dict[str, Any], field: str) -> None:
    """Nothing of an object is ignored: a misspelt strength, or a file, would change the video."""
    with pytest.raises(InvalidRequest) as refused:
        read(fields)
    assert refused.value.field.removeprefix("parameters.") == field
    assert "Value error" not in refused.value.problem


@pytest.mark.parametrize(
    "fields",
    [
        [("loras", '[{"name": "sketch", "strength": 0.8}, {"name": "ink", "strength": 1}]')],
        # As `openai` for JavaScript sends a list of objects, and as the one for Python does.
        [
            ("loras[][name]", "sketch"),
            ("loras[][strength]", "0.8"),
            ("loras[][name]", "ink"),
            ("loras[][strength]", "1"),
        ],
        [
            ("loras[][name]", "sketch"),
            ("loras[][name]", "ink"),
            ("loras[][strength]", "0.8"),
            ("loras[][strength]", "1"),
        ],
    ],
)
def test_a_form_may_have_a_list_as_json_or_field_by_field(fields: list[tuple[str, str]]) -> None:
    whole = (("prompt", "a cat"), ("num_inference_steps", "8"), ("profile", "fast"), ("guidance_scale", "1"), *fields)
    expected = VideoRequest(
        None, "a cat", steps=8, guidance_scale=1.0, profile="fast", loras=(SKETCH, LoraRequest("ink", 1.0))
    )
    assert created(form(*whole)) == expected
    if len(fields) == 1:
        from urllib.parse import urlencode

        assert created(request(urlencode(whole).encode(), URL_ENCODED)) == expected


@pytest.mark.parametrize(
    ("fields", "loras"),
    [
        ([("lora", "ink")], (INK,)),
        ([("lora[name]", "sketch"), ("lora[scale]", "0.8")], (SKETCH,)),
        ([("loras[]", "sketch"), ("loras[]", "ink")], (LoraRequest("sketch"), INK)),
        ([("loras[][name]", "7"), ("loras[][name]", "ink")], (LoraRequest("7"), INK)),
        ([("loras", "")], ()),
    ],
)
def test_a_form_may_have_one_or_names_alone(fields: list[tuple[str, str]], loras: object) -> None:
    assert created(form(("prompt", "a cat"), *fields)).loras == loras


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ([("loras[][name]", "a"), ("loras[][name]", "b"), ("loras[][strength]", "1")], "loras"),
        ([("loras[]", "a"), ("loras[][name]", "b")], "loras"),
        ([("lora[name]", "sketch"), ("lora[scale]", "much")], "lora.scale"),
        ([("lora[name]", "sketch"), ("lora[scale]", "nan")], "lora.scale"),
        ([("lora[name]", "sketch"), ("lora[scale]", "1e3")], "lora.scale"),
        ([("lora[path]", "x")], "lora.0.name"),
        ([("num_inference_steps", "8.0")], "num_inference_steps"),
        ([("loras", "a"), ("loras", "b")], "loras"),
    ],
)
def test_what_a_form_leaves_unclear_is_refused(fields: list[tuple[str, str]], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        created(form(("prompt", "a cat"), *fields))
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("asked", "vendor", "openai"),
    [
        ({"profile": "best"}, "parameters.profile", "profile"),
        ({"steps": 8}, "parameters.num_inference_steps", "num_inference_steps"),
        ({"guidance_scale": 8.0}, "parameters.guidance_scale", "guidance_scale"),
        ({"loras": (INK,)}, "parameters.loras", "loras"),
    ],
)
def test_a_refusal_names_the_field_as_the_dialect_spells_it(asked: dict[str, Any], vendor: str, openai: str) -> None:
    whole = {"profile": None, "steps": None, "guidance_scale": None, "loras": ()} | asked
    with pytest.raises(InvalidRequest) as refused:
        choose(MODELS["wan2.2-t2v-plus"], **whole)
    for dialect in (Pixazo(), DashScope()):
        assert f"{vendor}: must be left out: the owner" in str(dict(dialect.refuse(refused.value, "r", None).body))
    error: Any = dict(OpenAI(1000).refuse(refused.value, "r", None).body)["error"]
    assert (error["param"], error["code"]) == (openai, "invalid_value")
    assert error["message"].startswith(f"{openai}: must be left out: the owner of this server allows no choice of ")


def test_a_video_tells_what_was_chosen_and_no_more() -> None:
    plain = write_video(new_task(), CONTEXT, 1000)
    assert not {"profile", "num_inference_steps", "guidance_scale", "loras"} & set(plain)
    made = replace(new_generation(), profile="fast", steps=8, guidance_scale=2.5, loras=(LoraUse("sketch", 0.8),))
    told = write_video(replace(new_task(), generation=made), CONTEXT, 1000)
    assert {name: value for name, value in told.items() if name not in plain} == {
        "profile": "fast",
        "num_inference_steps": 8,
        "guidance_scale": 2.5,
        "loras": [{"name": "sketch", "strength": 0.8}],
    }
    fields = {name: told[name] for name in ("profile", "num_inference_steps", "guidance_scale", "loras")}
    asked = as_openai(fields)
    assert (asked.profile, asked.steps, asked.guidance_scale) == ("fast", 8, 2.5)
    assert asked.loras == (SKETCH,), "what is told can be sent again"


def test_a_model_tells_what_may_be_chosen() -> None:
    card = MODELS["wan2.2-t2v-plus"]
    open_card = replace(
        card, profile="balanced", choices=Choices(("exact", "balanced"), (4, 60), None, (LoraChoice("ink", 0.5),), 2)
    )
    closed, opened = write_models([card, open_card], CONTEXT)["data"]
    assert "choices" not in closed
    assert opened["choices"] == {
        "profiles": ["balanced", "exact"],
        "num_inference_steps": [4, 60],
        "guidance_scale": None,
        "loras": [{"name": "ink", "strength": 0.5, "lowest": 0.0, "highest": 2.0}],
        "max_loras": 2,
    }


@pytest.mark.parametrize("field", ["profile", "steps", "num_inference_steps", "guidance_scale", "lora", "loras"])
def test_a_remix_takes_the_choices_of_the_first_video(field: str) -> None:
    path = {"video_id": f"video_{'0' * 32}"}
    plain = replace(request(b'{"prompt": "a dog"}'), path_params=path)
    assert read_remix(plain) == RemixRequest("00000000-0000-0000-0000-000000000000", "a dog")
    with pytest.raises(InvalidRequest, match=f"{field}: does not belong here"):
        read_remix(replace(plain, body=json.dumps({"prompt": "a dog", field: "1"}).encode()))
