"""The clients in JavaScript: openai 7.57.0, and @ai-sdk/alibaba 2.0.58 by ai 7.0.173."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.choices import CHOSEN
from tests.clients import views
from tests.clients.clients import told
from tests.clients.lossy import lossy
from tests.clients.views import MODEL
from tests.e2e.server import Server

Told = dict[str, Any]


@pytest.fixture(scope="module")
def openai(server: Server, submitted: str, tmp_path_factory: Any) -> tuple[Told, Path]:
    """What OpenAI's SDK tells, and the folder with its downloads."""
    folder = tmp_path_factory.mktemp("openai")
    return told("node", "openai_sdk.mjs", server, folder, "made", views.video_id(submitted)), folder


@pytest.fixture(scope="module")
def alibaba(server: Server, tmp_path_factory: Any) -> tuple[Told, Path]:
    """What Vercel's SDK tells, and the folder with its download."""
    folder = tmp_path_factory.mktemp("alibaba")
    return told("node", "alibaba_ai_sdk.mjs", server, folder, "made"), folder


def test_openai_makes_a_video(openai: tuple[Told, Path], server: Server, submitted: str) -> None:
    told, folder = openai
    video = told["video"]
    assert (video["status"], video["progress"], video["error"]) == ("completed", 100, None)
    assert (video["model"], video["size"], video["seconds"]) == (MODEL, "832x480", "5")
    views.assert_video(folder / "video")
    views.assert_stills(folder / "thumbnail", folder / "spritesheet")
    assert told["kind"] == "video/mp4"
    assert server.poll(views.task_id(video["id"]))["orig_prompt"] == "an 猫 by node"
    assert told["other"]["prompt"] == "a task of another dialect"
    # Its pages of two, one after another.
    assert told["listed"].index(video["id"]) < told["listed"].index(views.video_id(submitted))
    assert len(set(told["listed"])) == len(told["listed"])
    assert told["models"] == ["wan2.2-t2v-plus", "wanx2.1-t2v-turbo", "wanx2.1-t2v-plus"]


def test_openai_sends_choices_and_has_them_in_its_answer(openai: tuple[Told, Path]) -> None:
    assert {name: openai[0]["chosen"][name] for name in CHOSEN} == CHOSEN


def test_openai_remixes_and_deletes(openai: tuple[Told, Path]) -> None:
    told, _ = openai
    assert told["remix"]["remixed_from_video_id"] == told["video"]["id"]
    assert told["deleted"] == {"id": told["remix"]["id"], "object": "video.deleted", "deleted": True}
    assert told["remix"]["id"] not in told["listed"]


@pytest.mark.parametrize(
    ("what", "kind", "status", "code", "param"),
    [
        ("unknown", "NotFoundError", 404, "not_found", None),
        ("size", "BadRequestError", 400, "invalid_value", "size"),
        ("picture", "BadRequestError", 400, "unsupported_parameter", "input_reference"),
        ("edit", "BadRequestError", 400, "unsupported", None),
        ("key", "AuthenticationError", 401, "invalid_api_key", None),
    ],
)
def test_a_refusal_is_openais_own_error(
    openai: tuple[Told, Path], what: str, kind: str, status: int, code: str, param: str | None
) -> None:
    error = openai[0][what]
    assert (error["class"], error["status"], error["code"], error["param"]) == (kind, status, code, param)
    assert error["type"] == "invalid_request_error"
    assert re.fullmatch(r"[0-9a-f-]{36}", error["requestID"])


def test_what_openai_sends_again_is_one_video(idle: Server, tmp_path: Path) -> None:
    """The answer to its first try is lost on the way: it resends by itself, and gets what the first try made."""
    prompt = "sent twice by node"
    with lossy(idle) as (seen, requests):
        video = told("node", "openai_sdk.mjs", seen, tmp_path, "resent", prompt)["video"]
    tries = [re.search(rb"(?i)x-stainless-retry-count: (\d)", head) for head in requests]
    assert [found and found[1] for found in tries] == [b"0", b"1"]
    headers = {"Authorization": f"Bearer {idle.key}"}
    listed = idle.http.get(f"{idle.url}/v1/videos?limit=100", headers=headers).json()["data"]
    assert [one["id"] for one in listed if one["prompt"] == prompt] == [video["id"]]


def test_the_ai_sdk_makes_a_video(alibaba: tuple[Told, Path], server: Server) -> None:
    """It asks as the vendor's API is asked, and knows the task by its id."""
    told, folder = alibaba
    assert (told["kind"], told["warnings"]) == ("video/mp4", [])
    views.assert_video(folder / "video")
    output = server.poll(told["metadata"]["taskId"])
    assert (output["task_status"], output["orig_prompt"]) == ("SUCCEEDED", "an 猫 by the AI SDK")
    assert views.as_openai(server, told["metadata"]["taskId"])["size"] == "832x480"


def test_what_the_ai_sdk_sends_again_is_one_task(server: Server, tmp_path: Path) -> None:
    """It names each call by an idempotency key of its own, and sends the same again when the answer is lost."""
    prompt = "sent twice by the AI SDK"
    with lossy(server) as (seen, requests):
        metadata = told("node", "alibaba_ai_sdk.mjs", seen, tmp_path, "resent", prompt)["metadata"]
    submits = [head for head in requests if head.startswith(b"POST ")]
    keys = [re.search(rb"(?im)^idempotency-key: (\S+)", head) for head in submits]
    assert [bool(key) for key in keys] == [True, True]
    assert len({key[1] for key in keys if key}) == 1
    headers = {"Authorization": f"Bearer {server.key}"}
    listed = server.http.get(f"{server.url}/v1/videos?limit=100", headers=headers).json()["data"]
    assert [views.task_id(one["id"]) for one in listed if one["prompt"] == prompt] == [metadata["taskId"]]


@pytest.mark.parametrize(
    ("what", "status", "text"),
    [("size", 400, "parameters.size"), ("model", 400, "Model not exist."), ("key", 401, "Invalid API-key provided.")],
)
def test_a_refusal_is_the_ai_sdks_own_error(alibaba: tuple[Told, Path], what: str, status: int, text: str) -> None:
    error = alibaba[0][what]
    assert (error["class"], error["statusCode"], error["isRetryable"]) == ("APICallError", status, False)
    assert text in error["text"]
