"""DashScope's dialect as a codec: recorded requests in, recorded answers out."""

import json
from dataclasses import replace
from typing import Any

import pytest
from starlette.datastructures import Headers, QueryParams

from tests.samples import VIDEO, new_task
from wanserve.domain.errors import (
    BlobNotFound,
    EngineFailed,
    InvalidKey,
    InvalidRequest,
    MissingKey,
    ModelDenied,
    QueueFull,
    RateLimited,
    SizeNotMade,
    StoreUnavailable,
    TaskNotFound,
    WanserveError,
    WrongState,
)
from wanserve.domain.rules import VideoRequest
from wanserve.domain.search import Found, Search
from wanserve.domain.task import Failed, Failure, State, Succeeded, Task
from wanserve.http.dialects import dashscope
from wanserve.http.dialects.base import (
    AnswerContext,
    BodyTooLarge,
    CancelTask,
    DialectRequest,
    EndpointNotFound,
    FieldMissing,
    MethodNotAllowed,
    NotSupported,
    Operation,
    Query,
)

SUBMITTED_MS = 1_757_152_989_999
"""2025-09-06 10:03:09.999 UTC, which the vendor's clock calls 18:03:09.999."""

NOW_MS = 1_745_568_428_138
DAY_MS = 24 * 3600 * 1000
CONTEXT = AnswerContext("request", "http://here/files/videos/some/1.mp4?expires=1&signature=x")
DIALECT = dashscope.DashScope()
SDK_BODY: dict[str, Any] = {
    "model": "wan2.2-t2v-plus",
    "parameters": {"size": "832*480", "seed": 1},
    "input": {"prompt": "猫", "extend_prompt": True, "negative_prompt": "花", "function": "video-synthesis"},
}
"""As the vendor's SDK sends it."""


def request(body: object = None, query: str = "", headers: dict[str, str] | None = None) -> DialectRequest:
    sent = {dashscope.ASYNC_HEADER: "enable"} if headers is None else headers
    return DialectRequest(Headers(sent), QueryParams(query), {"task_id": "t1"}, json.dumps(body).encode())


def parameters(**given: object) -> dict[str, Any]:
    return SDK_BODY | {"parameters": given}


def one(kind: type[Operation]) -> Operation:
    return next(operation for operation in DIALECT.operations if isinstance(operation, kind))


def searched(query: str) -> Search:
    return dashscope.read_list(request(query=query), lambda: NOW_MS)


def test_the_sdks_request_is_read_and_what_it_says_beside_is_ignored() -> None:
    assert dashscope.read_submit(request(SDK_BODY)) == VideoRequest("wan2.2-t2v-plus", "猫", "花", (832, 480), seed=1)
    bare = {"model": "wan2.1-t2v-turbo", "input": {"prompt": "a", "audio_url": None}}
    assert dashscope.read_submit(request(bare)) == VideoRequest("wanx2.1-t2v-turbo", "a")
    rich = parameters(
        duration=5, n=1, prompt_extend=False, watermark=True, shot_type="single", with_audio=False, resolution="1080P"
    )
    read = dashscope.read_submit(request(rich))
    assert (read.count, read.prompt_extend, read.watermark, read.size) == (1, False, True, None)
    assert read.tier == "1080P"
    assert dashscope.read_submit(request(SDK_BODY | {"model": "wan2.1-t2v-plus"})).model == "wanx2.1-t2v-plus"


@pytest.mark.parametrize("headers", [{}, {dashscope.ASYNC_HEADER: "disable"}])
def test_a_submit_must_ask_for_a_task(headers: dict[str, str]) -> None:
    with pytest.raises(dashscope.AsyncRequired):
        dashscope.read_submit(request(SDK_BODY, headers=headers))
    asked = dashscope.read_submit(request(SDK_BODY, headers={dashscope.ASYNC_HEADER.lower(): "Enable"}))
    assert asked.prompt == "猫"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (parameters(size="640*480"), "size"),
        (parameters(size="480P"), "size"),
        (parameters(size="832x480"), "size"),
        (parameters(duration=4), "seconds"),
        (parameters(duration="5"), "parameters.duration"),
        (parameters(seed=1.5), "parameters.seed"),
        (parameters(watermark="true"), "parameters.watermark"),
        (SDK_BODY | {"input": {"prompt": 7}}, "input.prompt"),
        (SDK_BODY | {"input": []}, "input"),
        ([], "body"),
    ],
)
def test_a_field_that_breaks_a_rule_is_named(body: object, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        dashscope.read_submit(request(body))
    assert refused.value.field == field


def test_a_success_is_the_vendors_key_for_key() -> None:
    task = new_task(submitted_ms=SUBMITTED_MS)
    task = replace(task, generation=replace(task.generation, width=1920, height=1080, frames=150, prompt_extend=True))
    done = task.claimed("worker", SUBMITTED_MS + 18, 0).settled(Succeeded(VIDEO), SUBMITTED_MS + 106_638)
    assert dashscope.write_result(done, CONTEXT) == {
        "request_id": "request",
        "output": {
            "task_id": task.id,
            "task_status": "SUCCEEDED",
            "submit_time": "2025-09-06 18:03:09.999",
            "scheduled_time": "2025-09-06 18:03:10.017",
            "end_time": "2025-09-06 18:04:56.637",
            "video_url": CONTEXT.video_url,
            "orig_prompt": "A kitten running in the moonlight",
            "actual_prompt": "A kitten running in the moonlight",
        },
        "usage": {"video_duration": 5, "video_ratio": "1920*1080", "video_count": 1},
    }
    unextended = replace(done, generation=replace(done.generation, prompt_extend=False))
    assert "actual_prompt" not in dashscope.write_result(unextended, CONTEXT)["output"]


def test_what_has_not_succeeded_has_no_video_and_no_usage() -> None:
    waiting = new_task(submitted_ms=SUBMITTED_MS)
    running = waiting.claimed("worker", SUBMITTED_MS, 0)
    failed = running.settled(Failed(Failure("stalled", "it said nothing")), SUBMITTED_MS)
    for task in (waiting, running, failed, waiting.canceled(SUBMITTED_MS)):
        body = dashscope.write_result(task, CONTEXT)
        assert set(body) == {"request_id", "output"}
        assert body["output"]["task_status"] == task.state
        assert not {"video_url", "orig_prompt", "actual_prompt"} & set(body["output"])
        assert ("code" in body["output"]) == (task is failed)
    assert dashscope.write_canceled(waiting, CONTEXT) == {"request_id": "request"}


@pytest.mark.parametrize(
    ("error", "status", "code", "message"),
    [
        (FieldMissing("model"), 400, "BadRequest.EmptyModel", 'Required parameter "model" missing from request.'),
        (FieldMissing("input"), 400, "BadRequest.EmptyInput", "Required input parameter missing from request."),
        (FieldMissing("input.prompt"), 400, "InvalidParameter", "request parameters. input.prompt: is required"),
        (InvalidRequest("count", "must be 1"), 400, "InvalidParameter", "parameters.n: must be 1"),
        (InvalidRequest("seconds", "must be 5"), 400, "InvalidParameter", "parameters.duration: must be 5"),
        (InvalidRequest("model", "must be one of"), 400, "InvalidParameter", "Model not exist. model: must be one of"),
        (InvalidRequest("body", "must be JSON"), 400, "InvalidParameter", "request body format. It must be JSON"),
        (SizeNotMade("wanx", [(640, 480), (832, 480)]), 400, "InvalidParameter", "parameters.size: wanx makes 832*480"),
        (BodyTooLarge(), 400, "BadRequest.TooLarge", "Payload Too Large"),
        (MissingKey(""), 401, "InvalidApiKey", "No API-key provided."),
        (InvalidKey(""), 401, "InvalidApiKey", "Invalid API-key provided."),
        (dashscope.AsyncRequired(""), 403, "AccessDenied", "does not support synchronous calls."),
        (ModelDenied("no"), 403, "Model.AccessDenied", "Model access denied."),
        (EndpointNotFound(""), 404, "NotFound", "Request path not found."),
        (MethodNotAllowed("GET", "/", ["GET"]), 400, "InvalidParameter", "Request method 'GET' is not supported."),
        (NotSupported("no"), 400, "InvalidParameter", "url error, please check url！"),
        (WrongState("no"), 400, "UnsupportedOperation", "confirm if the task is in PENDING status."),
        (RateLimited(3), 429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later."),
        (QueueFull("full"), 429, "Throttling.AllocationQuota", "please increase your quota limit."),
        (StoreUnavailable("disk"), 503, "ModelUnavailable", "Model is unavailable, please try again later."),
        (EngineFailed("bug"), 500, "InternalError", "An internal error has occured"),
        (BlobNotFound("gone"), 404, "NotFound", "Request path not found."),
    ],
)
def test_every_error_is_the_vendors(error: WanserveError, status: int, code: str, message: str) -> None:
    refusal = DIALECT.refuse(error, "request", None)
    assert (refusal.status, refusal.body["code"]) == (status, code)
    assert message in str(refusal.body["message"])
    assert set(refusal.body) == {"code", "message", "request_id"}
    assert ("Retry-After" in refusal.headers) == (status == 429)


def test_an_unknown_task_is_unknown_to_a_query_and_not_pending_to_a_cancel() -> None:
    asked = DIALECT.refuse(TaskNotFound("t1"), "request", one(Query))
    assert asked.status == 200
    assert asked.body == {"request_id": "request", "output": {"task_id": "t1", "task_status": "UNKNOWN"}}
    canceled = DIALECT.refuse(TaskNotFound("t1"), "request", one(CancelTask))
    assert (canceled.status, canceled.body["code"]) == (400, "UnsupportedOperation")


def test_a_list_is_of_the_last_day_unless_it_is_told_otherwise() -> None:
    assert searched("") == Search(since_ms=NOW_MS - DAY_MS, limit=10, counted=True)
    assert searched("page_no=3&page_size=20&region=cn&status=&model_name=") == replace(searched(""), skip=40, limit=20)
    assert searched("task_id=abc&status=RUNNING&page_size=5") == Search(task_id="abc", limit=5, counted=True)
    assert searched("status=RUNNING&model_name=wan2.1-t2v-plus") == replace(
        searched(""), states=(State.RUNNING,), model="wanx2.1-t2v-plus"
    )
    assert searched("status=UNKNOWN").states == ()
    start_ms = SUBMITTED_MS - 999
    assert searched("start_time=20250906180309") == Search(
        since_ms=start_ms, until_ms=start_ms + DAY_MS, limit=10, counted=True
    )
    assert searched("end_time=20250906180309") == Search(
        since_ms=start_ms - DAY_MS, until_ms=start_ms, limit=10, counted=True
    )
    both = searched("start_time=20250906180309&end_time=20250906180310")
    assert (both.since_ms, both.until_ms) == (start_ms, start_ms + 1000)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page_no=0", "page_no"),
        ("page_no=x", "page_no"),
        ("page_no=", "page_no"),
        ("page_no=99999999999999999999", "page_no"),
        ("page_size=101", "page_size"),
        ("status=DONE", "status"),
        ("task_id=abc&status=DONE", "status"),
        ("task_id=abc&start_time=now", "start_time"),
        ("start_time=2025-09-06", "start_time"),
        ("start_time=20250906186009", "start_time"),
        ("end_time=00000906180309", "end_time"),
        ("start_time=20250906180309&end_time=20250907180310", "end_time"),
        ("start_time=20250906180309&end_time=20250906180308", "end_time"),
    ],
)
def test_a_list_that_breaks_a_rule_is_refused(query: str, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        searched(query)
    assert refused.value.field == field
    assert refused.value.problem.startswith("must be ")


def test_a_list_is_told_twice_as_the_page_and_as_the_sdk_have_it() -> None:
    def listed(*tasks: Task, total: int) -> dict[str, Any]:
        return dict(dashscope.write_list(Found(Search(skip=10, limit=10), tasks, more=False, total=total), CONTEXT))

    running = new_task(submitted_ms=SUBMITTED_MS).claimed("worker", SUBMITTED_MS + 18, 0)
    told = listed(running, total=11)
    assert {name: told[name] for name in ("total", "total_page", "page_no", "page_size", "request_id")} == {
        "total": 11, "total_page": 2, "page_no": 2, "page_size": 10, "request_id": "request",
    }  # fmt: skip
    (row,) = told["data"]
    assert (row["status"], row["gmt_create"], row["start_time"]) == ("RUNNING", SUBMITTED_MS, SUBMITTED_MS + 18)
    assert "end_time" not in row
    assert row["model_name"] in row["user_api_unique_key"]
    assert told["tasks"] == [
        {
            "task_id": running.id,
            "task_status": "RUNNING",
            "submit_time": "2025-09-06 18:03:09.999",
            "scheduled_time": "2025-09-06 18:03:10.017",
        }
    ]
    assert listed(total=0)["total_page"] == 0


def test_only_a_bearer_is_a_credential() -> None:
    def credential(text: str) -> str | None:
        return DIALECT.credential(request(headers={"Authorization": text}))

    assert credential("Bearer sk-1") == credential("bearer  sk-1 ") == "sk-1"
    assert credential("Basic sk-1") is credential("Bearer ") is credential("sk-1") is None
