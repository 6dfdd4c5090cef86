"""What docs/security.md promises: bad clients stop nobody, links open nothing else, the log and answers give nothing away."""

import http.client
import itertools
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.e2e.faults.harness import rig
from tests.e2e.server import POLL, SUBMIT, Server, running, wanserve
from wanserve.blobs.links import LinkSigner

GOOD = {"model": "wan2.2-t2v-plus", "input": {"prompt": "a cat"}, "parameters": {"size": "640*480"}}
HEAD = b"POST /wan-video/v1/generateTextToVideoRequest HTTP/1.1\r\nHost: x\r\n"
SPARE = 8
"""Descriptors that a server may have more than before: a reading connection of another thread, a file just sent."""


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this module's own, whose descriptors are counted."""
    data = tmp_path_factory.mktemp("security") / "data"
    with running(data, "--no-worker", submit_rps="1000", query_rps="1000") as started:
        yield started


def address(server: Server) -> tuple[str, int]:
    """Where the server listens."""
    url = httpx.URL(server.url)
    assert url.port
    return url.host, url.port


def descriptors(server: Server) -> int:
    """How many files and sockets the server has open."""
    return sum(1 for _ in Path(f"/proc/{server.process.pid}/fd").iterdir())


def sending(server: Server, clients: ExitStack, data: bytes) -> socket.socket:
    """A connection that has sent this and reads nothing."""
    client = clients.enter_context(socket.socket())
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(address(server))
    client.sendall(data)
    return client


def answer(server: Server, data: bytes) -> bytes:
    """All that the server sends to a client that sends this and then only reads, until the server closes."""
    with socket.create_connection(address(server), timeout=60) as client:
        # Refused before it was whole: what was said of it is read all the same.
        with suppress(OSError):
            client.sendall(data)
        said = b""
        with suppress(ConnectionResetError):
            while more := client.recv(65536):
                said += more
        return said


@pytest.mark.thorough
def test_slow_half_open_and_deaf_clients_stop_nobody_and_leave_nothing_behind(idle: Server) -> None:
    page = idle.http.get(idle.url + "/docs").text
    script = "/" + re.findall(r'src="(docs/static/[^"]+\.js)"', page)[0]
    before = descriptors(idle)
    with ExitStack() as clients:
        for _ in range(200):
            sending(idle, clients, b"")
        heads = [sending(idle, clients, HEAD) for _ in range(50)]
        known = HEAD + f"Ocp-Apim-Subscription-Key: {idle.key}\r\n".encode()
        bodies = [sending(idle, clients, known + b"Content-Length: 1000\r\n\r\n{") for _ in range(50)]
        for _ in range(50):
            sending(idle, clients, f"GET {script} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 5)
        while descriptors(idle) < before + 350:
            time.sleep(0.01)
        # One byte a second each, and meanwhile everybody else is served.
        for _ in range(5):
            for client in (*heads, *bodies):
                client.sendall(b"x")
            assert idle.http.get(idle.url + "/healthz").status_code == 200
            assert idle.post(POLL, {"task_id": idle.submit()}).status_code == 200
            time.sleep(1)
    until_freed(idle, before)


def until_freed(server: Server, before: int) -> None:
    """Wait until the server has about as many descriptors as before."""
    deadline = time.monotonic() + 60
    while descriptors(server) > before + SPARE:
        assert time.monotonic() < deadline, (before, descriptors(server))
        time.sleep(0.05)


def test_more_connections_than_a_thousand_keep_nobody_out(idle: Server) -> None:
    before = descriptors(idle)
    with ExitStack() as clients:
        for _ in range(1500):
            sending(idle, clients, b"")
        with httpx.Client(trust_env=False, timeout=10) as another:
            assert another.get(idle.url + "/healthz").status_code == 200
    until_freed(idle, before)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 1_000_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 1000 + b"\r\n", 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)), 400),
        (b"\x00" * 10_000 + b"\r\n\r\n", 400),
        (b"GET /healthz HTTP/9.9\r\n\r\n", 400),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400),
        (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
        # It has no key, and so nobody reads whether its body is one.
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n", 401),
    ],
    ids=lambda told: repr(told[:40]) if isinstance(told, bytes) else str(told),
)
def test_what_is_no_http_is_refused_and_its_connection_closed(idle: Server, sent: bytes, status: int) -> None:
    before = descriptors(idle)
    said = answer(idle, sent)
    assert said.startswith(f"HTTP/1.1 {status} ".encode()), said[:200]
    assert idle.http.get(idle.url + "/healthz").status_code == 200
    until_freed(idle, before)


def test_garbage_behind_a_good_request_is_refused_after_its_answer(idle: Server) -> None:
    said = answer(idle, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 3 + b"\x00\x01garbage\r\n\r\n")
    assert re.findall(rb"HTTP/1.1 (\d+)", said) == [b"200"] * 3 + [b"400"]


def test_a_body_of_many_megabytes_is_refused_long_before_its_end(idle: Server) -> None:
    key, piece, sent = f"Ocp-Apim-Subscription-Key: {idle.key}\r\n".encode(), b"a" * 100_000, 0
    with socket.create_connection(address(idle), timeout=60) as client:
        client.sendall(HEAD + key + b"Content-Length: 200000000\r\n\r\n")
        with suppress(OSError):
            while sent < 200_000_000:
                sent += client.send(piece)
    assert sent < 100_000_000
    assert idle.http.get(idle.url + "/healthz").status_code == 200


def test_a_body_that_is_too_long_is_told_so(idle: Server) -> None:
    key = f"Ocp-Apim-Subscription-Key: {idle.key}\r\nConnection: close\r\n".encode()
    said = answer(idle, HEAD + key + b"Content-Length: 10000000\r\n\r\n" + b"a" * 10_000_000)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b'"message":"body: must be at most 262144 bytes: it takes text only, no files"' in said


def raw(server: Server, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """One request whose path is sent as it is written, which no client library does: status, headers, body."""
    connection = http.client.HTTPConnection(*address(server), timeout=60)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        said = connection.getresponse()
        return said.status, {name.lower(): value for name, value in said.getheaders()}, said.read()
    finally:
        connection.close()


WALKS = [
    "../wanserve.db",
    "../link-secret",
    "../../data/link-secret",
    "videos/../../link-secret",
    "./../link-secret",
    "..//link-secret",
    "/etc/passwd",
    "//etc/passwd",
    "videos/./x/1.mp4",
    "..\\link-secret",
    "..%2flink-secret",
    "%2e%2e/link-secret",
    "..%c0%aflink-secret",
    "..;/link-secret",
    "videos/\x00",
    "../link-secret\x00.mp4",
    "..\u2215link-secret",
    ".",
    "..",
    "",
    "videos",
    "a" * 5000,
    "/".join("a" * 2000),
]


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize("key", WALKS, ids=lambda key: repr(key[:30]))
def test_no_link_leads_out_of_the_videos_not_even_a_signed_one(idle: Server, key: str, encoded: bool) -> None:
    """Signed with the server's own secret: what holds is not the signature alone."""
    path = quote(key, safe="" if encoded else "/.\\;")
    signed = LinkSigner((idle.data_dir / "link-secret").read_bytes()).query(key, int(time.time()) + 1000)
    for query in (f"?{signed}", "", "?expires=9999999999&signature=AAAA"):
        for method in ("GET", "HEAD"):
            status, headers, body = raw(idle, f"/files/{path}{query}", method, Range="bytes=0-10")
            assert status in (403, 404), (query, status, body[:100])
            assert headers["content-type"] == "application/json"
            assert b"SQLite" not in body
            assert b"root:" not in body


def test_a_link_is_good_for_its_own_file_and_its_own_time_only(server: Server) -> None:
    mine = str(server.wait(server.submit("a tree"), "SUCCEEDED")["video_url"])
    other = str(server.wait(server.submit("a lake"), "SUCCEEDED")["video_url"])
    key, query = re.findall(r"/files/([^?]+)\?(.+)", mine)[0]
    other_key = re.findall(r"/files/([^?]+)\?", other)[0]
    signature = query.rsplit("=", maxsplit=1)[1]
    signer = LinkSigner((server.data_dir / "link-secret").read_bytes())
    expires = int(re.findall(r"expires=(\d+)", query)[0])

    def refused(link: str) -> str:
        said = server.http.get(f"{server.url}/files/{link}")
        assert said.status_code == 403, link
        assert said.headers["content-type"] == "application/json"
        return str(said.json()["message"])

    assert server.http.get(mine).status_code == 200
    wrong = "The link is not valid."
    assert refused(f"{other_key}?{query}") == wrong
    assert refused(f"{key}?{LinkSigner(b'x' * 32).query(key, expires)}") == wrong
    assert refused(f"{key}?expires={expires}&signature={signature[::-1]}") == wrong
    assert refused(f"{key}?expires={expires}&signature=") == wrong
    assert refused(f"{key}?expires=0{expires}&signature={signature}") == wrong
    assert refused(f"{key}?expires={expires + 1}&signature={signature}") == wrong
    assert refused(f"{key}?{signer.query(key, int(time.time()) - 1)}") == "The link has expired."
    # Of a few thousand guesses at what is left of a known signature none is right: one of 2**256 is.
    tails = itertools.islice(itertools.product("AZaz09-_", repeat=4), 500)
    assert {refused(f"{key}?expires={expires}&signature={signature[:-4]}{''.join(tail)}") for tail in tails} == {wrong}


def test_another_accounts_task_is_answered_exactly_as_an_unknown_one(idle: Server) -> None:
    eve = wanserve("keys", "create", "eve", "--account", "eve", "--data-dir", str(idle.data_dir)).stdout.strip()
    theirs, nobodys = idle.submit(), "00000000-0000-4000-a000-000000000000"

    def asked(task_id: str) -> tuple[int, dict[str, str], str]:
        said = idle.post(POLL, {"task_id": task_id}, eve)
        headers = {name: value for name, value in said.headers.items() if name not in ("x-request-id", "date")}
        return said.status_code, headers, said.text.replace(said.headers["x-request-id"], "R").replace(task_id, "T")

    assert asked(theirs) == asked(nobodys)
    assert asked(theirs)[0] == 404


def test_keys_and_prompts_are_in_no_line_of_the_log(tmp_path: Path) -> None:
    prompt, negative, once, wrong = "zqxprompt in a garden", "zqxnegative", "zqxonce", "zqxwrongkey"
    with rig(tmp_path, max_losses="1") as made:
        server = made.server
        first_key = server.key
        server.key = wanserve("keys", "create", "mine", "--data-dir", str(server.data_dir)).stdout.strip()
        headers = {"Ocp-Apim-Subscription-Key": server.key, "Idempotency-Key": once}
        asked = {"input": {"prompt": prompt, "negative_prompt": negative}, "model": GOOD["model"]}

        def submitted(**otherwise: str) -> str:
            body = asked | {"input": {"prompt": prompt, "negative_prompt": negative} | otherwise}
            said = server.http.post(server.url + SUBMIT, json=body, headers=headers)
            assert said.status_code == 200, said.text
            headers["Idempotency-Key"] += "x"
            return str(said.json()["output"]["task_id"])

        done = submitted()
        assert server.http.get(str(server.wait(done, "SUCCEEDED")["video_url"])).status_code == 200
        killed = submitted(prompt=f"hold {prompt}")
        made.until_progress(killed)
        os.kill(server.child_pid(), signal.SIGKILL)
        server.wait(killed, "FAILED")
        canceled = submitted(prompt=f"hold {prompt}")
        made.until_progress(canceled)
        wanserve("tasks", "cancel", canceled, "--data-dir", str(server.data_dir))
        server.wait(canceled, "CANCELED")
        for body in (asked | {"model": prompt}, asked | {"parameters": {"size": prompt}}, [prompt], prompt):
            assert server.post(SUBMIT, body).status_code == 400
        headers["Idempotency-Key"] = once
        assert server.http.post(server.url + SUBMIT, json=GOOD, headers=headers).status_code == 400
        assert server.post(SUBMIT, asked, wrong).status_code == 401
        assert server.http.post(f"{server.url}{POLL}?subscription-key={wrong}", json={}).status_code == 401
        assert server.post(POLL, {"task_id": prompt}).status_code == 404
        assert server.http.post(f"{server.url}{POLL}?subscription-key={server.key}", json={}).status_code == 400
        lines = made.log().splitlines()
    assert any(done in line for line in lines)
    assert any("killed by SIGKILL" in line for line in lines)
    secrets = (server.key, prompt, "zqx", negative, once, wrong)
    assert [line for line in lines if any(secret in line for secret in secrets)] == []
    # Told once, at the first start, with a command that uses it, and never again.
    told, command = [line for line in lines if first_key in line]
    assert told == f"The key of account default, shown only now: {first_key}"
    assert f"WANSERVE_KEY={first_key} wanserve generate " in command


def test_what_is_stored_is_the_owners_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data, "--no-worker") as server:
        server.submit()
        modes = {path.name: path.stat().st_mode & 0o777 for path in (data, *data.iterdir())}
    assert modes["data"] == modes["blobs"] == modes["scratch"] == 0o700
    assert {modes[name] for name in ("wanserve.db", "wanserve.db-wal", "wanserve.db-shm", "link-secret")} == {0o600}


def test_the_child_has_none_of_our_variables_and_so_no_key_of_the_server(server: Server) -> None:
    ours, childs = (Path(f"/proc/{pid}/environ").read_bytes() for pid in (server.process.pid, server.child_pid()))
    assert b"WANSERVE_" in ours
    assert b"WANSERVE_" not in childs
    assert b"PATH=" in childs
