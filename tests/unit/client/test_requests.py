"""What the client sends, held against what the server parses."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.datastructures import Headers, QueryParams
from starlette.routing import compile_path

from wanserve.client import requests
from wanserve.client.requests import Request
from wanserve.domain.choosing import LoraRequest
from wanserve.domain.idempotency import IdempotencyKey
from wanserve.http.dialects import openai
from wanserve.http.dialects.base import DialectRequest, Events
from wanserve.http.dialects.openai import OpenAI

VIDEO_ID = "video_19d8e7a6c6524f0e9a530f6f4a1e2b3c"
TASK_ID = "19d8e7a6-c652-4f0e-9a53-0f6f4a1e2b3c"


def as_the_server_sees_it(request: Request, path: str = "") -> DialectRequest:
    """The request as a dialect gets it."""
    headers = {"content-type": "application/json", **request.headers}
    body = b"" if request.body is None else json.dumps(request.body).encode()
    return DialectRequest(Headers(headers), QueryParams(urlsplit(request.path).query), {"video_id": path}, body)


def test_a_create_is_what_the_server_parses() -> None:
    request = requests.create(
        "A kitten",
        "once",
        model="wan2.2-t2v-plus",
        size="832*480",
        negative_prompt="text",
        seconds=5,
        seed=7,
        prompt_extend=False,
        watermark=True,
    )
    seen = as_the_server_sees_it(request)
    video = openai.read_create(seen)
    assert (video.prompt, video.model, video.size, video.negative_prompt) == (
        "A kitten", "wan2.2-t2v-plus", (832, 480), "text"
    )  # fmt: skip
    assert (video.seconds, video.seed, video.prompt_extend, video.watermark) == (5, 7, False, True)
    assert openai.read_idempotency(seen) == IdempotencyKey("once")


@pytest.mark.parametrize(
    ("loras", "asked"),
    [
        ({"sketch": 0.8, "ink": None}, (LoraRequest("sketch", 0.8), LoraRequest("ink"))),
        (["sketch", "ink"], (LoraRequest("sketch"), LoraRequest("ink"))),
        (["ink", "ink"], (LoraRequest("ink"), LoraRequest("ink"))),
        ("sketch", (LoraRequest("sketch"),)),
        ({}, ()),
        ([], ()),
    ],
)
def test_choices_are_what_the_server_parses(loras: Any, asked: object) -> None:
    request = requests.create("A kitten", "once", profile="fast", steps=8, guidance_scale=1, loras=loras)
    video = openai.read_create(as_the_server_sees_it(request))
    assert (video.profile, video.steps, video.guidance_scale, video.loras) == ("fast", 8, 1.0, asked)


def test_what_is_left_out_is_not_sent() -> None:
    assert requests.create("A kitten", "once", seed=None, watermark=None).body == {"prompt": "A kitten"}


def test_a_setting_that_there_is_not_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(TypeError, match="sied"):
        requests.create("A kitten", "once", sied=1)  # type: ignore[call-arg]


@pytest.mark.parametrize(("limit", "asked"), [(None, 100), (5, 5), (1000, 100)])
def test_a_page_is_what_the_server_parses(limit: int | None, asked: int) -> None:
    search = openai.read_list(as_the_server_sees_it(requests.page(VIDEO_ID, limit)), lambda: 0)
    assert (search.after, search.limit, search.oldest_first) == (TASK_ID, asked, False)


def every_request() -> Iterator[Request]:
    yield requests.create("A kitten", "once")
    yield requests.retrieve(VIDEO_ID)
    yield requests.events(VIDEO_ID, "7")
    yield requests.page(None, None)
    yield requests.cancel(VIDEO_ID)
    yield requests.delete(VIDEO_ID)
    yield requests.content(VIDEO_ID, 100, '"tag"')


@pytest.mark.parametrize("request_", list(every_request()), ids=lambda each: f"{each.method} {each.path}")
def test_every_request_is_an_operation_of_the_server(request_: Request) -> None:
    path = urlsplit(request_.path).path
    served = [
        operation
        for operation in OpenAI(1).operations
        if operation.method == request_.method and compile_path(operation.path)[0].fullmatch(path)
    ]
    assert served
    assert isinstance(served[0], Events) == path.endswith("/events")


def test_an_id_cannot_lead_to_another_path() -> None:
    assert requests.retrieve("../models?x").path == "/v1/videos/..%2Fmodels%3Fx"


def test_what_was_received_is_sent_where_something_goes_on() -> None:
    assert requests.events(VIDEO_ID, "7").headers["Last-Event-ID"] == "7"
    assert "Last-Event-ID" not in requests.events(VIDEO_ID, "").headers
    assert dict(requests.content(VIDEO_ID, 100, '"tag"').headers) == {
        "Accept-Encoding": "identity",
        "Range": "bytes=100-",
        "If-Range": '"tag"',
    }
    assert "Range" not in requests.content(VIDEO_ID, 0, '"tag"').headers
