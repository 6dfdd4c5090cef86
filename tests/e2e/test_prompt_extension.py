"""Prompt extension end to end: the child asks a chat endpoint on the loopback interface; a poll has the new prompt."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.server import Server, running, wanserve
from tests.integration.test_extension import GOOD, GOOD_CHINESE, KEY, Endpoint, Reply, answers_with, status

PROMPT = "A kitten running in the moonlight"


@dataclass(frozen=True)
class Extending:
    """A server that extends prompts, and the chat endpoint that it asks."""

    server: Server
    endpoint: Endpoint

    def actual_prompt(self, reply: Reply, prompt: str = PROMPT, extend: bool | None = None) -> object:
        """Submit the prompt while the endpoint gives this reply, and return the prompt that was used."""
        self.endpoint.requests.clear()
        self.endpoint.script = [reply]
        output = self.server.wait(self.server.submit(prompt, seed=7, prompt_extend=extend), "SUCCEEDED")
        assert output["orig_prompt"] == prompt
        return output["actual_prompt"]


@pytest.fixture(scope="module")
def extending(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Extending]:
    endpoint = Endpoint()
    data, url = tmp_path_factory.mktemp("extending") / "data", f"{endpoint.root}/v1"
    try:
        with running(data, submit_rps="1000", llm_url=url, llm_key=KEY, llm_model="a-model") as server:
            yield Extending(server, endpoint)
    finally:
        endpoint.close()


def test_a_short_prompt_is_written_out_and_the_poll_tells_it(extending: Extending) -> None:
    assert extending.actual_prompt(answers_with(GOOD)) == GOOD
    (request,) = extending.endpoint.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert (request.body["model"], request.body["seed"]) == ("a-model", 7)
    assert request.body["messages"][1] == {"role": "user", "content": PROMPT}


def test_a_chinese_prompt_is_written_out_in_chinese(extending: Extending) -> None:
    assert extending.actual_prompt(answers_with(GOOD_CHINESE), "一只小猫在月光下奔跑", extend=True) == GOOD_CHINESE


def test_who_wants_no_extension_gets_none(extending: Extending) -> None:
    assert extending.actual_prompt(answers_with(GOOD), extend=False) == PROMPT
    assert extending.endpoint.requests == []


def test_an_endpoint_that_fails_costs_only_the_extension(extending: Extending) -> None:
    assert extending.actual_prompt(status(401)) == PROMPT
    assert len(extending.endpoint.requests) == 1
    assert "the prompt was not extended, and is used as it was sent" in extending.server.log.read_text()


def test_without_an_endpoint_the_prompt_is_drawn_as_it_was_sent(server: Server) -> None:
    output = server.wait(server.submit(PROMPT, prompt_extend=True), "SUCCEEDED")
    assert output["orig_prompt"] == output["actual_prompt"] == PROMPT


def test_neither_the_key_nor_a_prompt_is_in_the_log_or_on_a_command_line(extending: Extending) -> None:
    extending.actual_prompt(answers_with(GOOD))
    extending.actual_prompt(status(500, f'{{"error": "{KEY} {PROMPT}"}}'.encode()))
    log = extending.server.log.read_text()
    commands = [Path(f"/proc/{pid}/cmdline").read_text() for pid in pids(extending.server)]
    for text in (log, *commands):
        assert not [told for told in (KEY, PROMPT, GOOD, GOOD[:40], "kitten") if told in text]


def pids(server: Server) -> list[int]:
    return [server.process.pid, server.child_pid()]


def test_a_video_without_a_server_is_extended_too(extending: Extending, tmp_path: Path) -> None:
    extending.endpoint.script = [answers_with(GOOD)]
    extending.endpoint.requests.clear()
    url = f"{extending.endpoint.root}/v1"
    out = tmp_path / "out.mp4"
    done = wanserve("generate", PROMPT, "--size", "640*480", "-o", str(out), llm_url=url, llm_model="a-model")
    assert (done.returncode, done.stdout) == (0, f"{out}\n"), done.stderr
    (request,) = extending.endpoint.requests
    assert "Authorization" not in request.headers


def test_half_of_an_endpoint_stops_the_start(tmp_path: Path) -> None:
    refused = wanserve("serve", "--data-dir", str(tmp_path / "data"), llm_url="http://127.0.0.1:9/v1")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "wanserve: llm_url and llm_model belong together: set both or neither\n"
    assert list(tmp_path.iterdir()) == []
