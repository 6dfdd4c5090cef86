"""Event streams over real connections: told to the end, resumed after a restart, and closed to others."""

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.faults.harness import rig, until
from tests.e2e.server import Server, running, wanserve
from tests.e2e.sse import assert_never_goes_back, events, path_of, streaming, video_of


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("events") / "data", submit_rps="1000", query_rps="1000") as started:
        yield started


def test_a_video_is_told_from_its_submit_to_its_end(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        made.hold()
        task_id = made.accept("midway a cat")
        with streaming(made.server, path_of(task_id)) as answer:
            assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert (answer.headers["x-accel-buffering"], answer.headers["cache-control"]) == (
                "no",
                "no-store, no-transform",
            )
            coming = events(answer)
            told = []
            for event in coming:
                told.append(event)
                if event.data["step"] == 75:
                    break
            made.release()
            told += coming
    assert_never_goes_back(told)
    *before, last = told
    assert {each.name for each in before} == {"video.progress"}
    assert {each.data["id"] for each in told} == {video_of(task_id)}
    assert (last.name, last.data["state"], last.data["fraction"]) == ("video.completed", "succeeded", 1.0)
    assert (last.data["stage"], last.data["seconds_left"], last.data["place"]) == (None, None, None)
    halfway = next(each.data for each in before if each.data["step"] == 75)
    assert (halfway["stage"], halfway["steps"], halfway["fraction"]) == ("encode", 150, 0.5)
    assert halfway["seconds_left"] is not None


def test_the_second_video_of_a_kind_is_estimated_before_it_begins(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        made.until_ended(made.accept())
        made.accept_held()
        waiting = made.accept()
        with streaming(made.server, path_of(waiting)) as answer:
            first = next(events(answer))
        assert (first.data["state"], first.data["stage"], first.data["place"]) == ("pending", "waiting", 1)
        assert first.data["seconds_left"] is not None
        # The same, in the headers of a poll.
        headers = {"Authorization": f"Bearer {made.server.key}"}
        poll = made.server.http.get(f"{made.server.url}/v1/videos/{video_of(waiting)}", headers=headers)
        assert (poll.headers["wanserve-stage"], poll.headers["wanserve-place"]) == ("waiting", "1")
        assert "wanserve-seconds-left" in poll.headers
        made.release()
        made.until_ended(waiting)
        done = made.server.http.get(f"{made.server.url}/v1/videos/{video_of(waiting)}", headers=headers)
        assert not [name for name in done.headers if name.startswith("wanserve-")]


def test_all_videos_of_the_account_are_told_and_no_others(server: Server) -> None:
    other = wanserve("keys", "create", "other", "--account", "other", "--data-dir", str(server.data_dir)).stdout.strip()
    with streaming(server, "/v1/events") as answer:
        theirs = server.submit(key=other)
        ours = [server.submit() for _ in range(2)]
        ended: dict[str, str] = {}
        for told in events(answer):
            assert told.data["id"] != video_of(theirs)
            if told.name != "video.progress":
                ended[told.data["id"]] = told.name
            if len(ended) == len(ours):
                break
    assert ended == {video_of(task_id): "video.completed" for task_id in ours}
    # What ended while the client was away is told when it comes again.
    late = server.submit()
    server.wait(late, "SUCCEEDED")
    with streaming(server, "/v1/events", last=told.id) as answer:
        again = next(each for each in events(answer) if each.data["id"] == video_of(late))
    assert again.name == "video.completed"


def test_a_cancel_and_a_delete_are_told(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        held, waiting = made.accept_held(), made.accept()
        with streaming(made.server, "/v1/events") as answer:
            told = events(answer)
            assert {next(told).data["id"], next(told).data["id"]} == {video_of(held), video_of(waiting)}
            made.command("tasks", "cancel", waiting)
            assert next(each for each in told if each.name != "video.progress").name == "video.canceled"
            headers = {"Authorization": f"Bearer {made.server.key}"}
            with httpx.Client(trust_env=False) as http:
                http.delete(f"{made.server.url}/v1/videos/{video_of(held)}", headers=headers).raise_for_status()
            gone = next(each for each in told if each.name != "video.progress")
        assert (gone.name, gone.data) == (
            "video.deleted",
            {"id": video_of(held), "object": "video.deleted", "deleted": True},
        )


@pytest.mark.parametrize("last", ["nonsense", "-1", "9" * 40, "\N{SUPERSCRIPT TWO}", ""])
def test_an_event_id_from_nowhere_begins_anew(server: Server, last: str) -> None:
    task_id = server.submit()
    server.wait(task_id, "SUCCEEDED")
    with streaming(server, path_of(task_id), last=last) as answer:
        assert [each.name for each in events(answer)] == ["video.completed"]


def test_others_are_told_nothing(server: Server) -> None:
    task_id = server.submit()
    other = wanserve("keys", "create", "curious", "--account", "curious", "--data-dir", str(server.data_dir))
    for key, path, status in (
        (other.stdout.strip(), path_of(task_id), 404),
        ("sk-unknown", path_of(task_id), 401),
        ("sk-unknown", "/v1/events", 401),
        (server.key, "/v1/videos/video_0/events", 404),
    ):
        with streaming(server, path, key=key) as answer:
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")


def test_a_stop_ends_the_streams(tmp_path: Path) -> None:
    with rig(tmp_path, drain_seconds="60") as made:
        task_id = made.accept_held()
        with streaming(made.server, path_of(task_id)) as answer:
            told = events(answer)
            next(told)
            made.server.process.send_signal(signal.SIGTERM)
            assert not [each for each in told if each.name != "video.progress"]
        made.release()
        assert made.server.process.wait(60) == 0
        until("the end", lambda: made.row("state", task_id) == "SUCCEEDED")
