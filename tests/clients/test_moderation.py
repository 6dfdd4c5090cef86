"""What the vendors' own clients make of a text that the server's rules do not allow."""

from collections.abc import Iterator

import pytest

from tests.clients.clients import told
from tests.e2e.server import Server, running

WORD = "gore"
FIELDS = ["prompt", "negative_prompt"]


@pytest.fixture(scope="module")
def moderated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("moderated")
    (folder / "deny.txt").write_text(WORD, encoding="utf-8")
    with running(folder / "data", "--no-worker", cwd=folder, moderation="deny.txt") as server:
        yield server


@pytest.mark.parametrize("client", ["openai2", "openai3"])
def test_openais_client_raises_its_bad_request_with_code_and_field(
    moderated: Server, client: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    refused = told(client, "openai_sdk.py", moderated, tmp_path_factory.mktemp(client), "moderated", WORD)
    for field in FIELDS:
        error = refused[field]
        assert error["class"] == "BadRequestError"
        assert (error["status_code"], error["code"], error["param"]) == (400, "moderation_blocked", field)
        assert error["type"] == "video_generation_user_error"
        assert WORD not in error["text"]


def test_dashscopes_first_client_has_the_vendors_code_and_text(
    moderated: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    refused = told("dashscope", "dashscope_v1.py", moderated, tmp_path_factory.mktemp("v1"), "moderated", WORD)
    for field in FIELDS:
        answer = refused[field]
        assert (answer["status_code"], answer["code"]) == (400, "DataInspectionFailed")
        assert answer["message"].startswith("Input text data may contain inappropriate content.")
        assert f"input.{field}" in answer["message"]


def test_dashscopes_second_client_raises_the_vendors_code(
    moderated: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    refused = told("dashscope", "dashscope_v2.py", moderated, tmp_path_factory.mktemp("v2"), "moderated", WORD)
    assert (refused["prompt"]["status_code"], refused["prompt"]["code"]) == (400, "DataInspectionFailed")
