"""The vendor's SDK for Python, dashscope 2.0.2, by its four surfaces: two classes, the newer client and the command line."""

import json
import re
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.choices import CHOSEN
from tests.clients import views
from tests.clients.clients import program, run, told
from tests.clients.views import MODEL, UNKNOWN
from tests.e2e.server import Server

Told = dict[str, Any]
CLASSES = ("dashscope_v1.py", "dashscope_aio.py")
"""Their answers are alike: an HTTP status and the body's keys, and no exception."""

TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}")
NOT_CANCELED = "Failed to cancel the task, please confirm if the task is in PENDING status."


@pytest.fixture(scope="module", params=CLASSES)
def made(request: pytest.FixtureRequest, server: Server, submitted: str, tmp_path_factory: Any) -> tuple[Told, Path]:
    """What one of the classes tells of a server that makes videos, and the folder with its download."""
    folder = tmp_path_factory.mktemp("made")
    return told("dashscope", request.param, server, folder, "made", submitted), folder


@pytest.fixture(scope="module", params=CLASSES)
def queued(request: pytest.FixtureRequest, idle: Server, failed: str, tmp_path_factory: Any) -> Told:
    """What one of the classes tells of a server that makes none."""
    return told("dashscope", request.param, idle, tmp_path_factory.mktemp("queued"), "queued", failed)


@pytest.fixture(scope="module")
def made_v2(server: Server, submitted: str, tmp_path_factory: Any) -> tuple[Told, Path]:
    """What the newer client tells of a server that makes videos, and the folder with its download."""
    folder = tmp_path_factory.mktemp("made")
    return told("dashscope", "dashscope_v2.py", server, folder, "made", submitted), folder


@pytest.fixture(scope="module")
def queued_v2(idle: Server, failed: str, tmp_path_factory: Any) -> Told:
    """What the newer client tells of a server that makes none."""
    return told("dashscope", "dashscope_v2.py", idle, tmp_path_factory.mktemp("queued"), "queued", failed)


def test_call_waits_for_the_video(made: tuple[Told, Path], server: Server) -> None:
    """The answer has all its keys, the link needs no header, and the other dialects tell the same."""
    told, folder = made
    video = told["video"]
    output, task_id = video["output"], video["output"]["task_id"]
    assert (video["status_code"], video["code"] or "", video["message"]) == (200, "", "")
    assert output["task_status"] == "SUCCEEDED"
    assert output["orig_prompt"].startswith("a 猫 by ")
    assert "actual_prompt" not in output  # prompt_extend=False
    assert all(TIME.fullmatch(output[name]) for name in ("submit_time", "scheduled_time", "end_time"))
    assert video["usage"] == {"video_count": 1, "video_duration": 5, "video_ratio": "832*480"}
    views.assert_video(folder / "video.mp4")
    assert told["fetched"]["output"] | {"video_url": ""} == output | {"video_url": ""}
    assert server.poll(task_id)["orig_prompt"] == output["orig_prompt"]
    assert views.as_openai(server, task_id)["status"] == "completed"


def test_choices_are_sent_among_the_parameters(made: tuple[Told, Path], server: Server) -> None:
    video = views.as_openai(server, made[0]["chosen"]["output"]["task_id"])
    assert {name: video[name] for name in CHOSEN} == CHOSEN


def test_a_task_of_the_documents_api_is_seen(made: tuple[Told, Path], submitted: str) -> None:
    output = made[0]["other"]["output"]
    assert (output["task_id"], output["task_status"]) == (submitted, "SUCCEEDED")
    assert output["orig_prompt"] == output["actual_prompt"] == "a task of another dialect"


def test_the_list_has_what_was_made_the_newest_first(made: tuple[Told, Path], submitted: str) -> None:
    output = made[0]["listed"]["output"]
    ids = [row["task_id"] for row in output["data"]]
    assert ids.index(made[0]["video"]["output"]["task_id"]) < ids.index(submitted)
    assert {(row["status"], row["model_name"]) for row in output["data"]} == {("SUCCEEDED", MODEL)}
    assert output["total"] == len(ids)
    assert (output["page_no"], output["page_size"], output["total_page"]) == (1, 100, 1)


def test_an_unknown_task_is_no_error(made: tuple[Told, Path]) -> None:
    unknown = made[0]["unknown"]
    assert (unknown["status_code"], unknown["output"]["task_status"]) == (200, "UNKNOWN")


@pytest.mark.parametrize(
    ("what", "status", "code", "message"),
    [
        ("late", 400, "UnsupportedOperation", re.escape(NOT_CANCELED)),
        (
            "size",
            400,
            "InvalidParameter",
            r"Required parameter\(s\) missing or invalid, .+parameters\.size: .*832\*480",
        ),
        ("model", 400, "InvalidParameter", r"Model not exist\..*" + MODEL),
        ("lora", 400, "InvalidParameter", r".+ parameters\.loras: must be some of sketch, ink"),
        ("key", 401, "InvalidApiKey", r"Invalid API-key provided\."),
        ("key_of_list", 401, "InvalidApiKey", r"Invalid API-key provided\."),
    ],
)
def test_a_refusal_has_the_vendors_code_and_text(
    made: tuple[Told, Path], what: str, status: int, code: str, message: str
) -> None:
    answer = made[0][what]
    assert (answer["status_code"], answer["code"], answer["output"]) == (status, code, None)
    assert re.match(message, answer["message"])
    assert re.fullmatch(r"[0-9a-f-]{36}", answer["request_id"])


def test_a_task_that_waits_is_canceled(queued: Told, idle: Server) -> None:
    """The answer says no more than that, and a wait ends at once; a second cancel is refused."""
    task_id = queued["task"]["output"]["task_id"]
    assert queued["task"]["output"]["task_status"] == queued["pending"]["output"]["task_status"] == "PENDING"
    assert (queued["canceled"]["status_code"], queued["canceled"]["output"] or {}) == (200, {})
    waited = queued["waited"]["output"]
    assert (waited["task_id"], waited["task_status"]) == (task_id, "CANCELED")
    assert (queued["again"]["code"], queued["again"]["message"]) == ("UnsupportedOperation", NOT_CANCELED)
    assert [row["task_id"] for row in queued["listed"]["output"]["data"]] == [task_id]
    assert idle.poll(task_id)["task_status"] == "CANCELED"
    other = views.as_openai(idle, task_id)
    assert (other["status"], other["error"]) == ("failed", {"code": "cancelled", "message": "The video was canceled."})


def test_a_failed_task_tells_why(queued: Told, failed: str) -> None:
    answer = queued["failed"]
    assert answer["status_code"] == 200
    output = answer["output"]
    assert (output["task_id"], output["task_status"], output["code"]) == (failed, "FAILED", "InternalError.Algo")
    assert output["message"] == "this prompt cannot be drawn"
    assert answer["usage"] is None


def test_v2_sends_choices(made_v2: tuple[Told, Path], server: Server) -> None:
    told, _ = made_v2
    video = views.as_openai(server, told["chosen"]["task_id"])
    assert {name: video[name] for name in CHOSEN} == CHOSEN
    assert (told["lora"]["code"], told["lora"]["status_code"]) == ("InvalidParameter", 400)


def test_v2_generates(made_v2: tuple[Told, Path], server: Server) -> None:
    told, folder = made_v2
    video = told["video"]
    assert video["status"] == "SUCCEEDED"
    assert all(TIME.fullmatch(video[name]) for name in ("submitted_at", "scheduled_at", "finished_at"))
    assert video["output"]["orig_prompt"] == "a 猫 by v2"
    usage = {name: video["usage"][name] for name in ("video_count", "video_duration", "video_ratio")}
    assert usage == {"video_count": 1, "video_duration": 5, "video_ratio": "832*480"}
    assert video["request_id"]
    views.assert_video(folder / "video.mp4")
    assert told["fetched"]["task_id"] == video["task_id"]
    assert server.poll(video["task_id"])["orig_prompt"] == "a 猫 by v2"


def test_v2_sees_and_lists_what_others_made(made_v2: tuple[Told, Path], submitted: str) -> None:
    """Its list reads other keys than the vendor's page has: it would be empty, and silently so."""
    told, _ = made_v2
    assert (told["other"]["task_id"], told["other"]["status"]) == (submitted, "SUCCEEDED")
    assert told["unknown"]["status"] == "UNKNOWN"
    listed = told["listed"]
    ids = [task["task_id"] for task in listed["tasks"]]
    assert ids.index(told["video"]["task_id"]) < ids.index(submitted)
    assert {task["status"] for task in listed["tasks"]} == {"SUCCEEDED"}
    assert all(TIME.fullmatch(task["finished_at"]) for task in listed["tasks"])
    assert listed["total"] == len(ids)


@pytest.mark.parametrize(
    ("what", "kind", "status", "code"),
    [
        ("late", "BadRequestError", 400, "UnsupportedOperation"),
        ("size", "BadRequestError", 400, "InvalidParameter"),
        ("model", "BadRequestError", 400, "InvalidParameter"),
        ("key", "AuthenticationError", 401, "InvalidApiKey"),
        ("key_of_list", "AuthenticationError", 401, "InvalidApiKey"),
    ],
)
def test_v2_raises_its_own_errors(made_v2: tuple[Told, Path], what: str, kind: str, status: int, code: str) -> None:
    error = made_v2[0][what]
    assert (error["class"], error["status_code"], error["code"]) == (kind, status, code)
    assert "DashScopeError" in error["bases"]
    assert re.fullmatch(r"[0-9a-f-]{36}", error["request_id"])


def test_v2_cancels_a_task_that_waits(queued_v2: Told, idle: Server) -> None:
    task_id = queued_v2["task"]["task_id"]
    assert queued_v2["task"]["status"] == queued_v2["pending"]["status"] == "PENDING"
    assert queued_v2["canceled"]["is_error"] is False
    assert queued_v2["fetched"]["status"] == "CANCELED"
    assert "was canceled while waiting" in queued_v2["waited"]["text"]
    assert (queued_v2["again"]["class"], queued_v2["again"]["code"]) == ("BadRequestError", "UnsupportedOperation")
    assert [task["task_id"] for task in queued_v2["listed"]["tasks"]] == [task_id]
    assert idle.poll(task_id)["task_status"] == "CANCELED"


def test_v2_raises_for_a_failed_task(queued_v2: Told) -> None:
    error = queued_v2["failed"]
    assert "DashScopeError" in error["bases"]
    assert error["code"] == "InternalError.Algo"
    assert "this prompt cannot be drawn" in error["text"]


def command(server: Server, folder: Path, *arguments: str, key: str | None = None) -> subprocess.CompletedProcess[str]:
    """`dashscope video-synthesis` with these arguments."""
    return run([program("dashscope", "dashscope"), "video-synthesis", *arguments], server, folder, key=key)


def printed(done: subprocess.CompletedProcess[str]) -> list[Any]:
    """The JSON values that a command has printed one after another."""
    assert done.returncode == 0, done.stderr
    values, rest, decoder = [], done.stdout.strip(), json.JSONDecoder()
    while rest:
        value, end = decoder.raw_decode(rest)
        values.append(value)
        rest = rest[end:].lstrip()
    return values


def test_the_command_line_makes_a_video_and_finds_it_again(server: Server, submitted: str, tmp_path: Path) -> None:
    output, usage = printed(
        command(server, tmp_path, "create", "-m", MODEL, "-p", "a cat by hand", "--size", "832*480")
    )
    assert (output["task_status"], output["orig_prompt"]) == ("SUCCEEDED", "a cat by hand")
    assert usage == {"video_count": 1, "video_duration": 5, "video_ratio": "832*480"}
    with urllib.request.urlopen(output["video_url"], timeout=60) as response:
        (tmp_path / "video.mp4").write_bytes(response.read())
    views.assert_video(tmp_path / "video.mp4")
    (waited,) = printed(command(server, tmp_path, "wait", output["task_id"]))
    assert waited["task_status"] == "SUCCEEDED"
    (other,) = printed(command(server, tmp_path, "fetch", submitted))
    assert other["orig_prompt"] == "a task of another dialect"
    (listed,) = printed(command(server, tmp_path, "list", "--size", "100", "--status", "SUCCEEDED"))
    ids = [row["task_id"] for row in listed["data"]]
    assert ids.index(output["task_id"]) < ids.index(submitted)


def test_the_command_line_cancels_a_task_that_waits(idle: Server, tmp_path: Path) -> None:
    task_id = idle.submit("the command line's")
    done = command(idle, tmp_path, "cancel", task_id)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Cancel video synthesis task: {task_id} success" in done.stdout
    assert idle.poll(task_id)["task_status"] == "CANCELED"
    again = command(idle, tmp_path, "cancel", task_id)
    assert again.returncode == 3
    assert f"code: UnsupportedOperation, message: {NOT_CANCELED}" in again.stderr


def test_the_command_line_tells_a_refusal(server: Server, idle: Server, failed: str, tmp_path: Path) -> None:
    """With the exit status that it has for each: 2 is the key's, 3 the parameters'."""
    wrong_key = command(server, tmp_path, "list", key="sk-wrong")
    assert wrong_key.returncode == 2
    assert "code: InvalidApiKey, message: Invalid API-key provided." in wrong_key.stderr
    wrong_size = command(server, tmp_path, "create", "-m", MODEL, "-p", "a cat", "--size", "1*1")
    assert wrong_size.returncode == 1
    assert "parameters.size" in wrong_size.stderr
    (unknown,) = printed(command(server, tmp_path, "fetch", UNKNOWN))
    assert unknown["task_status"] == "UNKNOWN"
    why = command(idle, tmp_path, "fetch", failed)
    assert why.returncode == 1
    assert "code: InternalError.Algo, message: this prompt cannot be drawn" in why.stderr
