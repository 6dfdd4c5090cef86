"""litellm 1.110.2, by its two providers that speak to servers such as this one."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clients import views
from tests.clients.clients import told
from tests.clients.views import MODEL
from tests.e2e.server import Server

Told = dict[str, Any]


@pytest.fixture(scope="module", params=["openai", "hosted_vllm"])
def provider(request: pytest.FixtureRequest) -> str:
    """How litellm names the kind of server."""
    return str(request.param)


@pytest.fixture(scope="module")
def made(provider: str, server: Server, submitted: str, tmp_path_factory: Any) -> tuple[Told, Path]:
    """What it tells, and the folder with its downloads."""
    folder = tmp_path_factory.mktemp(provider)
    return told("openai3", "litellm_sdk.py", server, folder, provider, views.video_id(submitted)), folder


def test_a_video_is_generated(provider: str, made: tuple[Told, Path], server: Server) -> None:
    """Its ids are its own; the list of the server's tells which video it is."""
    told, folder = made
    first, video = told["first"], told["video"]
    assert (first["object"], first["status"], first["model"]) == ("video", "queued", MODEL)
    assert (video["status"], video["progress"], video["error"]) == ("completed", 100, None)
    assert (video["size"], video["seconds"]) == ("832x480", "5")
    views.assert_video(folder / "video")
    headers = {"Authorization": f"Bearer {server.key}"}
    ours = server.http.get(f"{server.url}/v1/videos?limit=100", headers=headers).json()["data"]
    (one,) = [one for one in ours if one["prompt"] == f"a 猫 by {provider}"]
    assert one["created_at"] == video["created_at"]
    assert server.poll(views.task_id(one["id"]))["task_status"] == "SUCCEEDED"


def test_the_stills_are_fetched(made: tuple[Told, Path]) -> None:
    views.assert_stills(made[1] / "thumbnail", made[1] / "spritesheet")


def test_a_remix_takes_over_the_settings(made: tuple[Told, Path]) -> None:
    remix = made[0]["remix"]
    assert (remix["status"], remix["size"], remix["model"]) == ("completed", "832x480", MODEL)
    assert remix["remixed_from_video_id"]


def test_others_videos_are_seen_and_listed(made: tuple[Told, Path]) -> None:
    told, _ = made
    assert told["other"]["status"] == "completed"
    prompts = [video["prompt"] for video in told["listed"]]
    assert "a task of another dialect" in prompts
    assert prompts[0] == "in the rain"


@pytest.mark.parametrize(
    ("what", "kind", "status", "code"),
    [
        ("size", "BadRequestError", 400, "invalid_value"),
        ("unknown", "NotFoundError", 404, "not_found"),
        ("key", "AuthenticationError", 401, "invalid_api_key"),
    ],
)
def test_a_refusal_is_its_own_error_with_our_code(
    made: tuple[Told, Path], what: str, kind: str, status: int, code: str
) -> None:
    """Of the class of its status, with our body as its text."""
    error = made[0][what]
    assert (error["class"], error["status_code"]) == (kind, status), error
    assert json.loads(error["text"].partition("Exception - ")[2])["error"]["code"] == code
