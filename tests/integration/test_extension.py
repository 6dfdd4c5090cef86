"""Prompt extension with a real chat endpoint on the loopback interface, and with endpoints that fail in every way."""

import json
import logging
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.samples import new_generation
from wanserve.domain.errors import Canceled
from wanserve.domain.generation import Generation
from wanserve.domain.ports import Report
from wanserve.domain.progress import Progress, Stage
from wanserve.prompts.calls import MAX_BODY_BYTES
from wanserve.prompts.chat import (
    MAX_TRIES,
    RESPONSE_FORMAT,
    TIMEOUT_SECONDS,
    ChatEndpoint,
    PromptExtender,
)

GOOD = (
    "A small grey kitten runs across a moonlit meadow, its paws barely touching the wet grass. Cold blue light from "
    "a full moon falls from the side and draws a bright line along its back. The camera follows low and close."
)
GOOD_CHINESE = (
    "夜晚，一只灰色小猫在月光下的草地上奔跑，脚掌轻轻掠过沾着露水的草叶。冷色调的月光从侧面洒下，柔和地勾勒出它背部的轮廓。"
    "中景，低角度跟拍，小猫位于画面中心，身后的树林幽暗而模糊。"
)
KEY = "sk-a-very-secret-key"
SHORT_TIMEOUT_S = 0.3
"""The timeout of an extension that must fail by it, in seconds."""


@dataclass(frozen=True)
class ChatRequest:
    """A request that the endpoint received."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class ChatHandler(BaseHTTPRequestHandler):
    """Handles the requests of one connection, with the replies that an endpoint may give."""

    protocol_version = "HTTP/1.1"
    endpoint: "Endpoint"

    def do_POST(self) -> None:
        """Record the request, and give the next reply of the endpoint's script."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        script = self.endpoint.script
        self.endpoint.requests.append(ChatRequest(self.path, dict(self.headers), body))
        reply = script.pop(0) if len(script) > 1 else script[0]
        try:
            reply(self)
        except OSError:
            self.close_connection = True
            self.endpoint.disconnected.set()

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        """Send a complete response."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def drip(self, data: bytes) -> None:
        """Send the bytes one by one, and then the last of them again and again, until the client disconnects."""
        for number in range(100_000):
            self.wfile.write(data[number : number + 1] or data[-1:])
            self.wfile.flush()
            if self.endpoint.closed.wait(0.005):
                return

    def wait_for_disconnect(self) -> None:
        """Send nothing until the client disconnects."""
        with suppress(OSError):
            self.connection.recv(1)
        self.close_connection = True
        self.endpoint.disconnected.set()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Log nothing."""


Reply = Callable[[ChatHandler], None]


class Endpoint:
    """A chat endpoint with a script: a reply for each request, and the last one for all further requests."""

    def __init__(self) -> None:
        self.script: list[Reply] = [answers_with(GOOD)]
        self.requests: list[ChatRequest] = []
        self.disconnected, self.closed = threading.Event(), threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (ChatHandler,), {"endpoint": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.root = f"http://127.0.0.1:{self._server.server_address[1]}"

    def config(self, base: str = "/v1", key: str | None = KEY) -> ChatEndpoint:
        """The configuration of this endpoint under a base path."""
        return ChatEndpoint(self.root + base, "a-model", key)

    def close(self) -> None:
        """Stop the server."""
        self.closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    yield server
    server.close()


def answers_with(content: object, **choice: object) -> Reply:
    body = json.dumps({"choices": [{"message": {"role": "assistant", "content": content}, **choice}]}).encode()
    return lambda handler: handler.answer(200, body, **{"Content-Type": "application/json"})


def status(code: int, body: bytes = b'{"error": {"message": "no"}}', **headers: str) -> Reply:
    return lambda handler: handler.answer(code, body, **headers)


def resets_connection(handler: ChatHandler) -> None:
    """Reset the connection in the middle of a response."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # The socket is closed, and so reset, when the file objects over it are closed too.
    handler.connection.close()


def never_cancels(_: Progress) -> None:
    """The `report` of a task that is not canceled."""


def extend(endpoint: ChatEndpoint, generation: Generation, report: Report, timeout_s: float = TIMEOUT_SECONDS) -> str:
    return PromptExtender(endpoint).extend(generation, report, timeout_s)


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_the_answer_becomes_the_prompt(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    generation = new_generation()
    assert extend(endpoint.config(), generation, never_cancels) == GOOD
    (request,) = endpoint.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    system, user = request.body.pop("messages")
    assert user == {"role": "user", "content": generation.prompt}
    assert system["role"] == "system"
    assert generation.prompt not in system["content"]
    assert request.body == {
        "model": "a-model",
        "stream": False,
        "max_tokens": 512,
        "temperature": 0.7,
        "seed": generation.seed,
        "response_format": RESPONSE_FORMAT,
    }
    assert warnings_in(caplog) == []


def test_an_answer_by_the_schema_is_the_prompt_in_it(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    endpoint.script = [answers_with(json.dumps({"prompt": GOOD}))]
    assert extend(endpoint.config(), new_generation(), never_cancels) == GOOD
    assert len(endpoint.requests) == 1
    assert warnings_in(caplog) == []


@pytest.mark.parametrize("bad", ['{"prompt": 7}', '{"text": "' + GOOD + '"}', '{"prompt": "', "{}" * 30, "[" * 5000])
def test_after_nonsense_by_the_schema_plain_text_is_asked_for(endpoint: Endpoint, bad: str) -> None:
    endpoint.script = [answers_with(bad), answers_with(GOOD)]
    extender = PromptExtender(endpoint.config())
    assert extender.extend(new_generation(), never_cancels, timeout_s=5) == GOOD
    assert ["response_format" in request.body for request in endpoint.requests] == [True, False]
    assert extender.extend(new_generation(), never_cancels) == GOOD
    assert "response_format" in endpoint.requests[2].body, "the next prompt is asked for by the schema again"


def test_what_an_endpoint_refuses_is_remembered(endpoint: Endpoint) -> None:
    endpoint.script = [status(400), answers_with(GOOD)]
    extender = PromptExtender(endpoint.config())
    for _ in range(3):
        assert extender.extend(new_generation(), never_cancels, timeout_s=5) == GOOD
    assert ["response_format" in request.body for request in endpoint.requests] == [True, False, False, False]
    assert all("seed" in request.body for request in endpoint.requests), "a step at a time"


def test_a_chinese_prompt_is_answered_in_chinese(endpoint: Endpoint) -> None:
    endpoint.script = [answers_with(GOOD_CHINESE)]
    assert extend(endpoint.config(), new_generation(prompt="一只小猫在月光下奔跑"), never_cancels) == GOOD_CHINESE
    system, user = endpoint.requests[0].body["messages"]
    assert "视频" in system["content"]
    assert user["content"] == "一只小猫在月光下奔跑"


@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("/v1/", "/v1/chat/completions"),
        ("", "/chat/completions"),
        ("/", "/chat/completions"),
        ("/a%20b/v1?version=2", "/a%20b/v1/chat/completions?version=2"),
    ],
)
def test_the_path_is_put_after_the_base(endpoint: Endpoint, base: str, path: str) -> None:
    assert extend(endpoint.config(base, key=None), new_generation(), never_cancels) == GOOD
    assert endpoint.requests[0].path == path
    assert "Authorization" not in endpoint.requests[0].headers


@pytest.mark.parametrize(
    "bad",
    [
        status(500),
        status(503, b""),
        status(429),
        status(200, b"<html>busy</html>"),
        status(200, b"\xff\xfe\x00"),
        status(200, b'{"choices": []}'),
        answers_with(None),
        answers_with(""),
        answers_with("I'm sorry, but I can't help with that."),
        answers_with("A kitten."),
        answers_with(GOOD * 20),
        answers_with(GOOD, finish_reason="length"),
        lambda handler: handler.connection.shutdown(socket.SHUT_RDWR),
        resets_connection,
    ],
)
def test_an_unusable_answer_is_asked_for_again(endpoint: Endpoint, bad: Reply) -> None:
    endpoint.script = [bad, bad, answers_with(GOOD)]
    assert extend(endpoint.config(), new_generation(), never_cancels, timeout_s=5) == GOOD
    # Each try has another seed, because the same seed would give the same answer.
    assert [request.body["seed"] for request in endpoint.requests] == [7, 8, 9]


def test_four_unusable_answers_are_enough(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    generation = new_generation(prompt='A kitten under a sign that answers_with "OPEN"')
    assert extend(endpoint.config(), generation, never_cancels, timeout_s=2) == generation.prompt
    assert len(endpoint.requests) == MAX_TRIES == 4
    (line,) = warnings_in(caplog)
    assert "lost a quoted text" in line
    assert KEY not in caplog.text
    assert "kitten" not in caplog.text


@pytest.mark.parametrize("code", [301, 307, 401, 403, 404])
def test_a_refusal_is_not_asked_again_and_a_redirect_is_not_followed(
    endpoint: Endpoint, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    generation = new_generation()
    endpoint.script = [status(code, Location=f"{endpoint.root}/elsewhere"), answers_with(GOOD)]
    assert extend(endpoint.config(), generation, never_cancels) == generation.prompt
    assert len(endpoint.requests) == 1
    (line,) = warnings_in(caplog)
    assert str(code) in line
    assert KEY not in line


@pytest.mark.parametrize("code", [400, 422])
def test_an_endpoint_that_refuses_a_field_is_asked_with_the_plain_ones(endpoint: Endpoint, code: int) -> None:
    endpoint.script = [status(code), status(code), answers_with(GOOD)]
    assert extend(endpoint.config(), new_generation(), never_cancels, timeout_s=2) == GOOD
    tuned, bare = (request.body.keys() for request in endpoint.requests[1:])
    assert tuned == {"model", "messages", "stream", "max_tokens", "temperature", "seed"}
    assert bare == {"model", "messages", "stream"}


def test_an_endpoint_that_refuses_the_plain_fields_is_not_asked_again(endpoint: Endpoint) -> None:
    generation = new_generation()
    endpoint.script = [status(400)]
    assert extend(endpoint.config(), generation, never_cancels, timeout_s=2) == generation.prompt
    assert len(endpoint.requests) == 3


def test_an_endpoint_that_is_not_there_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    generation = new_generation()
    assert extend(ChatEndpoint(f"http://127.0.0.1:{port}/v1", "m", KEY), generation, never_cancels) == generation.prompt
    (line,) = warnings_in(caplog)
    assert "cannot be reached" in line
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    "url", ["", "localhost:1/v1", "http://", "http://[::1", "http://127.0.0.1:99999/v1", "ftp://x"]
)
def test_an_address_that_is_none_costs_only_the_extension(url: str) -> None:
    generation = new_generation()
    assert extend(ChatEndpoint(url, "m"), generation, never_cancels) == generation.prompt


@pytest.mark.parametrize("key", ["two\r\nlines", "ключ", "nul\x00"])
def test_a_key_that_no_header_can_hold_is_not_shown(
    endpoint: Endpoint, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    generation = new_generation()
    assert extend(endpoint.config(key=key), generation, never_cancels) == generation.prompt
    (line,) = warnings_in(caplog)
    assert key not in line
    assert key.splitlines()[0] not in line
    assert endpoint.requests == []


def test_a_body_without_end_is_not_read_to_its_end(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    def floods(handler: ChatHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(10**12))
        handler.end_headers()
        while True:
            handler.wfile.write(b" " * 65536)

    generation = new_generation()
    endpoint.script = [floods]
    assert extend(endpoint.config(), generation, never_cancels, timeout_s=5) == generation.prompt
    assert str(MAX_BODY_BYTES) in warnings_in(caplog)[0]
    assert endpoint.disconnected.wait(10)


def drips_head(handler: ChatHandler) -> None:
    handler.drip(b"HTTP/1.1 200 OK\r\nX-Slow: a")


def drips_body(handler: ChatHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.drip(b'{"choices": ')


@pytest.mark.parametrize("reply", [ChatHandler.wait_for_disconnect, drips_head, drips_body])
def test_time_is_up_for_all_of_it_however_slowly_it_comes(
    endpoint: Endpoint, reply: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    generation = new_generation()
    endpoint.script = [reply]
    assert extend(endpoint.config(), generation, never_cancels, SHORT_TIMEOUT_S) == generation.prompt
    assert warnings_in(caplog) == [
        "the prompt was not extended, and is used as it was sent: no usable answer came within 0.3 s"
    ]
    assert endpoint.disconnected.wait(10), "the connection was left open"
    assert len(endpoint.requests) == 1


def test_time_is_up_while_nobody_takes_the_connection() -> None:
    # The backlog is full: the next connection is never accepted.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf, socket.create_connection(deaf.getsockname()):
        generation = new_generation()
        where = ChatEndpoint(f"http://127.0.0.1:{deaf.getsockname()[1]}/v1", "m")
        assert extend(where, generation, never_cancels, SHORT_TIMEOUT_S) == generation.prompt


def test_time_is_up_while_the_name_server_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answer = threading.Event(), threading.Event()

    def getaddrinfo(*_: object, **__: object) -> None:
        asked.set()
        answer.wait(60)
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    generation = new_generation()
    try:
        assert (
            extend(ChatEndpoint("http://llm.invalid/v1", "m"), generation, never_cancels, SHORT_TIMEOUT_S)
            == generation.prompt
        )
        assert asked.is_set()
        assert not answer.is_set()
    finally:
        answer.set()


def cancels_after_the_first_request(endpoint: Endpoint) -> Report:
    def report(progress: Progress) -> None:
        assert (progress.fraction, progress.stage) == (0.0, Stage.TEXT)
        if endpoint.requests:
            raise Canceled("a cancel was asked")

    return report


@pytest.mark.parametrize("reply", [ChatHandler.wait_for_disconnect, drips_head, drips_body])
def test_a_cancel_ends_it_and_closes_the_connection(
    endpoint: Endpoint, reply: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.script = [reply]
    with pytest.raises(Canceled):
        extend(endpoint.config(), new_generation(), cancels_after_the_first_request(endpoint), timeout_s=3600)
    assert endpoint.disconnected.wait(10), "the connection was left open"
    assert warnings_in(caplog) == []


def test_a_cancel_ends_the_pause_between_two_tries(endpoint: Endpoint) -> None:
    endpoint.script = [status(500)]
    with pytest.raises(Canceled):
        extend(endpoint.config(), new_generation(), cancels_after_the_first_request(endpoint), timeout_s=36_000)
    assert len(endpoint.requests) == 1


def test_a_task_that_is_canceled_already_asks_nobody(endpoint: Endpoint) -> None:
    def report(_: Progress) -> None:
        raise Canceled("a cancel was asked")

    with pytest.raises(Canceled):
        extend(endpoint.config(), new_generation(), report)
    assert endpoint.requests == []


def test_nothing_of_the_prompt_or_the_key_is_in_a_log(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for reply in (answers_with(GOOD), status(401, f'"{KEY}"'.encode()), answers_with(f"I cannot. {KEY} kitten")):
        endpoint.script = [reply]
        extend(endpoint.config(), new_generation(), never_cancels, timeout_s=2)
    assert "kitten" not in caplog.text
    assert KEY not in caplog.text
    assert endpoint.root not in caplog.text
    assert len(caplog.records) == 2
