"""The remote engine with this project's own servers as the upstreams, one for each dialect."""

import json
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.faults.harness import Rig, rig, until
from tests.e2e.server import wanserve
from tests.pictures import pictures_of

MODEL = "wan2.2-t2v-plus"
SIZE = "832*480"
"""A size that DashScope's API has too."""


def table(name: str, dialect: str, url: str, key: str, **more: object) -> str:
    """The table of an upstream in wanserve.toml."""
    base = f"{url}/v1" if dialect == "openai" else f"{url}/api/v1"
    fields = {"name": name, "url": base, "dialect": dialect, "key": key, "models": [MODEL]} | more
    return "[[upstreams]]\n" + "".join(f"{field} = {json.dumps(value)}\n" for field, value in fields.items())


@dataclass
class Chain:
    """A server with the remote engine, and the two upstreams behind it: `a` speaks OpenAI's API, `b` DashScope's."""

    front: Rig
    a: Rig
    b: Rig

    def submit(self, prompt: str) -> str:
        """Submit a task to the front and return its id."""
        return self.front.server.submit(prompt, SIZE, model=MODEL, prompt_extend=False)

    def tasks_of(self, upstream: Rig) -> list[tuple[object, ...]]:
        """Id and state of every task that an upstream has."""
        return upstream.rows("SELECT id, state FROM tasks ORDER BY seq")

    def until_at(self, *upstreams: Rig) -> Rig:
        """Wait until one of the upstreams runs a task, and return it."""

        def running() -> list[Rig]:
            return [each for each in upstreams if any(state == "RUNNING" for _, state in self.tasks_of(each))]

        until("a task that runs at an upstream", lambda: bool(running()))
        return running()[0]

    def counts(self, task_id: str) -> tuple[object, object]:
        """How many attempts of the task are spent, and how many were lost."""
        return self.front.row("attempts_spent", task_id), self.front.row("losses", task_id)


@contextmanager
def chain(folder: Path, *, stand_in: bool = True, **more: object) -> Iterator[Chain]:
    """Two upstreams and a front; `more` are fields of both upstreams."""
    with ExitStack() as stack:
        a, b = (stack.enter_context(rig(folder / name, stand_in=stand_in)) for name in "ab")
        fields = {"outage_seconds": 1} | more
        write_settings(
            folder,
            table("a", "openai", a.server.url, a.server.key, **fields),
            table("b", "dashscope", b.server.url, b.server.key, **fields),
        )
        front = stack.enter_context(rig(folder / "front", stand_in=False, cwd=str(folder)))
        yield Chain(front, a, b)


def write_settings(folder: Path, *tables: str) -> None:
    (folder / "wanserve.toml").write_text('engine = "remote"\n' + "\n".join(tables))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Servers that no test stops, with the preview engine at the upstreams."""
    with chain(tmp_path_factory.mktemp("chain"), stand_in=False) as made:
        yield made


def test_every_dialect_of_ours_goes_through_either_dialect_of_theirs(shared: Chain) -> None:
    """Three submits for two upstreams of the same weight: each gets one at least."""
    front = shared.front.server
    had = len(shared.tasks_of(shared.a)), len(shared.tasks_of(shared.b))
    bearer = {"Authorization": f"Bearer {front.key}"}
    by_document = shared.submit("A kitten running in the moonlight")
    body = {"model": MODEL, "input": {"prompt": "Two cats"}, "parameters": {"size": SIZE}}
    answer = front.http.post(
        f"{front.url}/api/v1/services/aigc/video-generation/video-synthesis",
        json=body,
        headers=bearer | {"X-DashScope-Async": "enable"},
    )
    by_dashscope = answer.json()["output"]["task_id"]
    created = front.http.post(
        f"{front.url}/v1/videos",
        json={"model": MODEL, "prompt": "Three cats", "size": SIZE.replace("*", "x"), "seconds": "5"},
        headers=bearer,
    )
    video_id = created.json()["id"]
    shared.front.assert_made_once(by_document, by_dashscope)
    until(
        "the video",
        lambda: front.http.get(f"{front.url}/v1/videos/{video_id}", headers=bearer).json()["status"] == "completed",
    )
    content = front.http.get(f"{front.url}/v1/videos/{video_id}/content", headers=bearer).content
    originals = [pictures_of(file) for up in (shared.a, shared.b) for file in up.data_dir.glob("blobs/videos/*/*.mp4")]
    assert pictures_of(content) in originals, "the upstream's pictures are passed on as they are"
    none = front.http.get(f"{front.url}/v1/videos/{video_id}/content?variant=scene", headers=bearer)
    message = f"Video with id '{video_id}' is completed: it has no content."
    assert (none.status_code, none.json()["error"]["code"]) == (404, "video_not_ready")
    assert none.json()["error"]["message"] == message, "what it understood is the upstream's to know"
    got = len(shared.tasks_of(shared.a)) - had[0], len(shared.tasks_of(shared.b)) - had[1]
    assert sorted(got) == [1, 2]
    shown = shared.front.show(by_document)
    assert shown["attempts_spent"] == 0
    linked = front.http.get(str(front.poll(by_document)["video_url"]))
    assert pictures_of(linked.content) in originals


@pytest.mark.thorough
def test_a_length_that_dashscope_does_not_have_is_noted(shared: Chain) -> None:
    """OpenAI's clients ask for four seconds by default; DashScope's API makes five."""
    front, had_b = shared.front.server, len(shared.tasks_of(shared.b))
    body = {"model": MODEL, "prompt": "four cats", "size": SIZE.replace("*", "x"), "seconds": "4"}
    created = front.http.post(f"{front.url}/v1/videos", json=body, headers={"Authorization": f"Bearer {front.key}"})
    task_id = re.sub(r"^video_(.{8})(.{4})(.{4})(.{4})(.{12})$", r"\1-\2-\3-\4-\5", created.json()["id"])
    shared.front.assert_made_once(task_id)
    by_b = len(shared.tasks_of(shared.b)) > had_b
    notes = json.loads(str(shared.front.row("notes", task_id)))
    assert notes == (["number of frames: 150 instead of 120"] if by_b else [])


@pytest.mark.thorough
def test_doctor_tries_each_upstream(shared: Chain) -> None:
    folder = shared.front.folder.parent
    fine = wanserve("doctor", cwd=folder, data_dir=str(folder / "doctor"))
    assert fine.stdout.count("it answers, and takes the key") == 2, fine.stdout
    assert shared.a.server.key not in fine.stdout


@pytest.mark.thorough
def test_a_video_without_a_server(shared: Chain, tmp_path: Path) -> None:
    folder = shared.front.folder.parent
    size = ("--size", SIZE, "--model", MODEL)
    for output in (tmp_path / "one.mp4", tmp_path / "two.mp4"):
        made = wanserve("generate", "a cat", *size, "-o", str(output), cwd=folder, data_dir=str(tmp_path / "none"))
        assert made.returncode == 0, made.stderr
        assert output.stat().st_size > 0
    prompts = shared.a.rows("SELECT count(*) FROM tasks WHERE prompt = 'a cat'") + shared.b.rows(
        "SELECT count(*) FROM tasks WHERE prompt = 'a cat'"
    )
    assert sum(int(str(count)) for (count,) in prompts) >= 2, "no earlier video was returned again"


@pytest.mark.thorough
def test_a_cancel_reaches_the_upstream(tmp_path: Path) -> None:
    with chain(tmp_path) as made:
        write_settings(tmp_path, table("a", "openai", made.a.server.url, made.a.server.key))
        made.front.restart()
        task_id = made.submit("hold")
        made.until_at(made.a)
        url = f"{made.front.server.url}/v1/videos/video_{task_id.replace('-', '')}"
        deleted = made.front.server.http.delete(url, headers={"Authorization": f"Bearer {made.front.server.key}"})
        assert deleted.json()["deleted"] is True
        until("the cancel at the upstream", lambda: made.tasks_of(made.a) == [])
        # Its slot is free again.
        made.front.assert_made_once(made.submit("a cat"))


def test_an_upstream_that_is_killed_loses_no_task_and_spends_no_attempt(tmp_path: Path) -> None:
    with chain(tmp_path) as made:
        task_id = made.submit("hold")
        busy = made.until_at(made.a, made.b)
        other = made.b if busy is made.a else made.a
        busy.kill()
        other.release()
        made.front.assert_made_once(task_id)
        assert made.counts(task_id) == (0, 1)
        status, text = made.front.readiness()
        name = "a" if busy is made.a else "b"
        assert status == 200, text
        assert re.search(rf'"upstreams":{{"{name}":"[^"]*it cannot be reached', text), text
        made.front.assert_made_once(made.submit("a cat"))


def test_a_front_that_is_killed_finds_its_task_where_it_is(tmp_path: Path) -> None:
    """With two upstreams: it asks the one that has the task."""
    with chain(tmp_path) as made:
        task_ids = [made.submit("hold one"), made.submit("hold two")]
        for upstream in (made.a, made.b):
            made.until_at(upstream)
        before = made.tasks_of(made.a) + made.tasks_of(made.b)
        made.front.kill()
        made.front.start()
        made.a.release()
        made.b.release()
        made.front.assert_made_once(*task_ids)
        after = made.tasks_of(made.a) + made.tasks_of(made.b)
        assert [task for task, _ in after] == [task for task, _ in before]
        assert [made.counts(task_id) for task_id in task_ids] == [(0, 1), (0, 1)]


@pytest.mark.thorough
def test_a_drained_front_gives_its_task_back_and_finds_it_again(tmp_path: Path) -> None:
    with chain(tmp_path) as made:
        made.front.settings["drain_seconds"] = "0"
        made.front.restart()
        task_id = made.submit("hold")
        holding = made.until_at(made.a, made.b)
        made.front.restart()
        assert made.tasks_of(holding)[-1][1] == "RUNNING", "a stop of the front cancels nothing"
        holding.release()
        made.front.assert_made_once(task_id)
        assert made.counts(task_id) == (0, 0)
        assert len(made.tasks_of(made.a) + made.tasks_of(made.b)) == 1


@pytest.mark.thorough
def test_a_task_that_an_upstream_forgets_runs_elsewhere(tmp_path: Path) -> None:
    with chain(tmp_path) as made:
        task_id = made.submit("hold")
        holding = made.until_at(made.a, made.b)
        other = made.b if holding is made.a else made.a
        remote_id = made.tasks_of(holding)[0][0]
        headers = {"Authorization": f"Bearer {holding.server.key}"}
        url = f"{holding.server.url}/v1/videos/video_{str(remote_id).replace('-', '')}"
        assert holding.server.http.delete(url, headers=headers).status_code == 200
        other.release()
        made.front.assert_made_once(task_id)
        assert made.counts(task_id) == (0, 1)
        assert len(made.tasks_of(other)) == 1


@pytest.mark.thorough
def test_a_task_that_fails_there_spends_an_attempt(tmp_path: Path) -> None:
    with chain(tmp_path) as made:
        task_id = made.submit("engine-failed")
        made.front.until_ended(task_id)
        shown = made.front.show(task_id)
        assert shown["state"] == "FAILED"
        assert int(str(shown["attempts_spent"])) >= 1
        assert "this prompt cannot be drawn" in json.dumps(shown)
        assert "this prompt cannot be drawn" not in made.front.log(), "the log has no words of others"
        assert made.front.readiness()[0] == 200
        made.front.assert_made_once(made.submit("a cat"))


@pytest.mark.thorough
def test_a_key_that_is_refused_stops_the_start_with_one_line(tmp_path: Path) -> None:
    with rig(tmp_path / "a") as a:
        write_settings(tmp_path, table("a", "openai", a.server.url, "sk-quite-wrong"))
        refused = wanserve("serve", "--port", "0", "--data-dir", str(tmp_path / "front"), cwd=tmp_path)
        assert refused.returncode == 1
        last = refused.stderr.strip().splitlines()[-1]
        assert re.search(r"upstreams: a: it answered with HTTP status 401: .*key", last), refused.stderr
        doctor = wanserve("doctor", cwd=tmp_path, data_dir=str(tmp_path / "doctor"))
        assert doctor.returncode == 1
        assert re.search(r"MISSING upstream a: http://.*HTTP status 401", doctor.stdout)
        write_settings(tmp_path, table("a", "openai", f"{a.server.url}/nowhere", a.server.key))
        lost = wanserve("serve", "--port", "0", "--data-dir", str(tmp_path / "front"), cwd=tmp_path)
        assert lost.returncode == 1
        assert "upstreams: a: it answered with HTTP status 404: its url or its dialect is wrong" in lost.stderr
        assert "sk-quite-wrong" not in refused.stderr + refused.stdout + doctor.stdout + doctor.stderr
        assert a.server.key not in lost.stderr
        assert "Traceback" not in refused.stderr + lost.stderr


@pytest.mark.thorough
def test_an_upstream_that_is_down_is_tried_until_it_is_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    with rig(tmp_path / "a") as a:
        monkeypatch.setenv("KEY_OF_A", a.server.key)
        a.stop()
        url = f"http://127.0.0.1:{port}"
        there = table("a", "openai", url, "").replace('key = ""', 'key_variable = "KEY_OF_A"')
        write_settings(tmp_path, there)
        doctor = wanserve("doctor", cwd=tmp_path, data_dir=str(tmp_path / "doctor"))
        assert re.search(r"MISSING upstream a: .* it cannot be reached", doctor.stdout), doctor.stdout
        front = Rig(tmp_path / "front", {"cwd": str(tmp_path)}, stand_in=False)
        front.start(ready=False)
        try:
            until(
                "the line about the upstream", lambda: "upstream a is out: it cannot be reached" in front.readiness()[1]
            )
            assert front.readiness()[0] == 503
            task_id = front.server.submit("a cat", "640*480", model=MODEL)
            a.start("--port", str(port))
            front.assert_made_once(task_id)
            assert front.row("attempt", task_id) == 1, "it was claimed only once the upstream was back"
            assert front.readiness()[0] == 200
        finally:
            front.server.stop(signal.SIGTERM)
        assert a.server.key not in front.log()


def test_a_model_that_no_upstream_has_is_not_served(shared: Chain) -> None:
    front = shared.front.server
    models = front.http.get(f"{front.url}/v1/models", headers={"Authorization": f"Bearer {front.key}"}).json()
    assert [model["id"] for model in models["data"]] == [MODEL]
    refused: dict[str, Any] = front.post(
        "/wan-video/v1/generateTextToVideoRequest",
        {"model": "wanx2.1-t2v-plus", "input": {"prompt": "a cat"}, "parameters": {}},
    ).json()
    assert MODEL in json.dumps(refused)
