"""Webhooks of a real server, to a real receiver: what is told, what is tried again, and what a crash does to it."""

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.faults.harness import Rig, rig, until
from tests.e2e.server import Server, running, wanserve
from tests.e2e.sse import video_of
from tests.receiver import Received, Receiver, receiving
from wanserve.domain.webhooks import signed_headers

PUBLIC = "https://video.example"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("webhooks")
    with running(folder / "data", webhooks_private="true", public_url=PUBLIC, submit_rps="1000") as started:
        yield started


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path, webhooks_private="true") as started:
        yield started


def command(server: Server, *arguments: str, status: int = 0) -> str:
    """What `wanserve webhooks …` prints beside the server."""
    done = wanserve("webhooks", *arguments, "--data-dir", str(server.data_dir), webhooks_private="true")
    assert done.returncode == status, done.stderr
    return (done.stdout + done.stderr).strip()


def add(server: Server, url: str, *more: str) -> dict[str, Any]:
    """A new webhook of the server's first account."""
    return dict(json.loads(command(server, "add", url, "--json", *more)))


def told(received: Received, secret: str) -> dict[str, Any]:
    """The body of a message that is signed by this secret."""
    headers = received.headers
    signed = signed_headers([secret], received.message_id, int(headers["webhook-timestamp"]), received.body)
    assert signed["webhook-signature"] in headers["webhook-signature"].split(" ")
    return dict(json.loads(received.body))


def deliveries(server: Server) -> list[dict[str, Any]]:
    return list(json.loads(command(server, "deliveries", "--json")))


def test_a_video_is_told_with_its_link(server: Server, receiver: Receiver) -> None:
    hook = add(server, receiver.url("/completed"))
    task_id = server.submit()
    (got,) = receiver.until(lambda received: len(received) == 1)
    message = told(got, hook["secret"])
    data = message["data"]
    assert (message["type"], data["state"], data["id"], data["task_id"]) == (
        "video.completed",
        "succeeded",
        video_of(task_id),
        task_id,
    )
    assert data["url"] == server.poll(task_id)["video_url"]
    assert data["url"].startswith(f"{PUBLIC}/files/videos/")
    until("its delivery", lambda: deliveries(server)[0]["state"] == "delivered")
    (row, *_) = deliveries(server)
    assert (row["id"], row["task_id"], row["status"], row["tries"]) == (got.message_id, task_id, 204, 1)
    metrics = server.http.get(f"{server.url}/metrics").text
    assert 'wanserve_webhooks_total{end="delivered"}' in metrics
    assert "wanserve_webhooks_waiting 0.0" in metrics
    command(server, "remove", hook["id"])


def test_over_http_a_webhook_is_added_listed_and_removed(server: Server, receiver: Receiver) -> None:
    headers = {"Authorization": f"Bearer {server.key}"}
    url = f"{server.url}/v1/webhooks"
    answer = server.http.post(url, json={"url": receiver.url("/http"), "events": ["video.completed"]}, headers=headers)
    added = answer.json()
    assert (answer.status_code, added["events"], added["disabled_reason"]) == (200, ["video.completed"], None)
    listed = server.http.get(url, headers=headers).json()
    assert listed["data"] == [{name: value for name, value in added.items() if name != "secret"}]
    assert listed["task_secret"] == command(server, "secret")
    server.wait(server.submit(), "SUCCEEDED")
    (got,) = receiver.until(lambda received: len(received) == 1)
    told(got, added["secret"])
    other = wanserve("keys", "create", "else", "--account", "else", "--data-dir", str(server.data_dir)).stdout.strip()
    theirs = {"Authorization": f"Bearer {other}"}
    assert server.http.get(url, headers=theirs).json()["data"] == []
    assert server.http.delete(f"{url}/{added['id']}", headers=theirs).status_code == 404
    removed = server.http.delete(f"{url}/{added['id']}", headers=headers)
    assert removed.json() == {"id": added["id"], "object": "webhook.deleted", "deleted": True}
    again = server.http.delete(f"{url}/{added['id']}", headers=headers)
    assert (again.status_code, again.json()["error"]["code"]) == (404, "webhook_not_found")
    assert server.http.get(url, headers={"Authorization": "Bearer sk-unknown"}).status_code == 401


def test_the_secret_for_urls_of_single_videos_is_rotated(server: Server, receiver: Receiver) -> None:
    before = command(server, "secret")
    after = command(server, "secret", "--rotate")
    assert command(server, "secret") == after != before
    headers = {"Authorization": f"Bearer {server.key}"}
    body = {"prompt": "a cat", "size": "640x480", "webhook_url": receiver.url("/rotated")}
    assert server.http.post(f"{server.url}/v1/videos", json=body, headers=headers).status_code == 200
    (got,) = receiver.until(lambda received: len(received) == 1)
    for secret in (after, before):
        told(got, secret)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"url": "ftp://a.example/"}, "url"),
        ({"url": "https://ann:secret@a.example/"}, "url"),
        ({"url": "https://a.example/#x"}, "url"),
        ({"url": "https://a.example/", "events": ["video.deleted"]}, "events"),
        ({"url": "https://a.example/", "events": []}, "events"),
        ({"url": "https://a.example/", "event": ["video.failed"]}, "event"),
        ({"url": 5}, "url"),
        ({}, "url"),
    ],
)
def test_a_bad_webhook_is_refused_in_one_line(server: Server, body: object, param: str) -> None:
    headers = {"Authorization": f"Bearer {server.key}"}
    answer = server.http.post(f"{server.url}/v1/webhooks", json=body, headers=headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], "\n" in error["message"]) == (400, param, False)
    assert server.http.get(f"{server.url}/v1/webhooks", headers=headers).json()["data"] == []


def test_the_url_of_one_task_is_told_in_each_dialect(server: Server, receiver: Receiver) -> None:
    secret = command(server, "secret")
    headers = {"Authorization": f"Bearer {server.key}"}
    first = server.submit(webhook_url=receiver.url("/pixazo"))
    body = {"prompt": "a cat", "size": "640x480", "webhook_url": receiver.url("/openai")}
    second = server.http.post(f"{server.url}/v1/videos", json=body, headers=headers).json()["id"]
    vendor = {
        "model": "wan2.2-t2v-plus",
        "input": {"prompt": "a cat"},
        "parameters": {"size": "832*480", "webhook_url": receiver.url("/dashscope")},
    }
    path = "/api/v1/services/aigc/video-generation/video-synthesis"
    asks = headers | {"X-DashScope-Async": "enable"}
    third = server.http.post(server.url + path, json=vendor, headers=asks).json()["output"]["task_id"]
    got = receiver.until(lambda received: len(received) == 3)
    ids = {each.path: told(each, secret)["data"]["id"] for each in got}
    assert ids == {"/pixazo": video_of(first), "/openai": second, "/dashscope": video_of(third)}
    server.wait(first, "SUCCEEDED")
    remix = {"prompt": "a dog", "webhook_url": receiver.url("/remix")}
    made = server.http.post(f"{server.url}/v1/videos/{second}/remix", json=remix, headers=headers).json()["id"]
    receiver.until(lambda received: len(received) == 4)
    assert told(receiver.at("/remix")[0], secret)["data"]["id"] == made
    refused = server.http.post(f"{server.url}/v1/videos", json=body | {"webhook_url": "gopher://x/"}, headers=headers)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "webhook_url")


def test_a_failure_and_a_cancel_are_told_and_a_delete_is_not(made: Rig, receiver: Receiver) -> None:
    hook = add(made.server, receiver.url())
    failures = add(made.server, receiver.url("/failures"), "--events", "video.failed")
    held = made.accept_held()
    waiting, deleted = made.accept(), made.accept()
    headers = {"Authorization": f"Bearer {made.server.key}"}
    made.server.http.delete(f"{made.server.url}/v1/videos/{video_of(deleted)}", headers=headers).raise_for_status()
    made.command("tasks", "cancel", waiting)
    made.release()
    failing = made.accept("engine-failed")
    made.until_ended(failing)
    receiver.until(lambda received: len(received) == 4)
    messages = [told(each, hook["secret"]) for each in receiver.at("/hook")]
    ends = {message["data"]["task_id"]: message for message in messages}
    assert {task_id: message["type"] for task_id, message in ends.items()} == {
        held: "video.completed",
        waiting: "video.canceled",
        failing: "video.failed",
    }
    assert ends[failing]["data"]["error"] == {"code": "engine_failed", "message": "this prompt cannot be drawn"}
    assert ends[held]["data"]["url"] is None, "no public URL is set"
    (only,) = receiver.at("/failures")
    assert told(only, failures["secret"])["data"]["task_id"] == failing


def test_a_receiver_that_was_down_is_told_when_it_is_back(made: Rig) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    add(made.server, f"http://127.0.0.1:{port}/hook")
    task_id = made.accept()
    until("a failed try", lambda: [row["tries"] for row in deliveries(made.server)] == [1])
    with receiving(port) as receiver:
        (got,) = receiver.until(lambda received: len(received) == 1)
    assert json.loads(got.body)["data"]["task_id"] == task_id
    assert "the receiver cannot be reached" in made.log()


def test_an_error_is_tried_again_with_the_same_id_and_a_replay_too(made: Rig, receiver: Receiver) -> None:
    hook = add(made.server, receiver.url())
    receiver.statuses["/hook"] = [500, 200]
    made.accept()
    first, second = receiver.until(lambda received: len(received) == 2)
    until("its delivery", lambda: deliveries(made.server)[0]["state"] == "delivered")
    command(made.server, "replay", first.message_id)
    *_, third = receiver.until(lambda received: len(received) == 3)
    assert first.message_id == second.message_id == third.message_id
    assert first.body == second.body == third.body
    new = command(made.server, "rotate", hook["id"])
    command(made.server, "replay", first.message_id)
    *_, fourth = receiver.until(lambda received: len(received) == 4)
    for secret in (new, hook["secret"]):
        told(fourth, secret)
    assert command(made.server, "test", hook["id"]) == "delivered, status 204"
    assert told(receiver.received[-1], new)["type"] == "webhook.test"
    assert command(made.server, "replay", "msg_none", status=1) == "wanserve: id: there is no delivery msg_none"


def test_one_that_is_gone_is_disabled_and_a_redirect_is_not_followed(made: Rig, receiver: Receiver) -> None:
    gone, moved = add(made.server, receiver.url("/gone")), add(made.server, receiver.url("/moved"))
    receiver.statuses |= {"/gone": [410], "/moved": [302]}
    receiver.headers = {"location": receiver.url("/elsewhere")}
    made.accept()

    def disabled() -> dict[str, str]:
        rows = json.loads(command(made.server, "list", "--json"))
        return {row["id"]: row["disabled_why"] for row in rows if row["disabled"]}

    until("its disabling", lambda: disabled() == {gone["id"]: "the receiver answered 410 Gone"})

    def error_of(hook: dict[str, str]) -> str | None:
        return next((row["error"] for row in deliveries(made.server) if row["webhook"] == hook["id"]), None)

    # A try is counted when it begins, and its error is known when it ends.
    until("the other try", lambda: error_of(moved) is not None)
    assert error_of(moved) == "the receiver answered 302: redirects are not followed"
    assert {row["tries"] for row in deliveries(made.server)} == {1}
    assert receiver.at("/elsewhere") == []
    failed = json.loads(command(made.server, "deliveries", "--failed", "--json"))
    assert [row["webhook"] for row in failed] == [gone["id"]]
    command(made.server, "enable", gone["id"])
    assert disabled() == {}


def test_a_receiver_that_hangs_delays_no_other_and_no_stop(made: Rig, receiver: Receiver) -> None:
    add(made.server, receiver.url("/hang"))
    add(made.server, receiver.url("/good"))
    for _ in range(4):
        made.accept()
    receiver.until(lambda received: sum(each.path == "/good" for each in received) == 4)
    assert len(receiver.at("/hang")) == 2
    made.stop()
    assert [row[0] for row in made.rows("SELECT tries FROM webhook_deliveries WHERE state = 'pending'")] == [0] * 4


def test_a_server_that_is_killed_once_a_task_has_ended_tells_it_after_its_start(made: Rig, receiver: Receiver) -> None:
    hook = add(made.server, receiver.url())
    # The commit that ends the task is on disk, and nobody has heard of it.
    made.arm("server", "^sql INSERT INTO ledger", "^sql COMMIT", "^call set_result$")
    task_id = made.accept()
    made.until_dead()
    (row,) = made.rows("SELECT id, state FROM webhook_deliveries")
    assert made.row("state", task_id) == "SUCCEEDED"
    made.start()
    (got, *_) = receiver.until(bool)
    assert (got.message_id, told(got, hook["secret"])["data"]["task_id"]) == (row[0], task_id)


def test_a_server_that_is_killed_at_a_try_makes_it_again(made: Rig, receiver: Receiver) -> None:
    add(made.server, receiver.url("/hang"))
    made.accept()
    (first,) = receiver.until(lambda received: len(received) == 1)
    made.server.stop(signal.SIGKILL)
    receiver.hold.set()
    made.start()
    _, second = receiver.until(lambda received: len(received) == 2)
    assert first.message_id == second.message_id
    until("its delivery", lambda: deliveries(made.server)[0]["state"] == "delivered")


def test_private_addresses_are_refused_unless_allowed(tmp_path: Path) -> None:
    def refused(*arguments: str) -> str:
        done = wanserve("webhooks", *arguments, "--data-dir", str(tmp_path))
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        return done.stderr.strip()

    assert refused("add", "http://a.example/") == (
        "wanserve: url: must begin with https://, as this server does not allow http://"
    )
    assert refused("add", "https://127.0.0.1/") == "wanserve: url: must not be a private or local address"
    assert "'video.made' is not one of" in refused("add", "https://a.example/", "--events", "video.made")
    assert refused("remove", "we_none") == "wanserve: there is no webhook we_none"
    # A name is looked up at each try.
    added = wanserve("webhooks", "add", "https://localtest.invalid/", "--json", "--data-dir", str(tmp_path))
    tested = wanserve("webhooks", "test", json.loads(added.stdout)["id"], "--data-dir", str(tmp_path))
    assert (tested.returncode, tested.stdout.startswith("not delivered: the host cannot be found")) == (1, True)
