"""Whatever arrives, the answer is in a dialect's shape, has its id, and may be read by a browser."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.e2e.raw import Said, ask, connect
from tests.e2e.server import POLL, SUBMIT, Server, running

DASH_SUBMIT = "/api/v1/services/aigc/video-generation/video-synthesis"
DASH_TASKS = "/api/v1/tasks"
VIDEOS = "/v1/videos"
JSON = ("Content-Type", "application/json")


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that makes nothing."""
    data = tmp_path_factory.mktemp("answers") / "data"
    with running(data, "--no-worker", submit_rps="10000", query_rps="10000") as one:
        yield one


def in_shape(said: Said, method: str = "GET") -> None:
    """Assert what every answer has, and the shape of a refusal."""
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", said.headers["x-request-id"]
    )
    assert said.headers["access-control-allow-origin"] == "*"
    assert "x-request-id" in said.headers["access-control-expose-headers"]
    if said.status == 405:
        assert said.headers["allow"]
    if said.status >= 400:
        assert said.headers["content-type"] == "application/json"
        assert said.headers["cache-control"] == "no-store"
        if method != "HEAD":
            body = said.json
            assert {"code", "message"} <= set(body["error"] if isinstance(body.get("error"), dict) else body)


PATHS = [
    "/", "/healthz", "/metrics", "/docs", "/docs/static/swagger-ui.css", "/docs/static/nothing.js", "/docs/static/..",
    "/docs/static/%00", "/openapi.json", "/files/x", "/files/videos/x/1.mp4", "/nothing", "//", "/%ff%fe", "/%00", "/%0a", "/v1",
    "/v1/", "/v10", "/openai", "/openai/v1/videos", "/api/v1x", SUBMIT, f"{SUBMIT}/", POLL, DASH_SUBMIT, DASH_TASKS,
    f"{DASH_TASKS}/x", f"{DASH_TASKS}/%ff", f"{DASH_TASKS}/x/cancel", VIDEOS, f"{VIDEOS}/", f"{VIDEOS}/video_x",
    f"{VIDEOS}/%ff%fe", f"{VIDEOS}/x/content", f"{VIDEOS}/x/remix", f"{VIDEOS}/edits", f"{VIDEOS}/characters/x", "/v1/models",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_each_method_at_each_path_is_answered_in_shape(idle: Server, path: str) -> None:
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "get"]
    for method in methods:
        said = ask(idle, method, path)
        assert said.status < 500, (method, path)
        in_shape(said, method)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("OPTIONS", "*"),
        ("CONNECT", "video.example:443"),
        ("GET", "http://video.example/nothing"),
        ("GET", "/%"),
        ("GET", "/?%"),
    ],
)
def test_targets_that_are_no_paths_are_answered_in_shape(idle: Server, method: str, target: str) -> None:
    in_shape(ask(idle, method, target), method)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (VIDEOS, "GET, HEAD, POST"),
        (f"{VIDEOS}/video_x", "DELETE, GET, HEAD"),
        (f"{VIDEOS}/video_x/content", "GET, HEAD"),
        (f"{VIDEOS}/edits", "POST"),
        (f"/openai{VIDEOS}", "GET, HEAD, POST"),
        (DASH_TASKS, "GET, HEAD"),
        (SUBMIT, "POST"),
        ("/healthz", "GET, HEAD"),
        ("/files/x", "GET, HEAD"),
        ("/docs/static/swagger-ui.css", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(idle: Server, path: str, allowed: str) -> None:
    assert ask(idle, "PATCH", path).headers["allow"] == allowed


def test_a_refusal_that_itself_fails_is_said_all_the_same(idle: Server) -> None:
    """Half a surrogate pair in a JSON text is refused; in a path and a header there are bytes that are no text."""
    key = ("Authorization", f"Bearer {idle.key}")
    for target in (
        "/v1/videos/%ed%a0%80",
        "/api/v1/tasks/%ed%a0%80",
        "/api/v1/tasks?start_time=%ed%a0%80",
        "/v1/models/%ed%a0%80",
    ):
        in_shape(ask(idle, "GET", target, key))
    in_shape(ask(idle, "POST", POLL, ("Ocp-Apim-Subscription-Key", b"\xff\xfe"), body=b"{}"))
    in_shape(ask(idle, "POST", f"{POLL}?subscription-key=%ff", body=b"{}"))


HOSTS_REFUSED = [
    "evil.example/path", "evil.example?x=", "evil.example#", "a b", "user@evil.example", "evil.example:x",
    "evil.example:99999", "evil.example:123456", "[::1", "::1", "[::g]", "[1.2.3.4]", "<script>", 'x"onload="', "a,b", "%65vil",
    "https://evil.example", "b\xfccher.example", "x;y", "\\", "a" * 300,
]  # fmt: skip
HOSTS_GOOD = [
    "video.example", "video.example:8443", "127.0.0.1:8000", "localhost", "[::1]", "[2001:db8::1]:8000", "my_service:80",
    "xn--bcher-kva.example.", "1", "video.example:",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS_REFUSED)
def test_a_host_that_is_none_is_refused_at_every_door(idle: Server, host: str) -> None:
    for method, path in (("POST", POLL), ("GET", f"{DASH_TASKS}/x"), ("GET", f"{VIDEOS}/x"), ("GET", "/healthz")):
        said = ask(idle, method, path, host=host)
        assert said.status == 400
        in_shape(said)
        assert b"Host" in said.body
        assert b"evil.example" not in said.body


def test_two_hosts_are_refused_and_none_is_the_servers_own_address(idle: Server) -> None:
    assert ask(idle, "GET", "/healthz", ("Host", "y")).status == 400
    assert ask(idle, "GET", "/healthz", host=None).status == 200


def test_a_link_begins_with_the_host_that_was_asked(server: Server) -> None:
    task_id = server.submit("a host")
    made = str(server.wait(task_id, "SUCCEEDED")["video_url"])
    body = json.dumps({"task_id": task_id}).encode()
    key = ("Ocp-Apim-Subscription-Key", server.key)
    for host in HOSTS_GOOD:
        link = str(ask(server, "POST", POLL, key, body=body, host=host).json["output"]["video_url"])
        assert link.startswith(f"http://{host}/files/videos/")
    # A client of HTTP/1.0, such as some proxies, may name none.
    with connect(server) as client:
        client.sendall(
            f"POST {POLL} HTTP/1.0\r\nOcp-Apim-Subscription-Key: {server.key}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        said = b""
        while more := client.recv(65536):
            said += more
    assert made.partition("?")[0].encode() in said


def test_what_a_browser_may_read_depends_on_no_origin_and_every_header_is_exposed(server: Server) -> None:
    link = str(server.wait(server.submit("a browser"), "SUCCEEDED")["video_url"]).removeprefix(server.url)
    targets = [
        ("GET", link, ()),
        ("GET", link, (("Range", "bytes=0-1"),)),
        ("GET", link, (("Range", "bytes=999999999-"),)),
        ("GET", link, (("If-None-Match", "*"),)),
        ("HEAD", link, ()),
        ("GET", "/docs/static/swagger-ui.css", ()),
        ("GET", "/healthz", ()),
        ("POST", SUBMIT, ()),
        ("GET", VIDEOS, ()),
        ("PUT", VIDEOS, ()),
        ("GET", DASH_TASKS, ()),
    ]
    of_cors = "access-control-allow-origin", "access-control-expose-headers", "vary"
    for method, target, headers in targets:
        plain = ask(server, method, target, *headers)
        from_page = ask(server, method, target, *headers, ("Origin", "https://app.example"))
        assert plain.status == from_page.status
        assert [plain.headers.get(name) for name in of_cors] == [from_page.headers.get(name) for name in of_cors]
        assert plain.headers["access-control-allow-origin"] == "*"
        exposed = set(plain.headers["access-control-expose-headers"].split(", "))
        assert exposed >= {
            "retry-after", "x-request-id", "content-range", "etag", "content-disposition", "openai-poll-after-ms",
            "x-should-retry", "accept-ranges", "content-length",
        }  # fmt: skip


@pytest.mark.parametrize("path", [SUBMIT, DASH_SUBMIT, f"{VIDEOS}/x", "/files/x", "/healthz", "/nothing"])
def test_a_preflight_passes_without_a_key_also_from_a_public_page_to_a_private_network(idle: Server, path: str) -> None:
    asks = (
        ("Origin", "https://app.example"),
        ("Access-Control-Request-Method", "DELETE"),
        ("Access-Control-Request-Headers", "authorization,content-type,x-anything"),
    )
    said = ask(idle, "OPTIONS", path, *asks)
    assert said.status == 200
    in_shape(said)
    assert "DELETE" in said.headers["access-control-allow-methods"]
    assert said.headers["access-control-allow-headers"] == "authorization,content-type,x-anything"
    assert "access-control-allow-private-network" not in said.headers
    private = ask(idle, "OPTIONS", path, *asks, ("Access-Control-Request-Private-Network", "true"))
    assert private.headers["access-control-allow-private-network"] == "true"
