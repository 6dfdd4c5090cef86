"""Anything at all into every parser: a clear refusal in the dialect's shape, never a fault of ours, never a hang."""

import json
import time
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.e2e.server import POLL, SUBMIT
from tests.fuzz import test_dialects
from tests.fuzz.asgi import FILE, Answer, Application, any_json, any_text, encoded, hammer, header_bytes
from wanserve.domain.errors import SetupError
from wanserve.settings import Settings, load

GOOD: dict[str, Any] = {
    "model": "wan2.2-t2v-plus",
    "input": {"prompt": "a cat", "negative_prompt": "a dog"},
    "parameters": {"size": "640*480", "n": 1, "seed": 7, "prompt_extend": True, "watermark": False},
}


def sound(answer: Answer, *allowed: int) -> dict[str, Any]:
    """Assert an answer in the dialect's shape, and return its body."""
    assert answer.status in allowed, answer
    assert answer.headers[b"content-type"] == b"application/json"
    body: dict[str, Any] = json.loads(answer.body)
    if answer.status >= 400:
        assert {"error", "statusCode", "message", "code", "request_id"} <= set(body)
        assert body["statusCode"] == answer.status
        assert body["message"]
    return body


def with_one_changed(change: tuple[list[str], object]) -> bytes:
    """The good request with the field at the end of a way through it replaced."""
    way, value = change
    body = json.loads(json.dumps(GOOD))
    inside = body
    for name in way[:-1]:
        inside = inside[name]
    inside[way[-1]] = value
    return encoded(body)


ways = st.sampled_from(
    [["model"], ["input"], ["parameters"]]
    + [["input", name] for name in GOOD["input"]]
    + [["parameters", name] for name in GOOD["parameters"]]
)
damaged = st.builds(
    lambda at, length, put: encoded(GOOD)[:at] + put + encoded(GOOD)[at + length :],
    st.integers(0, len(encoded(GOOD))),
    st.integers(0, 8),
    st.binary(max_size=8),
)
bodies = st.tuples(ways, any_json).map(with_one_changed) | any_json.map(encoded) | damaged | st.binary(max_size=2000)


def test_any_body(application: Application) -> None:
    def check(body: bytes) -> None:
        sound(application.ask("POST", SUBMIT, body), 200, 400)
        sound(application.ask("POST", POLL, body), 200, 400, 404)

    hammer(bodies, check)


def test_any_size_and_id(application: Application) -> None:
    numbers = st.from_regex(r"[-+ ]?[0-9\u0660\uff10]{0,12}[*xX\u00d7\uff0a, ]{1,2}[-+ ]?[0-9]{0,12}", fullmatch=True)

    def check(text: str) -> None:
        size = GOOD["parameters"] | {"size": text}
        sound(application.ask("POST", SUBMIT, encoded(GOOD | {"parameters": size})), 200, 400)
        sound(application.ask("POST", POLL, encoded({"task_id": text})), 400, 404)

    hammer(numbers | any_text, check)


def test_any_credential_and_idempotency_key(application: Application) -> None:
    def check(drawn: tuple[bytes, bytes, str]) -> None:
        key, once, query = drawn
        sound(application.ask("POST", SUBMIT, encoded(GOOD), headers={"idempotency-key": once}), 200, 400)
        wrong = {"ocp-apim-subscription-key": key}
        sound(application.ask("POST", SUBMIT, encoded(GOOD), query, wrong), 401)
        named = f"subscription-key={query}"
        sound(application.ask("POST", POLL, encoded({"task_id": "x"}), named, wrong), 401)

    hammer(st.tuples(header_bytes, header_bytes, any_text), check)


NEWER = ("/v1", "/openai", "/api/v1")
"""Where the paths of the other two dialects begin."""


def test_any_path_and_method(application: Application) -> None:
    known = st.sampled_from([SUBMIT, POLL, "/files/", "/docs/static/", "/healthz", "/metrics", *NEWER])
    paths = st.builds(lambda start, rest: f"{start}{rest}", known | st.just("/"), st.text())

    def check(drawn: tuple[str, str]) -> None:
        method, path = drawn
        answer = application.ask(method, path)
        # What begins like a path of another dialect is answered in that one's shape, and OpenAI's has a 405.
        newer = any(path == prefix or path.startswith(f"{prefix}/") for prefix in NEWER)
        # A browser without a session is led to where one signs in.
        assert answer.status in (200, 303, 400, 401, 403, 404, *([405] if newer else [])), answer
        if answer.status >= 400 and method != "HEAD":
            (test_dialects.sound if newer else sound)(answer, answer.status)

    methods = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
    hammer(st.tuples(methods, paths), check)


def test_any_link(application: Application) -> None:
    def check(drawn: tuple[str, str, str]) -> None:
        key, expires, signature = drawn
        sound(application.ask("GET", f"/files/{key}", query=f"expires={expires}&signature={signature}"), 403, 404)
        # Signed as we sign: what is no stored video is none all the same.
        signed = application.signer.query(key, int(time.time()) + 1000)
        sound(application.ask("GET", f"/files/{key}", query=signed), 404)

    parts = st.sampled_from(["..", ".", "videos", "link-secret", "wanserve.db", "\0", "%2e%2e", "\\", ""]) | any_text
    keys = st.lists(parts, min_size=1, max_size=6).map("/".join)
    hammer(st.tuples(keys, any_text | st.integers().map(str), any_text), check)


def test_any_range(application: Application) -> None:
    number = st.integers(-5, 5000).map(str) | st.just("") | any_text
    part = st.tuples(number, number).map("-".join) | any_text
    ranges = st.tuples(st.sampled_from(["bytes=", "bytes = ", "Bytes=", "", "lines="]), st.lists(part, max_size=5))

    def check(drawn: tuple[str, list[str]]) -> None:
        unit, parts = drawn
        wanted = (unit + ",".join(parts)).encode("utf-8", "replace")
        wanted = bytes(byte for byte in wanted if byte not in b"\0\r\n")
        query = application.signer.query(application.link_key, int(time.time()) + 1000)
        answer = application.ask("GET", f"/files/{application.link_key}", query=query, headers={"range": wanted})
        assert answer.status in (200, 206, 400, 416), answer
        if answer.status == 200:
            assert answer.body == FILE
        if answer.status == 400:
            assert sound(answer, 400)["message"].startswith("Range: ")
        if answer.status == 416:
            assert answer.headers[b"content-range"] == f"bytes */{len(FILE)}".encode()

    hammer(ranges, check)


def test_any_settings_file(tmp_path: Path) -> None:
    file = tmp_path / "wanserve.toml"
    names = st.sampled_from([*Settings.model_fields, "models.x", 'models."wan2.2-t2v-plus"']) | any_text
    values = any_json.map(json.dumps)
    lines = st.builds(lambda name, value: f"{name} = {value}", names, values)
    texts = st.lists(lines | st.text(), max_size=5).map("\n".join)
    contents = texts.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=300)

    def told(content: bytes) -> str:
        file.write_bytes(content)
        try:
            return repr(load({}, {}, file))
        except SetupError as error:
            return str(error)

    def check(content: bytes) -> None:
        assert told(content)
        assert "\n" not in told(content)

    hammer(contents, check)
