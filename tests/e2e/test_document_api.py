"""The document's API over the network: its errors with exactly its texts, bad input, CORS, keys, limits, files."""

import json
import re
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.server import POLL, SUBMIT, Server, running, wanserve

GOOD: dict[str, Any] = {"model": "wan2.2-t2v-plus", "input": {"prompt": "a cat"}, "parameters": {"size": "640*480"}}
SUPERSET = {"error", "statusCode", "message", "code", "request_id"}


def refused(answer: httpx.Response, status: int, error: str) -> dict[str, Any]:
    """Assert the document's error, with the superset keys, and return the body."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body: dict[str, Any] = answer.json()
    assert body["error"] == error
    assert set(body) >= SUPERSET
    assert (body["statusCode"], body["request_id"]) == (status, answer.headers["x-request-id"])
    return body


def stored(server: Server) -> int:
    """How many tasks the server has ever stored."""
    listed = wanserve("tasks", "list", "--all", "--json", "--data-dir", str(server.data_dir))
    return len(json.loads(listed.stdout))


def but(path: str, value: object) -> dict[str, Any]:
    """The good request with the field at the dotted path changed; `...` takes it out."""
    body = json.loads(json.dumps(GOOD))
    *way, last = path.split(".")
    inside = body
    for name in way:
        inside = inside[name]
    if value is ...:
        del inside[last]
    else:
        inside[last] = value
    return dict(body)


BAD_FIELDS = [
    ("model", ..., "model: is required"),
    ("model", 7, "model: must be a string"),
    ("model", "wan9", "model: must be one of wan2.2-t2v-plus"),
    ("input", ..., "input: is required"),
    ("input", "a cat", "input: must be an object"),
    ("input.prompt", ..., "input.prompt: is required"),
    ("input.prompt", None, "input.prompt: must be a string"),
    ("input.prompt", ["a cat"], "input.prompt: must be a string"),
    ("input.prompt", "", "input.prompt: must not be blank"),
    ("input.prompt", " \n\u3000", "input.prompt: must not be blank"),
    ("input.prompt", "a\x00cat", "input.prompt: must not contain the character U+0000"),
    ("input.negative_prompt", 3, "input.negative_prompt: must be a string"),
    ("parameters", [], "parameters: must be an object"),
    ("parameters.size", 640, "parameters.size: must be a string"),
    ("parameters.size", "640x480", "parameters.size: must be"),
    ("parameters.size", "1280*720", "parameters.size: wan2.2-t2v-plus makes 640*480"),
    ("parameters.size", "99999999*99999999", "parameters.size: must be"),
    ("parameters.size", "-640*480", "parameters.size: must be"),
    ("parameters.size", "６４０*480", "parameters.size: must be"),
    ("parameters.n", 2, "parameters.n: must be 1"),
    ("parameters.n", 0, "parameters.n: must be 1"),
    ("parameters.n", True, "parameters.n: must be an integer"),
    ("parameters.n", "1", "parameters.n: must be an integer"),
    ("parameters.n", 1.5, "parameters.n: must be an integer"),
    ("parameters.seed", -1, "parameters.seed: must be 0 to 2147483647"),
    ("parameters.seed", 2**31, "parameters.seed: must be 0 to 2147483647"),
    ("parameters.watermark", "yes", "parameters.watermark: must be true or false"),
]


@pytest.mark.parametrize(("path", "value", "says"), BAD_FIELDS)
def test_a_bad_field_is_named_with_its_rule(server: Server, path: str, value: object, says: str) -> None:
    body = refused(server.post(SUBMIT, but(path, value)), 400, "Invalid request parameters")
    assert body["message"].startswith(says)
    assert "\n" not in body["message"]
    assert body["code"] == "InvalidParameter"


BAD_BODIES = [
    b"",
    b"not json",
    b"[]",
    b"null",
    b'"text"',
    b'{"model": "wan2.2-t2v-plus", "input": {"prompt": "a cat"}',
    b'{"model": "wan2.2-t2v-plus", "input": {"prompt": "a cat"}, "other": NaN}',
    b'{"model": "wan2.2-t2v-plus", "input": {"prompt": "\\ud83d"}}',
    b'{"model": "wan2.2-t2v-plus", "input": {"prompt": "\xff\xfe"}}',
    b'{"model": "wan2.2-t2v-plus", "input": {"prompt": "\xed\xa0\x80"}}',
    b'{"model": "wan2.2-t2v-plus", "input": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
    b"[" * 100_000,
    b'{"model": "wan2.2-t2v-plus", "input": {"prompt": "' + b"a" * 10_000_000 + b'"}}',
    b'{"model": "wan2.2-t2v-plus", "input": {"prompt": "a cat"}, "parameters": {"seed": ' + b"9" * 5000 + b"}}",
]


@pytest.mark.parametrize("body", BAD_BODIES, ids=lambda body: repr(body[:40]))
@pytest.mark.parametrize("path", [SUBMIT, POLL])
def test_a_body_that_is_no_request_is_refused_and_the_connection_lives(server: Server, path: str, body: bytes) -> None:
    headers = {"Ocp-Apim-Subscription-Key": server.key, "Content-Type": "application/json"}
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
        said = refused(client.post(path, content=body, headers=headers), 400, "Invalid request parameters")
        assert said["message"].startswith(("body: ", "input.prompt: ", "model: ", "task_id: ", "parameters.seed: "))
        assert client.get("/healthz").status_code == 200


def test_bad_input_stores_nothing(server: Server) -> None:
    before = stored(server)
    for path, value, _ in BAD_FIELDS:
        server.post(SUBMIT, but(path, value))
    assert stored(server) == before


@pytest.mark.parametrize(
    "body",
    [
        GOOD,
        but("parameters", ...),
        but("parameters", None),
        but("parameters", {}),
        but("input.negative_prompt", None),
        but("parameters.n", 1),
        but("parameters.size", None),
        but("parameters.seed", 0),
        but("parameters.prompt_extend", True),
        but("input.prompt", "一只小猫在月光下奔跑"),
        but("parameters.something_new", {"a": 1}),
        but("parameters.size", "832*480"),
    ],
)
def test_what_the_document_allows_is_accepted(server: Server, body: dict[str, Any]) -> None:
    answer = server.post(SUBMIT, body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["output"]["task_status"] == "PENDING"
    cancel(server, answer.json()["output"]["task_id"])


def cancel(server: Server, task_id: str) -> None:
    """Spare the machine the video; one that has been made already is as good."""
    wanserve("tasks", "cancel", task_id, "--data-dir", str(server.data_dir))


def test_a_prompt_is_cut_at_800_characters_and_a_chinese_one_comes_back_as_it_was(server: Server) -> None:
    task_id = server.submit("猫" * 900)
    shown = json.loads(wanserve("tasks", "show", task_id, "--json", "--data-dir", str(server.data_dir)).stdout)
    cancel(server, task_id)
    assert shown["prompt"] == "猫" * 800


def test_640_by_480_is_really_made_at_640_by_480(server: Server) -> None:
    output = server.wait(server.submit("一只狗在雪地里走"), "SUCCEEDED")
    assert output["usage"] == {"video_duration": 5, "video_ratio": "640*480", "video_count": 1}
    assert output["orig_prompt"] == "一只狗在雪地里走"


def test_no_key_and_a_wrong_key_are_401_with_the_gateways_message(server: Server) -> None:
    for path in (SUBMIT, POLL):
        missing = refused(server.http.post(server.url + path, json=GOOD), 401, "Invalid or missing authentication")
        assert missing["message"].startswith("Access denied due to missing subscription key.")
        for wrong in ("sk-wrong", "é", "x" * 5000):
            said = refused(server.post(path, GOOD, key=wrong), 401, "Invalid or missing authentication")
            assert said["message"].startswith("Access denied due to invalid subscription key.")
        assert said["code"] == "InvalidApiKey"


def test_the_key_may_stand_in_the_query_and_the_header_is_looked_at_first(server: Server) -> None:
    by_query = server.http.post(f"{server.url}{POLL}?subscription-key={server.key}", json={"task_id": "none"})
    refused(by_query, 404, "Task not found")
    wrong_header = {"Ocp-Apim-Subscription-Key": "sk-wrong"}
    both = server.http.post(f"{server.url}{POLL}?subscription-key={server.key}", json={}, headers=wrong_header)
    refused(both, 401, "Invalid or missing authentication")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/nothing"),
        ("GET", "/wan-video/v1"),
        ("GET", SUBMIT),
        ("PUT", SUBMIT),
        ("HEAD", POLL),
        ("DELETE", POLL),
        ("POST", SUBMIT + "/"),
        ("POST", "/healthz"),
        ("GET", "/docs/static/nothing.js"),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd"),
    ],
)
def test_a_wrong_path_or_method_is_404_and_never_a_redirect(server: Server, method: str, path: str) -> None:
    answer = server.http.request(method, server.url + path)
    assert answer.status_code == 404
    if method != "HEAD":
        assert refused(answer, 404, "Endpoint not found")["message"] == "Resource not found"


@pytest.mark.parametrize("task_id", ["19d8e7a6-c652-0000-0000-000000000000", "x", "../1", "猫"])
def test_an_unknown_task_is_404_and_says_unknown(server: Server, task_id: str) -> None:
    body = refused(server.post(POLL, {"task_id": task_id}), 404, "Task not found")
    assert body["output"] == {"task_id": task_id, "task_status": "UNKNOWN"}


def test_a_browser_asks_first_without_a_key_and_may_read_errors(server: Server) -> None:
    asks = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,cache-control,ocp-apim-subscription-key",
    }
    preflight = server.http.options(server.url + SUBMIT, headers=asks)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
    allowed = preflight.headers["access-control-allow-headers"].lower()
    assert all(name in allowed for name in asks["Access-Control-Request-Headers"].split(","))
    for path in (SUBMIT, "/nothing"):
        answer = server.http.post(server.url + path, headers={"Origin": "https://app.example"})
        assert answer.headers["access-control-allow-origin"] == "*"
        exposed = answer.headers["access-control-expose-headers"].lower()
        assert "retry-after" in exposed
        assert "x-request-id" in exposed


def test_every_answer_has_its_own_request_id_and_is_not_to_be_kept(server: Server) -> None:
    answers = [server.post(POLL, {"task_id": "none"}) for _ in range(3)]
    assert len({answer.json()["request_id"] for answer in answers}) == 3
    assert all(answer.headers["cache-control"] == "no-store" for answer in answers)


def test_an_h2c_upgrade_does_not_lose_the_body(server: Server) -> None:
    """What Java's HttpClient puts on the wire over plain http, byte for byte."""
    body = json.dumps({"task_id": "from-java"}).encode()
    head = (
        f"POST {POLL} HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: {len(body)}\r\n"
        f"Host: localhost\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nUpgrade: h2c\r\n"
        f"Content-Type: application/json\r\nOcp-Apim-Subscription-Key: {server.key}\r\n\r\n"
    )
    address = httpx.URL(server.url)
    with socket.create_connection((address.host, address.port or 80), timeout=10) as connection:
        connection.sendall(head.encode() + body)
        answer = connection.recv(65536).decode()
    assert answer.startswith("HTTP/1.1 404")
    assert '"task_id":"from-java"' in answer


def test_one_account_never_sees_anothers_task(server: Server) -> None:
    other = wanserve("keys", "create", "eve", "--account", "eve", "--data-dir", str(server.data_dir)).stdout.strip()
    task_id = server.submit()
    theirs = server.post(POLL, {"task_id": task_id}, key=other).json()
    nobodys = server.post(POLL, {"task_id": "0" * len(task_id)}, key=other).json()
    cancel(server, task_id)
    for body in (theirs, nobodys):
        del body["request_id"]
        body["message"] = body["message"].replace(task_id, "ID").replace("0" * len(task_id), "ID")
        body["output"]["task_id"] = "ID"
    assert theirs == nobodys


def test_a_key_made_restricted_or_revoked_while_the_server_runs_counts_at_once(server: Server) -> None:
    data = ("--data-dir", str(server.data_dir))
    key = wanserve("keys", "create", "live", "--models", "wanx2.1-t2v-turbo", *data).stdout.strip()
    said = refused(server.post(SUBMIT, GOOD, key=key), 403, "Access denied for this operation")
    assert said["code"] == "Model.AccessDenied"
    cancel(server, str(server.post(SUBMIT, but("model", "wanx2.1-t2v-turbo"), key=key).json()["output"]["task_id"]))
    wanserve("keys", "restrict", "live", *data)
    cancel(server, str(server.post(SUBMIT, GOOD, key=key).json()["output"]["task_id"]))
    wanserve("keys", "revoke", "live", *data)
    refused(server.post(SUBMIT, GOOD, key=key), 401, "Invalid or missing authentication")


def test_the_video_is_served_whole_in_ranges_and_not_again(server: Server) -> None:
    link = str(server.wait(server.submit("a red car"), "SUCCEEDED")["video_url"])
    assert link.startswith(server.url)
    assert re.search(r"\.mp4\?expires=\d+&signature=[\w-]+$", link)
    whole = server.http.get(link)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "video/mp4")
    assert whole.content[4:8] == b"ftyp"
    head = server.http.head(link)
    assert head.status_code == 200
    assert head.headers["content-length"] == str(len(whole.content))
    assert head.headers["etag"] == whole.headers["etag"]
    part = server.http.get(link, headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert part.headers["content-range"] == f"bytes 4-7/{len(whole.content)}"
    assert server.http.get(link, headers={"Range": f"bytes={10**9}-"}).status_code == 416
    again = server.http.get(link, headers={"If-None-Match": whole.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_link_cannot_be_altered_or_walked(server: Server) -> None:
    link = str(server.wait(server.submit("a tree"), "SUCCEEDED")["video_url"])
    expires = int(re.findall(r"expires=(\d+)", link)[0])
    assert expires > time.time() + 23 * 3600
    for altered in (
        link.replace(f"expires={expires}", f"expires={expires + 1}"),
        link[:-1] + ("A" if link[-1] != "A" else "B"),
        link.split("?", maxsplit=1)[0],
        re.sub(r"videos/[^?]*", "../wanserve.db", link),
        re.sub(r"videos/[^?]*", "..%2Fwanserve.db", link),
        re.sub(r"/1\.mp4", "/2.mp4", link),
    ):
        answer = server.http.get(altered)
        assert answer.status_code in (403, 404), altered
        assert answer.headers["content-type"] == "application/json"


def test_beyond_its_rate_an_account_is_429_with_the_time_to_wait(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--no-worker", submit_rps="2", query_rps="3") as limited:
        other = wanserve("keys", "create", "b", "--account", "b", "--data-dir", str(limited.data_dir)).stdout.strip()
        answers = [limited.post(SUBMIT, GOOD) for _ in range(6)]
        assert [answer.status_code for answer in answers[:2]] == [200, 200]
        last = refused(answers[-1], 429, "Rate limit exceeded, please retry later")
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert last["message"].startswith("Rate limit is exceeded. Try again in ")
        assert last["code"] == "Throttling.RateQuota"
        polls = [limited.post(POLL, {"task_id": "x"}).status_code for _ in range(8)]
        assert 429 in polls
        assert limited.post(SUBMIT, GOOD, key=other).status_code == 200


def test_a_full_queue_is_429_and_what_was_queued_stays(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--no-worker", max_queued="2", submit_rps="100") as limited:
        answers = [limited.post(SUBMIT, GOOD) for _ in range(3)]
        said = refused(answers[-1], 429, "Rate limit exceeded, please retry later")
        assert said["code"] == "Throttling.AllocationQuota"
        assert "retry-after" in answers[-1].headers
        assert stored(limited) == 2
        assert limited.post(SUBMIT, but("model", "wanx2.1-t2v-turbo")).status_code == 200


def test_a_fault_of_ours_is_the_documents_500_with_cors_and_the_trace_only_in_the_log(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--no-worker") as broken:
        # A row that no version of ours writes: reading it is a bug's stand-in.
        import sqlite3

        task_id = broken.submit()
        with sqlite3.connect(broken.data_dir / "wanserve.db") as database:
            database.execute("PRAGMA ignore_check_constraints = ON")
            database.execute("UPDATE tasks SET state = 'LOST'")
        headers = {"Ocp-Apim-Subscription-Key": broken.key, "Origin": "https://app.example"}
        answer = broken.http.post(broken.url + POLL, json={"task_id": task_id}, headers=headers)
        body = refused(answer, 500, "An unexpected error occurred, please try again later")
        assert "LOST" not in answer.text
        assert "Traceback" not in answer.text
        assert body["code"] == "InternalError"
        assert answer.headers["access-control-allow-origin"] == "*"
        logged = broken.log.read_text()
        assert "builtins.KeyError" in logged
        assert "in read_task" in logged, "where it was raised"
        assert "LOST" not in logged, "the text of an error is nobody's to log"
        with sqlite3.connect(broken.data_dir / "wanserve.db") as database:
            database.execute("UPDATE tasks SET state = 'PENDING'")
