"""The document's dialect as a codec: recorded requests in, recorded answers out, whatever the rest of the server does."""

from dataclasses import replace

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
    QueueFull,
    RateLimited,
    StoreUnavailable,
    TaskNotFound,
    WanserveError,
)
from wanserve.domain.rules import VideoRequest
from wanserve.domain.task import Failed, Failure, Succeeded, Task
from wanserve.http.dialects import pixazo, vendor
from wanserve.http.dialects.base import AnswerContext, DialectRequest, EndpointNotFound, MethodNotAllowed

SUBMITTED_MS = 1_757_152_989_999
"""2025-09-06 10:03:09.999 UTC, which the document's clock calls 18:03:09.999."""

CONTEXT = AnswerContext("request", "http://here/files/videos/some/1.mp4?expires=1&signature=x")


def request(body: bytes = b"", headers: dict[str, str] | None = None, query: str = "") -> DialectRequest:
    return DialectRequest(Headers(headers or {}), QueryParams(query), {}, body)


def document_task() -> Task:
    """The task of the document's own example, at its start."""
    task = new_task(submitted_ms=SUBMITTED_MS)
    return replace(task, generation=replace(task.generation, width=1920, height=1080, frames=150))


def test_the_documents_request_is_read() -> None:
    body = b"""{"model": "wan2.2-t2v-plus",
        "input": {"prompt": "A kitten running in the moonlight", "negative_prompt": "flowers, people, text"},
        "parameters": {"size": "1920*1080"}}"""
    assert pixazo.read_submit(request(body)) == VideoRequest(
        "wan2.2-t2v-plus", "A kitten running in the moonlight", "flowers, people, text", (1920, 1080)
    )


def test_the_documents_success_body_is_written_key_for_key() -> None:
    task = document_task().claimed("worker", SUBMITTED_MS + 18, 0).settled(Succeeded(VIDEO), SUBMITTED_MS + 106_638)
    assert pixazo.write_result(task, CONTEXT) == {
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


def test_a_task_that_has_not_ended_or_ended_badly_has_no_video_and_no_usage() -> None:
    waiting = document_task()
    running = waiting.claimed("worker", SUBMITTED_MS, 0)
    failed = running.settled(Failed(Failure("stalled", "it said nothing")), SUBMITTED_MS)
    told = {task.state: pixazo.write_result(task, CONTEXT) for task in (waiting, running, failed, running.canceled(0))}
    keys = {state: set(body["output"]) - {"task_id", "task_status", "submit_time"} for state, body in told.items()}
    assert keys == {
        "PENDING": set(),
        "RUNNING": {"scheduled_time"},
        "FAILED": {"scheduled_time", "end_time", "code", "message"},
        "CANCELED": {"scheduled_time", "end_time"},
    }
    assert all("usage" not in body for body in told.values())
    assert told[failed.state]["output"]["code"] == "InternalError.Timeout"
    assert told[failed.state]["output"]["message"] == "it said nothing"
    other = running.settled(Failed(Failure("worker_died", "killed")), SUBMITTED_MS)
    assert pixazo.write_result(other, CONTEXT)["output"]["code"] == "InternalError.Algo"


@pytest.mark.parametrize(
    ("error", "status", "text", "code"),
    [
        (InvalidRequest("count", "must be 1"), 400, "Invalid request parameters", "InvalidParameter"),
        (MissingKey(""), 401, "Invalid or missing authentication", "InvalidApiKey"),
        (InvalidKey(""), 401, "Invalid or missing authentication", "InvalidApiKey"),
        (ModelDenied("no"), 403, "Access denied for this operation", "Model.AccessDenied"),
        (TaskNotFound("x"), 404, "Task not found", "NotFound"),
        (EndpointNotFound(""), 404, "Endpoint not found", "NotFound"),
        (MethodNotAllowed("GET", "/", ["GET"]), 404, "Endpoint not found", "NotFound"),
        (BlobNotFound("gone"), 404, "Endpoint not found", "NotFound"),
        (RateLimited(3), 429, "Rate limit exceeded, please retry later", "Throttling.RateQuota"),
        (QueueFull("full"), 429, "Rate limit exceeded, please retry later", "Throttling.AllocationQuota"),
        (StoreUnavailable("disk"), 500, "An unexpected error occurred, please try again later", "InternalError"),
        (EngineFailed("bug"), 500, "An unexpected error occurred, please try again later", "InternalError"),
    ],
)
def test_every_error_has_the_documents_text(error: WanserveError, status: int, text: str, code: str) -> None:
    refusal = pixazo.Pixazo().refuse(error, "request", None)
    assert (refusal.status, refusal.body["error"], refusal.body["code"]) == (status, text, code)
    assert refusal.body["statusCode"] == status
    assert refusal.body["request_id"] == "request"
    assert ("Retry-After" in refusal.headers) == (status == 429)
    if status == 500:
        assert refusal.body["message"] == text


def test_a_broken_rule_is_named_where_the_document_puts_the_field() -> None:
    refusal = pixazo.Pixazo().refuse(InvalidRequest("count", "must be 1: one video a task"), "request", None)
    assert refusal.body["message"] == "parameters.n: must be 1: one video a task"


def test_the_credential_is_looked_for_in_the_header_and_then_in_the_query() -> None:
    credential = pixazo.Pixazo().credential
    header = {"ocp-apim-subscription-key": "a"}
    assert credential(request(headers=header, query="subscription-key=b")) == "a"
    assert credential(request(query="subscription-key=b")) == "b"
    assert credential(request()) is None


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_body_makes_it_stumble(body: bytes) -> None:
    for read in (pixazo.read_submit, pixazo.read_poll):
        try:
            read(request(body))
        except InvalidRequest as refused:
            line = str(refused)
        else:
            line = ""
        assert "\n" not in line


@given(st.sampled_from(sorted(MODELS)), st.text(), st.text() | st.none(), st.integers(0, 2**31 - 1))
def test_what_is_written_as_json_is_read_as_it_was(model: str, prompt: str, negative: str | None, seed: int) -> None:
    import json

    body = {"model": model, "input": {"prompt": prompt, "negative_prompt": negative}, "parameters": {"seed": seed}}
    read = pixazo.read_submit(request(json.dumps(body).encode()))
    assert read == VideoRequest(model, prompt, negative, seed=seed)


@given(st.text())
def test_a_size_is_two_numbers_and_a_star_or_refused(text: str) -> None:
    try:
        width, height = vendor.read_size(text)
    except InvalidRequest:
        return
    assert text == f"{width}*{height}"
