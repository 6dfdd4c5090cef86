"""The requests that each dialect sends to an upstream, and what is read in its answers; no network."""

import contextlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanserve.domain.errors import WanserveError
from wanserve.domain.generation import Generation
from wanserve.engine.remote.answers import (
    Answer,
    KeyTaken,
    RemoteState,
    RemoteTask,
    Transient,
    error_of,
    error_text,
    number,
    retry_after_s,
)
from wanserve.engine.remote.dashscope import DashScopeCodec
from wanserve.engine.remote.fetching import codec_for
from wanserve.engine.remote.openai import OpenAICodec
from wanserve.models.upstream import SAID_CHARACTERS, BodyFormat, Dialect, Upstream, origin

MODEL = "wan2.2-t2v-plus"
KEY = "a-very-secret-key"
ASKED = Generation(MODEL, "两只猫", "flowers", 832, 480, 150, 30, 7, prompt_extend=True)
OPENAI = Upstream("a", "https://one.example/v1", Dialect.OPENAI, {MODEL: "theirs"}, KEY)
DASHSCOPE = replace(OPENAI, name="b", url="https://two.example/api/v1", dialect=Dialect.DASHSCOPE)


def answer(body: object, status: int = 200, **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def body_of(content: bytes) -> dict[str, Any]:
    return dict(json.loads(content))


def test_openais_create_has_its_own_fields_and_those_of_other_servers() -> None:
    request = OpenAICodec(OPENAI).submit(ASKED, "task/2")
    assert (request.method, str(request.url)) == ("POST", "https://one.example/v1/videos")
    assert request.headers["idempotency-key"] == "task/2"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert body_of(request.read()) == {
        "model": "theirs",
        "prompt": "两只猫",
        "size": "832x480",
        "seconds": "5",
        "seed": 7,
        "prompt_extend": True,
        "watermark": False,
        "negative_prompt": "flowers",
    }


def test_without_extensions_only_openais_own_fields_are_sent() -> None:
    plain = replace(OPENAI, extensions=False, key=None)
    request = OpenAICodec(plain).submit(ASKED, "task")
    assert set(body_of(request.read())) == {"model", "prompt", "size", "seconds"}
    assert "authorization" not in request.headers


def test_frames_are_sent_where_that_is_wanted_and_a_negative_prompt_where_there_is_one() -> None:
    request = OpenAICodec(replace(OPENAI, frames=True)).submit(replace(ASKED, negative_prompt=""), "task")
    sent = body_of(request.read())
    assert (sent["num_frames"], sent["fps"]) == (150, 30)
    assert "negative_prompt" not in sent


def test_a_form_has_the_same_fields_as_texts() -> None:
    request = OpenAICodec(replace(OPENAI, body=BodyFormat.FORM)).submit(ASKED, "task")
    content = request.read()
    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    for field, value in (("prompt", "两只猫"), ("seconds", "5"), ("seed", "7"), ("prompt_extend", "true")):
        assert f'name="{field}"\r\n\r\n{value}\r\n'.encode() in content
    assert b"filename" not in content


def test_dashscopes_submit_is_the_vendors() -> None:
    request = DashScopeCodec(DASHSCOPE).submit(ASKED, "task")
    assert str(request.url) == "https://two.example/api/v1/services/aigc/video-generation/video-synthesis"
    assert request.headers["x-dashscope-async"] == "enable"
    assert request.headers["idempotency-key"] == "task"
    assert body_of(request.read()) == {
        "model": "theirs",
        "input": {"prompt": "两只猫", "negative_prompt": "flowers"},
        "parameters": {"size": "832*480", "seed": 7, "prompt_extend": True, "watermark": False},
    }


def test_without_a_negative_prompt_none_is_sent() -> None:
    request = DashScopeCodec(DASHSCOPE).submit(replace(ASKED, negative_prompt=""), "task")
    assert body_of(request.read())["input"] == {"prompt": "两只猫"}


@pytest.mark.parametrize(
    ("upstream", "poll", "cancel"),
    [
        (OPENAI, "https://one.example/v1/videos/a%2Fb", ("DELETE", "https://one.example/v1/videos/a%2Fb")),
        (
            DASHSCOPE,
            "https://two.example/api/v1/tasks/a%2Fb",
            ("POST", "https://two.example/api/v1/tasks/a%2Fb/cancel"),
        ),
    ],
)
def test_an_id_cannot_leave_its_place_in_the_path(upstream: Upstream, poll: str, cancel: tuple[str, str]) -> None:
    codec = codec_for(upstream)
    assert str(codec.query("a/b").url) == poll
    asked = codec.cancel("a/b")
    assert (asked.method, str(asked.url)) == cancel


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("queued", RemoteState.WAITING),
        ("in_progress", RemoteState.RUNNING),
        ("processing", RemoteState.RUNNING),
        ("completed", RemoteState.DONE),
        ("failed", RemoteState.FAILED),
        ("cancelled", RemoteState.CANCELED),
        ("expired", RemoteState.UNKNOWN),
    ],
)
def test_openais_states(status: str, state: RemoteState) -> None:
    task = OpenAICodec(OPENAI).read_queried(answer({"id": "v", "status": status, "progress": 40}))
    assert (task.id, task.state, task.progress) == ("v", state, 0.4)


@pytest.mark.parametrize(
    ("progress", "expected"),
    [(None, None), ("50", 0.5), (250, 1.0), (-3, 0.0), ("much", None), (True, None), ([], None)],
)
def test_progress_is_read_from_whatever_is_sent(progress: object, expected: float | None) -> None:
    task = OpenAICodec(OPENAI).read_queried(answer({"id": "v", "status": "queued", "progress": progress}))
    assert task.progress == expected


def test_openais_failure_has_code_and_message_and_a_cancel_is_none() -> None:
    codec = OpenAICodec(OPENAI)
    failed = codec.read_queried(
        answer({"id": "v", "status": "failed", "error": {"code": "moderation_blocked", "message": "no"}})
    )
    assert (failed.state, failed.code, failed.message, failed.is_final) == (
        RemoteState.FAILED,
        "moderation_blocked",
        "no",
        True,
    )
    canceled = codec.read_queried(answer({"id": "v", "status": "failed", "error": {"code": "cancelled"}}))
    assert canceled.state is RemoteState.CANCELED
    plain = codec.read_queried(answer({"id": "v", "status": "failed", "error": "it broke"}))
    assert (plain.message, plain.is_final) == ("it broke", False)


def test_the_advice_when_to_poll_is_read() -> None:
    task = OpenAICodec(OPENAI).read_queried(answer({"id": "v", "status": "queued"}, openai_poll_after_ms="2500"))
    assert task.poll_after_s == 2.5


@pytest.mark.parametrize("status", ["PENDING", "SUSPENDED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELED", "UNKNOWN"])
def test_dashscopes_states(status: str) -> None:
    task = DashScopeCodec(DASHSCOPE).read_queried(answer({"output": {"task_id": "t", "task_status": status}}))
    names = {"PENDING": "WAITING", "SUSPENDED": "WAITING", "SUCCEEDED": "DONE"}
    assert task.state.name == names.get(status, status)
    assert task.progress is None


def test_dashscopes_result_has_the_link_and_the_prompt() -> None:
    codec = DashScopeCodec(DASHSCOPE)
    output = {
        "task_id": "t",
        "task_status": "SUCCEEDED",
        "video_url": "https://bucket/x.mp4",
        "actual_prompt": "two cats",
    }
    task = codec.read_queried(answer({"output": output}))
    assert (codec.content(task), task.actual_prompt) == ("https://bucket/x.mp4", "two cats")
    with pytest.raises(Transient, match="without a video_url"):
        codec.content(RemoteTask("t", RemoteState.DONE))


def test_openais_content_is_beside_its_video() -> None:
    assert OpenAICodec(OPENAI).content(RemoteTask("v", RemoteState.DONE)) == "https://one.example/v1/videos/v/content"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "status", "error", "output", "task_id", "code", "message"]), inner)
    ),
)


@given(JSON, st.sampled_from([OPENAI, DASHSCOPE]), st.integers(100, 599))
def test_whatever_an_upstream_sends_is_read_or_refused(body: object, upstream: Upstream, status: int) -> None:
    codec, given_ = codec_for(upstream), answer(json.dumps(body).encode(), status)
    for read in (codec.read_submitted, codec.read_queried, codec.read_check):
        with contextlib.suppress(Transient):
            read(given_)
    error = error_of(upstream, given_)
    assert error is None or isinstance(error, WanserveError | Transient | KeyTaken)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_json_are_refused(content: bytes) -> None:
    assert error_text(answer(b"\xff" + content)) == ("", "")
    with pytest.raises(Transient):
        answer(b"\xff" + content).object()


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(Transient):
        answer(b'{"a":' * 100_000).object()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error": {"message": "m", "code": "c", "type": "t"}}, ("c", "m")),
        ({"error": {"message": "m", "code": None, "type": "t"}}, ("t", "m")),
        ({"code": "c", "message": "m", "request_id": "r"}, ("c", "m")),
        ({"detail": "m"}, ("", "m")),
        ({"detail": [{"msg": "m"}]}, ("", '[{"msg": "m"}]')),
        ({"error": "m"}, ("", "m")),
        ({}, ("", "")),
    ],
)
def test_an_error_is_read_in_each_form(body: object, expected: tuple[str, str]) -> None:
    assert error_text(answer(body)) == expected


@pytest.mark.parametrize(("value", "expected"), [("3", 3.0), ("nan", None), ("inf", None), ("", None), (10**400, None)])
def test_a_number_is_finite(value: object, expected: float | None) -> None:
    assert number(value) == expected


def test_a_retry_after_without_a_number_has_a_default() -> None:
    assert retry_after_s(answer({}, retry_after="Wed, 21 Oct 2026 07:28:00 GMT")) == retry_after_s(answer({}))


@pytest.mark.parametrize(
    ("said", "masked"),
    [
        (f"wrong key {KEY}!", "wrong key ***!"),
        ("wrong key sk-abcdef123456 given", "wrong key sk-*** given"),
        ("one\n  two\x00three\x1b[31m", "one two three [31m"),
        ("x" * 1000, "x" * SAID_CHARACTERS + "…"),
    ],
)
def test_what_an_upstream_says_is_one_short_line_without_keys(said: str, masked: str) -> None:
    assert OPENAI.masked(said) == masked


def test_the_key_is_in_no_text_of_an_upstream() -> None:
    assert KEY not in repr(OPENAI)
    assert KEY not in str(OPENAI)


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://one.example/x", True),
        ("https://one.example:443/x", True),
        ("https://ONE.example/x", True),
        ("http://one.example/x", False),
        ("https://one.example:444/x", False),
        ("https://one.example.evil/x", False),
        ("https://user@one.example/x", True),
        ("https://one.example@evil/x", False),
    ],
)
def test_the_key_may_go_to_the_same_scheme_host_and_port_only(url: str, own: bool) -> None:
    assert OPENAI.is_own(url) is own


def test_an_origin_has_its_default_port() -> None:
    assert origin("http://h/x") == ("http", "h", 80)
    assert origin("ftp://h/x") == ("ftp", "h", None)
