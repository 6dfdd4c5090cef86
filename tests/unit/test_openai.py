"""OpenAI's dialect as a codec: recorded requests in, recorded answers out."""

import json
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers, QueryParams

from tests.samples import VIDEO, new_task
from wanserve.domain.catalogue import MODELS
from wanserve.domain.errors import (
    BlobNotFound,
    EngineFailed,
    InvalidKey,
    InvalidRequest,
    MissingKey,
    ModelDenied,
    ModelNotFound,
    QueueFull,
    RateLimited,
    SizeNotMade,
    StoreUnavailable,
    TaskNotFound,
    VideoNotReady,
    WanserveError,
)
from wanserve.domain.idempotency import IdempotencyKey, RetryCount
from wanserve.domain.rules import VideoRequest
from wanserve.domain.search import Found, Search
from wanserve.domain.task import Failed, Failure, Succeeded, Variant
from wanserve.http.dialects import openai, openai_answers, openai_models
from wanserve.http.dialects.base import (
    AnswerContext,
    DialectRequest,
    EndpointNotFound,
    FieldMissing,
    MethodNotAllowed,
    NotSupported,
    Unsupported,
    UnsupportedParameter,
)

CONTEXT = AnswerContext("request")
DIALECT = openai.OpenAI(retention_ms=3_600_000)
BOUNDARY = "7d1f"
TASK = "19d8e7a6-c652-4f0e-9a53-0f6f4a1e2b3c"
VIDEO_ID = "video_19d8e7a6c6524f0e9a530f6f4a1e2b3c"


def request(
    body: bytes = b"", kind: str = "application/json", path: str = "", query: str = "", **headers: str
) -> DialectRequest:
    sent = {"content-type": kind} | {name.replace("_", "-"): value for name, value in headers.items()}
    return DialectRequest(Headers(sent), QueryParams(query), {"video_id": path}, body)


def form(*fields: tuple[str, str], end: str = "--\r\n") -> DialectRequest:
    """As `openai` sends it, and every client that sends a file."""
    parts = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields
    )
    return request(f"{''.join(parts)}--{BOUNDARY}{end}".encode(), f"multipart/form-data; boundary={BOUNDARY}")


def refusal_of(error: WanserveError) -> dict[str, Any]:
    """The object `error` of a refusal's body."""
    return dict(cast("openai_models.OpenAIError", DIALECT.refuse(error, "request", None).body)["error"])


def created(asked: DialectRequest | dict[str, Any]) -> VideoRequest:
    whole = asked if isinstance(asked, DialectRequest) else request(json.dumps(asked).encode())
    return openai.read_create(whole)


EVERYTHING = (
    ("prompt", "猫\r\nand dog"),
    ("model", "wan2.2-t2v-plus"),
    ("seconds", "5"),
    ("size", "832x480"),
    ("seed", "7"),
    ("watermark", "true"),
    ("prompt_extend", "false"),
    ("negative_prompt", "flowers"),
    ("guidance_scale", "3"),
    ("user", "ann"),
)


def test_a_form_and_json_ask_for_the_same() -> None:
    expected = VideoRequest(
        "wan2.2-t2v-plus", "猫\r\nand dog", "flowers", (832, 480), None, 7, False, True, 5, guidance_scale=3.0
    )
    assert created(form(*EVERYTHING)) == expected
    as_json = dict(EVERYTHING) | {"seed": 7, "watermark": True, "prompt_extend": False, "guidance_scale": 3}
    assert created(as_json) == expected
    assert created(as_json | {"seconds": 5, "size": "832*480"}) == expected
    assert created(request(b"prompt=a+cat&size=832x480", "application/x-www-form-urlencoded")) == VideoRequest(
        None, "a cat", size=(832, 480)
    )
    # What curl says of everything that it sends.
    assert created(request(b'{"prompt": "a cat"}', "application/x-www-form-urlencoded")).prompt == "a cat"


@pytest.mark.parametrize("model", [None, "sora-2", "sora-2-pro", "sora-2-2025-12-08"])
def test_a_model_that_is_not_named_or_the_vendors_own_is_the_servers_default(model: str | None) -> None:
    assert created({"prompt": "a cat", "model": model}).model is None


@pytest.mark.parametrize(
    ("asked", "field", "code"),
    [
        ({}, "prompt", "missing_required_parameter"),
        ({"prompt": None}, "prompt", "invalid_value"),
        ({"prompt": "a", "size": "big"}, "size", "invalid_value"),
        ({"prompt": "a", "size": "0x480"}, "size", "invalid_value"),
        ({"prompt": "a", "seconds": "5s"}, "seconds", "invalid_value"),
        ({"prompt": "a", "seconds": "٥"}, "seconds", "invalid_value"),
        ({"prompt": "a", "seconds": 4.5}, "seconds", "invalid_value"),
        ({"prompt": "a", "seconds": []}, "seconds", "invalid_value"),
        ({"prompt": "a", "seed": "7"}, "seed", "invalid_value"),
        ({"prompt": "a", "input_reference": {"image_url": "x"}}, "input_reference", "unsupported_parameter"),
        (form(("prompt", "a"), ("seed", "seven")), "seed", "invalid_value"),
        (form(("prompt", "a"), ("watermark", "maybe")), "watermark", "invalid_value"),
        (form(("prompt", "a"), ("input_reference[image_url]", "x")), "input_reference", "unsupported_parameter"),
        (form(("size", "832x480")), "prompt", "missing_required_parameter"),
        (request(b"nothing", "multipart/form-data"), "body", "invalid_value"),
        (request(b"nothing", "multipart/form-data; boundary=x"), "body", "invalid_value"),
        (request(b"[]"), "body", "invalid_value"),
    ],
)
def test_a_field_that_breaks_a_rule_is_named(asked: Any, field: str, code: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        created(asked)
    error = refusal_of(refused.value)
    assert (error["param"], error["code"], error["type"]) == (field, code, "invalid_request_error")
    assert error["message"].startswith(f"{field}: ")


def test_a_file_is_refused_by_its_fields_name() -> None:
    file = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="input_reference"; filename="a.png"\r\n'
        f"Content-Type: image/png\r\n\r\n\x89PNG\r\n--{BOUNDARY}--\r\n"
    )
    with pytest.raises(UnsupportedParameter):
        created(request(file.encode("latin-1"), f"multipart/form-data; boundary={BOUNDARY}"))


@given(st.binary(max_size=300), st.sampled_from([f"multipart/form-data; boundary={BOUNDARY}", "multipart/form-data"]))
def test_whatever_comes_as_a_form_is_read_or_refused(noise: bytes, kind: str) -> None:
    for body in (noise, f"--{BOUNDARY}\r\n".encode() + noise, noise + f"\r\n--{BOUNDARY}--".encode()):
        try:
            created(request(body, kind))
        except InvalidRequest as refused:
            assert refused.problem  # noqa: PT017  # anything else that is raised fails the test


@given(st.uuids())
def test_an_id_is_the_tasks_own_in_other_letters(task_id: object) -> None:
    written = openai_models.video_id(str(task_id))
    assert written.removeprefix("video_").isalnum()
    assert openai.task_id_of(written) == str(task_id)


@pytest.mark.parametrize(
    "text", ["", "video_", "video_12", "19d8e7a6-c652-4f0e-9a53-0f6f4a1e2b3c", "video_" + "G" * 32]
)
def test_what_can_be_no_id_is_an_unknown_video(text: str) -> None:
    with pytest.raises(TaskNotFound):
        openai.read_id(request(path=text))
    refusal = DIALECT.refuse(TaskNotFound(text), "request", None)
    assert refusal.status == 404


def test_a_video_has_every_key_in_every_state() -> None:
    waiting = replace(new_task(submitted_ms=1_758_941_485_999), remixed_from="19d8e7a6-c652-4f0e-9a53-0f6f4a1e2b3c")
    running = replace(waiting.claimed("worker", 1_758_941_486_000, 0), progress=0.339)
    failed = running.settled(Failed(Failure("engine_failed", "it would not")), 1_758_941_490_000)
    done = running.settled(Succeeded(VIDEO), 1_758_941_500_500)
    told = {
        name: openai_answers.write_video(task, CONTEXT, 3_600_000)
        for name, task in {
            "waiting": waiting, "running": running, "failed": failed, "done": done, "gone": waiting.canceled(0)
        }.items()
    }  # fmt: skip
    assert told["running"] == {
        "id": openai_models.video_id(waiting.id),
        "object": "video",
        "model": "wan2.2-t2v-plus",
        "status": "in_progress",
        "progress": 33,
        "created_at": 1_758_941_485,
        "completed_at": None,
        "expires_at": None,
        "prompt": "A kitten running in the moonlight",
        "size": "64x64",
        "seconds": "0",
        "remixed_from_video_id": "video_19d8e7a6c6524f0e9a530f6f4a1e2b3c",
        "error": None,
        "negative_prompt": waiting.generation.negative_prompt,
        "seed": waiting.generation.seed,
        "prompt_extend": False,
        "watermark": False,
        "url": None,
    }
    assert all(set(video) == set(told["running"]) for video in told.values())
    assert (told["waiting"]["status"], told["waiting"]["progress"]) == ("queued", 0)
    done_video = told["done"]
    assert (done_video["status"], done_video["progress"]) == ("completed", 100)
    assert (done_video["completed_at"], done_video["expires_at"]) == (1_758_941_500, 1_758_945_100)
    assert told["failed"]["error"] == {"code": "engine_failed", "message": "it would not"}
    assert told["gone"]["status"] == "failed"
    assert told["gone"]["error"] is not None
    assert told["gone"]["error"]["code"] == "cancelled"
    link = openai_answers.write_video(done, AnswerContext("request", "http://x/files/1"), 0)
    assert link["url"] == "http://x/files/1"
    nearly = openai_answers.write_video(replace(running, progress=1.0), CONTEXT, 0)
    assert nearly["progress"] == 99


@pytest.mark.parametrize(
    ("error", "status", "code", "kind"),
    [
        (FieldMissing("prompt"), 400, "missing_required_parameter", "invalid_request_error"),
        (InvalidRequest("size", "no"), 400, "invalid_value", "invalid_request_error"),
        (NotSupported("no"), 400, "unsupported", "invalid_request_error"),
        (MissingKey(""), 401, "invalid_api_key", "invalid_request_error"),
        (InvalidKey(""), 401, "invalid_api_key", "invalid_request_error"),
        (ModelDenied("no"), 403, "model_denied", "invalid_request_error"),
        (TaskNotFound("t"), 404, "not_found", "invalid_request_error"),
        (ModelNotFound("t"), 404, "model_not_found", "invalid_request_error"),
        (VideoNotReady("t", "RUNNING"), 404, "video_not_ready", "invalid_request_error"),
        (EndpointNotFound(""), 404, "unknown_url", "invalid_request_error"),
        (BlobNotFound("gone"), 404, "blob_not_found", "invalid_request_error"),
        (MethodNotAllowed("PUT", "/", ["GET"]), 405, "method_not_supported", "invalid_request_error"),
        (RateLimited(3), 429, "rate_limit_exceeded", "requests"),
        (QueueFull("full"), 429, "rate_limit_exceeded", "requests"),
        (StoreUnavailable("disk"), 503, "server_error", "server_error"),
        (EngineFailed("bug"), 500, "server_error", "server_error"),
    ],
)
def test_every_error_has_the_vendors_shape(error: WanserveError, status: int, code: str, kind: str) -> None:
    refusal = DIALECT.refuse(error, "request", None)
    said = refusal_of(error)
    assert (refusal.status, said["code"], said["type"]) == (status, code, kind)
    assert set(refusal.body) == {"error"}
    assert set(said) == {"message", "type", "param", "code"}
    assert ("Retry-After" in refusal.headers) == (status == 429)
    assert status < 500 or "server had an error" in said["message"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (SizeNotMade("wanx", [(640, 480), (832, 480)]), "size: wanx makes 640x480, 832x480"),
        (TaskNotFound(TASK), f"Video with id '{VIDEO_ID}' not found."),
        (VideoNotReady(TASK, "PENDING"), f"Video with id '{VIDEO_ID}' is queued: it has no content."),
    ],
)
def test_a_line_is_in_the_vendors_own_words(error: WanserveError, message: str) -> None:
    assert refusal_of(error)["message"] == message


def test_what_is_not_supported_says_so_and_characters_are_nowhere() -> None:
    statuses = {
        operation.path: DIALECT.refuse(NotSupported(operation.why), "request", operation).status
        for operation in DIALECT.operations
        if isinstance(operation, Unsupported)
    }
    assert statuses == {
        "/v1/videos/edits": 400,
        "/v1/videos/extensions": 400,
        "/v1/videos/characters": 404,
        "/v1/videos/characters/{character_id}": 404,
    }


def test_a_list_is_read_and_written_with_its_ends() -> None:
    assert openai.read_list(request(), lambda: 0) == Search(limit=20)
    after = "video_19d8e7a6c6524f0e9a530f6f4a1e2b3c"
    asked = openai.read_list(request(query=f"limit=0&order=asc&after={after}"), lambda: 0)
    assert asked == Search(after="19d8e7a6-c652-4f0e-9a53-0f6f4a1e2b3c", oldest_first=True, limit=0)
    for query, field in (("limit=101", "limit"), ("limit=-1", "limit"), ("order=up", "order"), ("after=x", "after")):
        with pytest.raises(InvalidRequest) as refused:
            openai.read_list(request(query=query), lambda: 0)
        assert refused.value.field == field
        assert refused.value.problem.startswith("must be ")
    tasks = [new_task(), new_task()]
    page = openai_answers.write_list(Found(asked, tasks, more=True), CONTEXT, 0)
    assert (page["first_id"], page["last_id"]) == (
        openai_models.video_id(tasks[0].id),
        openai_models.video_id(tasks[1].id),
    )
    assert (page["object"], page["has_more"]) == ("list", True)
    empty = openai_answers.write_list(Found(asked, [], more=False), CONTEXT, 0)
    assert (empty["first_id"], empty["last_id"], empty["has_more"]) == (None, None, False)


def test_a_file_is_asked_for_by_the_vendors_names() -> None:
    path = "video_19d8e7a6c6524f0e9a530f6f4a1e2b3c"
    for query, variant in (
        ("", Variant.VIDEO),
        ("variant=thumbnail", Variant.THUMBNAIL),
        ("variant=spritesheet", Variant.SPRITESHEET),
        ("variant=scene", Variant.SCENE),
    ):
        assert openai.read_content(request(path=path, query=query))[1] is variant
    with pytest.raises(InvalidRequest, match="variant"):
        openai.read_content(request(path=path, query="variant=gif"))


def test_a_repeat_is_known_by_its_name_or_by_the_clients_count_of_its_tries() -> None:
    assert openai.read_idempotency(request()) is None
    assert openai.read_idempotency(request(x_stainless_retry_count="0")) == RetryCount(0)
    assert openai.read_idempotency(request(x_stainless_retry_count="2")) == RetryCount(2)
    assert openai.read_idempotency(request(x_stainless_retry_count="2", idempotency_key="mine")) == IdempotencyKey(
        "mine"
    )
    for noise in ("-1", "+1", "1_0", "1.0", "x", "²", ""):
        assert openai.read_idempotency(request(x_stainless_retry_count=noise)) is None
    assert openai.read_idempotency(request(x_stainless_retry_count="9" * 5000)) == RetryCount(999_999_999)


def test_the_catalogue_is_written_as_models() -> None:
    listed = openai_answers.write_models(list(MODELS.values()), CONTEXT)
    assert [model["id"] for model in listed["data"]] == list(MODELS)
    assert all(model["created"] > 0 for model in listed["data"])
    assert openai_answers.write_model([MODELS["wan2.2-t2v-plus"]], CONTEXT)["object"] == "model"
