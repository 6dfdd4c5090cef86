"""The real pipeline end to end, from the HTTP request to the MP4, with tiny checkpoints of the real classes."""

import contextlib
import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.server import SUBMIT, Server, running, wanserve
from tests.e2e.sse import events, path_of, streaming, video_of
from tests.pictures import pictures_of, without_id
from wanserve.domain.generation import Generation
from wanserve.media import probe

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "tests" / "assets"
TURBO, PLUS = "wanx2.1-t2v-turbo", "wan2.2-t2v-plus"

# Three steps, because with two the second expert has no step at the authors' flow shift.
SETTINGS = f"""
engine = "wan"
preview_steps = 3
[models."{TURBO}"]
weights = "{ASSETS / "tiny-wan"}"
steps = 8
frames = 9
[models."{PLUS}"]
weights = "{ASSETS / "tiny-wan22"}"
steps = 3
frames = 1
"""
KITTEN = Generation(TURBO, "A kitten running in the moonlight", "", 640, 480, frames=9, fps=16, seed=7)
CANCELED = Generation(TURBO, "两只猫在海滩上跳", "", 640, 480, frames=9, fps=16, seed=8)
TWO_EXPERTS = Generation(PLUS, "Two cats box on a stage", "", 640, 480, frames=1, fps=16, seed=7)
LARGE = Generation(PLUS, "A kitten running in the moonlight", "", 1920, 1080, frames=1, fps=16, seed=7)
SCALED = "drawn at 1280*720, scaled to 1920*1080"


@dataclass(frozen=True)
class Made:
    """A task that has SUCCEEDED: the output of a poll and of `tasks show`, and the file of its video."""

    output: dict[str, Any]
    shown: dict[str, Any]
    file: Path


@dataclass(frozen=True)
class Batch:
    """Tasks of two models that were submitted alternately, by their generations, and what happened while they ran."""

    made: dict[Generation, Made]
    started: list[str]
    loaded: list[str]
    readiness: set[int]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with the wan engine for all tests, because a child process takes seconds to import torch."""
    folder = tmp_path_factory.mktemp("wan")
    (folder / "wanserve.toml").write_text(SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        # An empty cache, so that the third model is not served, and no GPU, even if this machine has one.
        patch.setenv("HF_HOME", str(folder / "cache"))
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        with running(folder / "data", cwd=folder, submit_rps="1000", query_rps="10000") as wan:
            yield wan


@pytest.fixture(scope="module")
def batch(server: Server) -> Batch:
    """Tasks of both models, all submitted before the first one ends."""
    folder = server.data_dir.parent
    log_before, loads_before = len(entries(server)), len(loaded_models(server))
    ids = {each: submit(server, each) for each in (LARGE, KITTEN, TWO_EXPERTS)}
    readiness = set()

    def ended() -> bool:
        readiness.add(server.http.get(f"{server.url}/readyz/workers").status_code)
        return all(server.poll(task_id)["task_status"] not in ("PENDING", "RUNNING") for task_id in ids.values())

    until(ended, seconds=240)
    made = {}
    for number, (asked, task_id) in enumerate(ids.items()):
        output = server.wait(task_id, "SUCCEEDED")
        made[asked] = Made(output, shown(server, task_id), folder / f"{number}.mp4")
        made[asked].file.write_bytes(download(server, output))
    messages = [entry["message"] for entry in entries(server)[log_before:]]
    return Batch(
        made,
        started=[line.removeprefix("attempt 1 starts: ") for line in messages if line.startswith("attempt 1 starts: ")],
        loaded=loaded_models(server)[loads_before:],
        readiness=readiness,
    )


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until the condition is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def entries(server: Server) -> list[dict[str, str]]:
    """The lines of the server's log."""
    return [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]


def loaded_models(server: Server) -> list[str]:
    """The models that were loaded, in order."""
    ready = "the engine is ready for "
    messages = [entry["message"] for entry in entries(server)]
    return [message.removeprefix(ready) for message in messages if message.startswith(ready)]


def submit(server: Server, asked: Generation) -> str:
    return server.submit(asked.prompt, f"{asked.width}*{asked.height}", model=asked.model, seed=asked.seed)


def shown(server: Server, task_id: str) -> dict[str, Any]:
    told = wanserve("tasks", "show", task_id, "--json", "--data-dir", str(server.data_dir))
    return dict(json.loads(told.stdout))


def download(server: Server, output: dict[str, Any]) -> bytes:
    return server.http.get(output["video_url"]).raise_for_status().content


@pytest.mark.parametrize(
    ("asked", "how", "notes"),
    [(KITTEN, "8 steps, native", []), (TWO_EXPERTS, "3 steps, native", []), (LARGE, f"3 steps, {SCALED}", [SCALED])],
    ids=["one expert", "two experts", "scaled"],
)
def test_a_request_becomes_a_video_that_tells_how_it_was_made(
    server: Server, batch: Batch, asked: Generation, how: str, notes: list[str]
) -> None:
    made = batch.made[asked]
    facts = probe.check(made.file, asked)
    assert (facts.codec, facts.fps, facts.frames) == ("h264", 16.0, asked.frames)
    assert "engine wan" in facts.tags["comment"]
    assert without_id(facts.tags["description"]).endswith(
        f"model {asked.model}, seed {asked.seed}, profile exact, {how}."
    )
    assert made.output["orig_prompt"] == made.output["actual_prompt"] == asked.prompt
    assert made.shown["video"] == {
        "key": f"videos/{made.shown['id']}/1.mp4",
        "size_bytes": facts.bytes,
        "engine": "wan",
        "notes": notes,
        "profile": "exact",
        "actual_prompt": None,
        "scene": None,
    }
    (bill,) = [row for row in usage(server) if row["task_id"] == made.shown["id"]]
    assert (bill["engine"], bill["model"], bill["seconds"]) == ("wan", asked.model, asked.frames / 16)
    assert (bill["width"], bill["height"]) == (asked.width, asked.height)


def test_previews_come_as_it_is_denoised_and_are_told(server: Server) -> None:
    task_id = submit(server, replace(KITTEN, seed=11))
    headers = {"Authorization": f"Bearer {server.key}"}
    content = f"{server.url}/v1/videos/{video_of(task_id)}/content?variant=preview"
    assert server.http.get(content, headers=headers).status_code == 404
    with streaming(server, path_of(task_id)) as answer:
        told = []
        for each in events(answer):
            told.append(each)
            if each.name == "video.preview":
                with httpx.Client(base_url=server.url, headers=headers, trust_env=False) as http:
                    picture = http.get(each.data["url"])
                assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
                assert picture.headers["cache-control"] == "no-store"
                assert picture.content.startswith(b"\x89PNG")
    steps = [each.data["step"] for each in told if each.name == "video.preview"]
    assert steps, "of those that come fast one may take the place of another"
    assert set(steps) <= {3, 6}
    assert {each.data["stage"] for each in told if each.name == "video.progress"} >= {"denoise", "decode"}
    assert told[-1].name == "video.completed"


def test_models_switch_by_the_queue_and_the_server_stays_ready(batch: Batch) -> None:
    assert batch.started == [PLUS, PLUS, TURBO], "submitted in turns, and served in runs"
    assert batch.loaded == [TURBO], "which is the second, as the first was loaded at the start"
    assert batch.readiness == {200}


def test_only_the_child_loads_torch(server: Server, batch: Batch) -> None:
    child = server.child_pid()
    others = descendants(server.process.pid) - {child}
    assert server.process.pid in others
    assert "libtorch" in Path(f"/proc/{child}/maps").read_text()
    for pid in others:
        loaded = Path(f"/proc/{pid}/maps").read_text()
        assert not [name for name in ("torch", "safetensors", "tokenizers", "libx264") if name in loaded], pid


def descendants(pid: int) -> set[int]:
    """The process, its children, their children and so on."""
    children = {int(child) for each in Path(f"/proc/{pid}/task").iterdir() for child in read(each / "children").split()}
    return {pid}.union(*(descendants(child) for child in children))


def read(file: Path) -> str:
    """The text of a file in /proc; empty where its process or thread has ended."""
    try:
        return file.read_text()
    except FileNotFoundError:
        return ""


def test_a_model_without_weights_is_refused_as_the_document_says(server: Server) -> None:
    body = {"model": "wanx2.1-t2v-plus", "input": {"prompt": "a cat"}, "parameters": {"size": "1280*720"}}
    refused = server.post(SUBMIT, body)
    assert refused.status_code == 400
    answer = refused.json()
    assert answer.pop("request_id")
    assert answer == {
        "error": "Invalid request parameters",
        "statusCode": 400,
        "message": f"model: must be one of {PLUS}, {TURBO}",
        "code": "InvalidParameter",
    }
    expected = (
        "model wanx2.1-t2v-plus is not served: the weights Wan-AI/Wan2.1-T2V-14B-Diffusers are not on this machine"
    )
    assert [entry for entry in entries(server) if entry["message"].startswith(expected)]


def test_a_cancel_while_the_prompt_is_read_leaves_the_child_fit(server: Server, batch: Batch) -> None:
    # The child is stopped before it has the task, so that the cancel is found at the text encoder's first layer.
    with child_stays_usable(server, batch) as child, stopped(child):
        task_id = submit(server, CANCELED)
        until(lambda: server.poll(task_id)["task_status"] == "RUNNING")
        cancel(server, task_id)


@pytest.mark.parametrize(("begin", "end"), [(0.03, 0.92), (0.92, 0.96)], ids=["denoise", "decode"])
def test_a_cancel_in_the_middle_leaves_the_child_fit(server: Server, batch: Batch, begin: float, end: float) -> None:
    with child_stays_usable(server, batch) as child:
        for _ in range(5):
            task_id = submit(server, CANCELED)
            reach(server, task_id, begin)
            with stopped(child):
                if begin <= settled_progress(server, task_id) < end:
                    cancel(server, task_id)
                    return
            # The task has left this stage already, and makes its video. Try another one.
            server.wait(task_id, "SUCCEEDED")
        raise AssertionError("no task was found in that stage")


@contextlib.contextmanager
def child_stays_usable(server: Server, batch: Batch) -> Iterator[int]:
    """Yield the child's process id. After the block, the same child must make the same video as before."""
    if loaded_models(server)[-1] != CANCELED.model:
        server.wait(submit(server, KITTEN), "SUCCEEDED")
    child, files_before = server.child_pid(), files(server)
    yield child
    output = server.wait(submit(server, KITTEN), "SUCCEEDED")
    assert pictures_of(download(server, output)) == pictures_of(batch.made[KITTEN].file)
    assert server.child_pid() == child
    finished = {row["task_id"] for row in usage(server)}
    # A preview of it may be there until the next sweep.
    videos = [file for file in files(server) - files_before if file.suffix == ".mp4"]
    assert {file.parent.name for file in videos} <= finished, "a canceled task left a video"
    assert list((server.data_dir / "scratch").iterdir()) == []


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop the process by SIGSTOP within the block."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def cancel(server: Server, task_id: str) -> None:
    """Cancel a running task, and wait until the command was sent to its child."""
    assert wanserve("tasks", "cancel", task_id, "--data-dir", str(server.data_dir)).returncode == 0
    assert server.poll(task_id)["task_status"] == "CANCELED"
    expected = "attempt 1 stops: canceled, or its lease was lost"
    until(lambda: any(entry["message"] == expected and entry["task"] == task_id for entry in entries(server)))


def reach(server: Server, task_id: str, fraction: float) -> None:
    """Wait until the task has made this much progress."""
    until(lambda: row(server, task_id)[0] >= fraction, seconds=120)


def settled_progress(server: Server, task_id: str) -> float:
    """The progress of a task whose child is stopped, after all earlier progress has been written to the table."""
    leases: set[int | None] = set()

    def renewed_twice() -> bool:
        leases.add(row(server, task_id)[1])
        return len(leases) > 2 or None in leases

    until(renewed_twice)
    return row(server, task_id)[0]


def row(server: Server, task_id: str) -> tuple[float, int | None]:
    """The task's progress and lease, read directly from the table: a command would take CPU time from the child."""
    with contextlib.closing(sqlite3.connect(server.data_dir / "wanserve.db")) as database:
        found: tuple[float, int | None] = database.execute(
            "SELECT progress, lease_until_ms FROM tasks WHERE id = ?", (task_id,)
        ).fetchone()
    return found


def files(server: Server) -> set[Path]:
    return {file for file in (server.data_dir / "blobs").rglob("*") if file.is_file()}


def usage(server: Server) -> list[dict[str, Any]]:
    """The ledger."""
    return list(json.loads(wanserve("usage", "--json", "--data-dir", str(server.data_dir)).stdout))


def test_the_same_seed_gives_the_same_pictures_with_a_server_and_without(batch: Batch, tmp_path: Path) -> None:
    out = tmp_path / "same.mp4"
    flags = ("--size", "640*480", "--seed", "7", "--steps", "3", "--frames", "1", "-o", str(out))
    done = wanserve(
        "generate", "--engine", "wan", "--weights", "tests/assets/tiny-wan22", TWO_EXPERTS.prompt, *flags, cwd=ROOT
    )
    assert (done.returncode, done.stdout) == (0, f"{out}\n"), done.stderr
    assert pictures_of(out) == pictures_of(batch.made[TWO_EXPERTS].file)


def test_generate_makes_a_video_of_a_folder_alone(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    flags = ("--size", "640*480", "--steps", "4", "--frames", "17", "-o", str(out))
    done = wanserve(
        "generate", "--engine", "wan", "--weights", "tests/assets/tiny-wan", "A kitten runs", *flags, cwd=ROOT
    )
    assert (done.returncode, done.stdout) == (0, f"{out}\n"), done.stderr
    facts = probe.read(out)
    assert (facts.width, facts.height, facts.frames, facts.fps, facts.codec) == (640, 480, 17, 16.0, "h264")
    assert f"model {TURBO}" in facts.tags["description"]
    assert without_id(facts.tags["description"]).endswith("profile exact, 4 steps, native.")


def test_a_model_of_16_frames_a_second_makes_a_file_of_30(tmp_path: Path) -> None:
    weights = ASSETS / "tiny-wan"
    settings = f'engine = "wan"\n[models."{TURBO}"]\nweights = "{weights}"\nsteps = 2\nframes = 17\noutput_fps = 30\n'
    (tmp_path / "wanserve.toml").write_text(settings)
    with running(tmp_path / "data", cwd=tmp_path) as server:
        output = server.wait(submit(server, replace(KITTEN, frames=30, fps=30)), "SUCCEEDED")
        file = tmp_path / "made.mp4"
        file.write_bytes(download(server, output))
    facts = probe.check(file, replace(KITTEN, frames=30, fps=30))
    how = "profile exact, 2 steps, native, interpolated from 16 to 30 frames a second by FFmpeg's minterpolate."
    assert without_id(facts.tags["description"]).endswith(how)
