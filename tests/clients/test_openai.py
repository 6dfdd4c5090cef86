"""OpenAI's SDK for Python, 2.54.0 and 3.57.0."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.choices import CHOSEN
from tests.choices import MODEL as CHOOSABLE
from tests.clients import views
from tests.clients.clients import told
from tests.clients.lossy import lossy
from tests.clients.views import MODEL
from tests.e2e.server import Server

Told = dict[str, Any]
NAMES = ["wan2.2-t2v-plus", "wanx2.1-t2v-turbo", "wanx2.1-t2v-plus"]


@pytest.fixture(scope="module", params=["openai2", "openai3"])
def client(request: pytest.FixtureRequest) -> str:
    """The environment of one of the versions."""
    return str(request.param)


@pytest.fixture(scope="module")
def made(client: str, server: Server, submitted: str, tmp_path_factory: Any) -> tuple[Told, Path]:
    """What the client tells of a server that makes videos, and the folder with its downloads."""
    folder = tmp_path_factory.mktemp(client)
    return told(client, "openai_sdk.py", server, folder, "made", views.video_id(submitted)), folder


@pytest.fixture(scope="module")
def queued(client: str, idle: Server, failed: str, tmp_path_factory: Any) -> Told:
    """What the client tells of a server that makes none."""
    return told(client, "openai_sdk.py", idle, tmp_path_factory.mktemp(client), "queued", views.video_id(failed))


def test_it_is_the_version_that_is_meant(client: str, made: tuple[Told, Path]) -> None:
    assert made[0]["version"] == {"openai2": "2.54.0", "openai3": "3.57.0"}[client]


def test_create_and_poll_ends_with_the_video(made: tuple[Told, Path], server: Server) -> None:
    """Its form's own fields and the extra ones count, and the other dialects tell of the same task."""
    told, folder = made
    video = told["video"]
    assert re.fullmatch(r"video_[0-9a-f]{32}", video["id"])
    assert (video["object"], video["status"], video["progress"], video["error"]) == ("video", "completed", 100, None)
    assert (video["model"], video["size"], video["seconds"]) == (MODEL, "832x480", "5")
    assert (video["prompt"], video["remixed_from_video_id"]) == ("an 猫 by openai", None)
    assert video["created_at"] <= video["completed_at"] < video["expires_at"]
    assert told["retrieved"] == video
    views.assert_video(folder / "video")
    task = views.task_id(video["id"])
    assert server.poll(task)["orig_prompt"] == "an 猫 by openai"
    assert "actual_prompt" not in views.as_dashscope(server, task)  # prompt_extend=False came through


def test_choices_are_sent_in_its_form_and_its_answers_have_them(made: tuple[Told, Path]) -> None:
    every, one = made[0]["chosen"]
    assert {name: every[name] for name in CHOSEN} == CHOSEN
    assert one["loras"] == [{"name": "sketch", "strength": 0.5}]
    assert "profile" not in one
    choices = {model["id"]: model.get("choices") for model in made[0]["models"]}
    assert (choices[CHOOSABLE]["max_loras"], choices[MODEL]) == (2, None)


def test_the_content_is_the_video_and_its_stills(made: tuple[Told, Path]) -> None:
    told, folder = made
    assert told["kind"] == "video/mp4"
    assert (folder / "streamed").read_bytes() == (folder / "video").read_bytes()
    views.assert_stills(folder / "thumbnail", folder / "spritesheet")


def test_the_clients_own_length_of_four_seconds_is_made(made: tuple[Told, Path]) -> None:
    assert (made[0]["short"]["status"], made[0]["short"]["seconds"]) == ("completed", "4")
    views.assert_video(made[1] / "short", frames=120)


def test_a_task_of_the_documents_api_is_seen(made: tuple[Told, Path], submitted: str) -> None:
    other = made[0]["other"]
    assert (other["id"], other["status"]) == (views.video_id(submitted), "completed")
    assert other["prompt"] == "a task of another dialect"


def test_a_remix_takes_over_the_settings_and_can_be_deleted(made: tuple[Told, Path]) -> None:
    told, _ = made
    remix = told["remix"]
    assert (remix["status"], remix["prompt"]) == ("completed", "in the rain")
    assert remix["remixed_from_video_id"] == told["video"]["id"]
    assert (remix["model"], remix["size"], remix["seconds"]) == (MODEL, "832x480", "5")
    assert told["deleted"] == {"id": remix["id"], "object": "video.deleted", "deleted": True}
    assert (told["gone"]["class"], told["gone"]["code"]) == ("NotFoundError", "not_found")


def test_the_models_are_listed(made: tuple[Told, Path]) -> None:
    told, _ = made
    assert [model["id"] for model in told["models"]] == NAMES
    assert told["model"] in told["models"]
    assert {model["object"] for model in told["models"]} == {"model"}


@pytest.mark.parametrize(
    ("what", "kind", "status", "code", "param"),
    [
        ("size", "BadRequestError", 400, "invalid_value", "size"),
        ("named", "BadRequestError", 400, "invalid_value", "model"),
        ("seconds", "BadRequestError", 400, "invalid_value", "seconds"),
        ("blank", "BadRequestError", 400, "invalid_value", "prompt"),
        ("seed", "BadRequestError", 400, "invalid_value", "seed"),
        ("lora", "BadRequestError", 400, "invalid_value", "loras"),
        ("picture", "BadRequestError", 400, "unsupported_parameter", "input_reference"),
        ("edit", "BadRequestError", 400, "unsupported", None),
        ("character", "NotFoundError", 404, "unsupported", None),
        ("unknown", "NotFoundError", 404, "not_found", None),
        ("unknown_model", "NotFoundError", 404, "model_not_found", None),
        ("key", "AuthenticationError", 401, "invalid_api_key", None),
        ("key_of_create", "AuthenticationError", 401, "invalid_api_key", None),
    ],
)
def test_a_refusal_is_the_clients_own_error(
    made: tuple[Told, Path], what: str, kind: str, status: int, code: str, param: str | None
) -> None:
    """With its class, its code and the field; the request's id is in a header."""
    error = made[0][what]
    assert (error["class"], error["status_code"], error["code"], error["param"]) == (kind, status, code, param)
    assert error["type"] == "invalid_request_error"
    assert re.fullmatch(r"[0-9a-f-]{36}", error["request_id"])


def test_the_pager_goes_through_all_pages_in_both_orders(queued: Told) -> None:
    """Two or three on each page; nothing twice and nothing left out."""
    assert queued["page"] == 2
    five, named = queued["five"], queued["named"][0]
    assert queued["newest"][:6] == [named, *reversed(five)]
    assert len(set(queued["newest"])) == len(queued["newest"])
    assert queued["oldest"] == [*five[1:], named]


def test_what_waits_is_queued_and_has_no_content(queued: Told) -> None:
    first = queued["first"]
    assert (first["status"], first["progress"], first["model"]) == ("queued", 0, "wanx2.1-t2v-turbo")
    for early in (queued["early"], queued["early_remix"]):
        # Not of a kind that the client sends again by itself.
        assert (early["class"], early["code"]) == ("NotFoundError", "video_not_ready")
    assert queued["deleted"]["deleted"] is True
    assert queued["gone"]["class"] == "NotFoundError"


def test_a_submit_of_the_same_name_is_the_same_video(queued: Told) -> None:
    assert len(set(queued["named"])) == 1
    assert (queued["misnamed"]["class"], queued["misnamed"]["param"]) == ("BadRequestError", "Idempotency-Key")


def test_a_failed_video_tells_why(queued: Told) -> None:
    video = queued["failed"]
    assert video["status"] == "failed"
    # 3.x has more keys for it, all of them None.
    assert (video["error"]["code"], video["error"]["message"]) == ("engine_failed", "this prompt cannot be drawn")


def test_what_the_client_sends_again_is_one_video(client: str, idle: Server, tmp_path: Path) -> None:
    """The answer to its first try is lost on the way: it resends by itself, and gets what the first try made."""
    prompt = f"sent twice by {client}"
    with lossy(idle) as (seen, requests):
        video = told(client, "openai_sdk.py", seen, tmp_path, "resent", prompt)["video"]
    tries = [re.search(rb"(?i)x-stainless-retry-count: (\d)", head) for head in requests]
    assert [found and found[1] for found in tries] == [b"0", b"1"]
    headers = {"Authorization": f"Bearer {idle.key}"}
    listed = idle.http.get(f"{idle.url}/v1/videos?limit=100", headers=headers).json()["data"]
    assert [(one["id"], one["prompt"]) for one in listed if one["prompt"] == prompt] == [(video["id"], prompt)]
