"""Anything at all into DashScope's and OpenAI's dialects: an answer or a refusal in their shape."""

import json
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.asgi import Answer, Application, any_json, any_text, encoded, hammer, header_bytes

DASH_SUBMIT = "/api/v1/services/aigc/video-generation/video-synthesis"
VIDEOS = "/v1/videos"
DASH_BODY: dict[str, Any] = {"model": "wanx2.1-t2v-turbo", "input": {"prompt": "a"}, "parameters": {"size": "832*480"}}
OPENAI_BODY: dict[str, Any] = {"prompt": "a", "size": "832x480", "seconds": "5", "seed": 1, "watermark": True}
BOUNDARY = b"7d1f"


def ask(
    application: Application, method: str, path: str, body: bytes = b"", query: str = "", **headers: bytes
) -> Answer:
    sent = {"authorization": b"Bearer " + application.key.encode(), "x-dashscope-async": b"enable"}
    return application.ask(
        method, path, body, query, sent | {name.replace("_", "-"): text for name, text in headers.items()}
    )


def sound(answer: Answer, *allowed: int) -> None:
    """Assert an answer in the shape of its dialect."""
    assert answer.status in allowed, answer
    assert answer.headers[b"content-type"] == b"application/json"
    body = json.loads(answer.body)
    if answer.status < 400:
        return
    if "error" in body:
        assert set(body["error"]) == {"message", "type", "param", "code"}
        assert body["error"]["message"]
    else:
        assert set(body) == {"code", "message", "request_id"}
        assert body["message"]


def changed(good: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """The good body with one field replaced by anything, and bytes that are like it."""
    one = st.tuples(st.sampled_from(sorted(good)), any_json).map(lambda change: encoded(good | {change[0]: change[1]}))
    whole = encoded(good)
    cut = st.builds(
        lambda at, put: whole[:at] + put + whole[at + 2 :], st.integers(0, len(whole)), st.binary(max_size=8)
    )
    return one | cut | any_json.map(encoded) | st.binary(max_size=2000)


def part(name: str, text: str) -> bytes:
    head = f'--{BOUNDARY.decode()}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
    return head.encode("utf-8", "surrogatepass")


def test_any_body_of_either_dialect(application: Application) -> None:
    def check(drawn: tuple[bytes, bytes]) -> None:
        sound(ask(application, "POST", DASH_SUBMIT, drawn[0]), 200, 400)
        sound(ask(application, "POST", VIDEOS, drawn[1], content_type=b"application/json"), 200, 400)

    hammer(st.tuples(changed(DASH_BODY), changed(OPENAI_BODY)), check)


def test_any_form(application: Application) -> None:
    names = st.sampled_from([*OPENAI_BODY, "model", "input_reference[image_url]"]) | any_text
    forms = st.lists(st.tuples(names, any_text), max_size=5).map(
        lambda fields: b"".join(part(*field) for field in fields) + b"--" + BOUNDARY + b"--\r\n"
    )
    cut = st.builds(
        lambda whole, at, put: whole[:at] + put + whole[at:], forms, st.integers(0, 300), st.binary(max_size=8)
    )
    kinds = st.sampled_from(
        [
            b"multipart/form-data; boundary=" + BOUNDARY,
            b"multipart/form-data",
            b"multipart/form-data; boundary=",
            b"application/x-www-form-urlencoded",
        ]
    )

    def check(drawn: tuple[bytes, bytes, bytes]) -> None:
        body, kind, tries = drawn
        sound(ask(application, "POST", VIDEOS, body, content_type=kind, x_stainless_retry_count=tries), 200, 400)

    hammer(st.tuples(forms | cut | st.binary(max_size=2000), kinds | header_bytes, header_bytes | st.just(b"1")), check)


def test_any_id_and_query(application: Application) -> None:
    names = ["limit", "order", "after", "variant", "task_id", "start_time", "end_time", "model_name", "status"]
    values = any_text | st.integers().map(str) | st.from_regex(r"[0-9]{14}", fullmatch=True)
    pairs = st.lists(st.tuples(st.sampled_from([*names, "page_no", "page_size"]), values), max_size=4)
    queries = pairs.map(lambda drawn: "&".join(f"{name}={text}" for name, text in drawn))
    ids = any_text.map(lambda text: text.replace("/", "")) | st.uuids().map(lambda made: f"video_{made.hex}")

    def check(drawn: tuple[str, str]) -> None:
        name, query = drawn
        sound(ask(application, "GET", "/api/v1/tasks", query=query), 200, 400)
        sound(ask(application, "GET", VIDEOS, query=query), 200, 400)
        for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/content"), ("POST", "/remix"), ("POST", "/")):
            sound(ask(application, method, f"{VIDEOS}/{name}{path}", query=query), 200, 400, 404, 405)
        sound(ask(application, "GET", f"/api/v1/tasks/{name}"), 200, 400)
        sound(ask(application, "POST", f"/api/v1/tasks/{name}/cancel"), 400, 404)
        sound(ask(application, "GET", f"/v1/models/{name}"), 200, 404)

    hammer(st.tuples(ids, queries), check)
