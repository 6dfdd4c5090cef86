"""The middleware: every error becomes an answer in the dialect of its path, and nothing is said twice."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable

import httpx
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wanserve.app import all_dialects
from wanserve.domain.errors import QueueFull, RateLimited, StoreUnavailable, StoreUncertain, TaskNotFound
from wanserve.http.dialects.base import EndpointNotFound, MethodNotAllowed
from wanserve.http.middleware import ErrorMiddleware
from wanserve.http.ranges import RangeNotSatisfiable
from wanserve.http.routing import STORED

DIALECTS = all_dialects(retention_ms=1000)
PATHS = {"pixazo": "/anything", "dashscope": "/api/v1/tasks/x", "openai": "/v1/videos/x"}


def raising(error: Exception, *, stored: bool = False) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if stored:
            scope[STORED] = True
        raise error

    return app


def answered(
    app: ASGIApp,
    path: str = "/anything",
    headers: dict[str, str] | None = None,
    answers: Counter[tuple[str, int]] | None = None,
    method: str = "POST",
) -> httpx.Response:
    middleware = ErrorMiddleware(app, DIALECTS, lambda: "an-id", Counter() if answers is None else answers)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(middleware), base_url="http://test") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("dialect", "message"),
    [
        ("pixazo", lambda body: body["error"] == "Endpoint not found"),
        ("dashscope", lambda body: body["code"] == "NotFound"),
        ("openai", lambda body: body["error"]["code"] == "unknown_url"),
    ],
)
def test_an_error_is_answered_in_the_dialect_of_its_path(dialect: str, message: Callable[[object], bool]) -> None:
    answers: Counter[tuple[str, int]] = Counter()
    answer = answered(raising(EndpointNotFound("gone")), PATHS[dialect], answers=answers)
    assert message(answer.json())
    assert answers == {(dialect, answer.status_code): 1}


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1x", "/v2/videos", "/api/v1", "/api", "/", "//v1/videos"])
def test_a_prefix_ends_at_a_slash(path: str) -> None:
    answers: Counter[tuple[str, int]] = Counter()
    answered(raising(TaskNotFound("x")), path, answers=answers)
    expected = "openai" if path in ("/v1", "/v1/") else "dashscope" if path == "/api/v1" else "pixazo"
    assert [dialect for dialect, _ in answers] == [expected]


def test_an_unexpected_error_is_a_500_without_its_text_and_the_log_has_the_trace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = answered(raising(ValueError("a secret")))
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] == "an-id"
    (record,) = caplog.records
    assert (record.levelno, record.exc_info is not None) == (logging.ERROR, True)
    assert "POST /anything (request an-id)" in record.getMessage()


def test_an_expected_error_of_ours_is_logged_in_one_line_and_a_clients_is_not(caplog: pytest.LogCaptureFixture) -> None:
    answered(raising(StoreUnavailable("the disk is full")))
    assert [(record.levelno, record.exc_info) for record in caplog.records] == [(logging.ERROR, None)]
    caplog.clear()
    answered(raising(TaskNotFound("x")))
    assert caplog.records == []


@pytest.mark.parametrize(
    ("error", "stored", "key", "told"),
    [
        (ValueError("a bug"), True, False, True),
        (ValueError("a bug"), True, True, False),
        (ValueError("a bug"), False, False, False),
        (StoreUncertain("perhaps"), False, False, True),
        (StoreUncertain("perhaps"), False, True, False),
        (StoreUnavailable("gone"), False, False, False),
        (QueueFull("full"), False, False, False),
    ],
)
def test_a_client_is_told_not_to_try_again_only_where_that_might_make_a_second_task(
    error: Exception, *, stored: bool, key: bool, told: bool
) -> None:
    answer = answered(raising(error, stored=stored), headers={"Idempotency-Key": "k"} if key else {})
    assert (answer.headers.get("x-should-retry") == "false") == told


def test_headers_that_http_wants_with_an_error_come_with_it() -> None:
    assert answered(raising(MethodNotAllowed("PUT", "/x", ["GET", "HEAD"]))).headers["allow"] == "GET, HEAD"
    assert answered(raising(RangeNotSatisfiable(100))).headers["content-range"] == "bytes */100"
    assert answered(raising(RateLimited(7))).headers["retry-after"] == "7"


def test_an_error_after_the_answer_has_begun_changes_nothing_of_it() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise TaskNotFound("x")

    answers: Counter[tuple[str, int]] = Counter()
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": "GET", "path": "/x", "headers": [], "scheme": "http"}
    asyncio.run(ErrorMiddleware(app, DIALECTS, lambda: "an-id", answers)(scope, receive, send))
    assert [message.get("status", message.get("body")) for message in sent] == [200, b"half"]
    assert sum(answers.values()) == 1


def test_a_preflight_is_answered_without_the_application() -> None:
    headers = {
        "Origin": "http://page",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-a",
    }
    answer = answered(raising(ValueError("never called")), headers=headers, method="OPTIONS")
    assert (answer.status_code, answer.headers["access-control-allow-headers"]) == (200, "x-a")


def test_a_bad_host_is_refused_before_the_application_is_asked() -> None:
    answer = answered(raising(ValueError("never called")), headers={"Host": "a b"})
    assert (answer.status_code, "Host" in answer.json()["message"]) == (400, True)
