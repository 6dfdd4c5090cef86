"""Moderation by the installed command: a server with a list and an endpoint, its clients, and what stops a start."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.server import POLL, SUBMIT, Server, running, wanserve
from tests.integration.scripted import Reply, refuse
from tests.integration.test_moderation_endpoint import until
from tests.moderators import KEY, Judge, judging

PROBLEM = "the rules of this server do not allow this text"


@dataclass(frozen=True)
class Moderated:
    """A server that judges and makes nothing, its list, and its endpoint."""

    server: Server
    deny: Path
    judge: Judge

    def told(self, prompt: str) -> tuple[int, str]:
        """The status and the code of a submit."""
        answer = self.server.post(SUBMIT, {"model": "wan2.2-t2v-plus", "input": {"prompt": prompt}})
        return answer.status_code, str(answer.json().get("code", ""))


@pytest.fixture(scope="module")
def deny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("lists") / "deny.txt"
    file.write_text("# ours\ngore\n裸体\n/gr[ae]y (cat|dog)/\n", encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def moderated(tmp_path_factory: pytest.TempPathFactory, deny: Path) -> Iterator[Moderated]:
    data = tmp_path_factory.mktemp("moderated") / "data"
    with judging() as judge:
        judges = f"{deny},{judge.url}/v1"
        with running(data, "--no-worker", submit_rps="1000", moderation=judges, moderation_key=KEY) as server:
            yield Moderated(server, deny, judge)


def refused(*arguments: str, **settings: str) -> str:
    """The one line of a command that fails."""
    done = wanserve(*arguments, **settings)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("wanserve: ")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


def test_list_and_endpoint_refuse_and_what_passes_is_queued(moderated: Moderated) -> None:
    for prompt in ("GORE", "她是裸 体", "a grey dog", "blood"):
        assert moderated.told(prompt) == (400, "DataInspectionFailed")
    task_id = moderated.server.submit("a cat")
    assert moderated.server.post(POLL, {"task_id": task_id}).json()["output"]["task_status"] == "PENDING"
    assert moderated.judge.asked[-1].headers["authorization"] == f"Bearer {KEY}"


def test_the_log_of_a_server_tells_that_it_refused_and_nothing_of_what(moderated: Moderated) -> None:
    assert moderated.told("a secretive gore")[0] == 400
    assert moderated.told("a secretive blood")[0] == 400
    log = moderated.server.log.read_text()
    assert "moderation: a list of 3 entries and an endpoint: it answers" in log
    assert "a submit was refused by the list: prompt" in log
    assert "a submit was refused by the endpoint: prompt" in log
    for secret in ("secretive", "gore", "blood", "violence", KEY):
        assert secret not in log


def test_down_it_is_closed_and_up_again_it_judges(moderated: Moderated) -> None:
    moderated.judge.answer = refuse(500)
    try:
        assert moderated.told("a cat") == (503, "ModelUnavailable")
        assert moderated.server.ready()
    finally:
        moderated.judge.answer = None
    until(lambda: "it answers" in moderated.server.http.get(f"{moderated.server.url}/readyz").json()["moderation"])
    assert moderated.told("blood") == (400, "DataInspectionFailed")


def test_generate_through_a_server_tells_its_refusal(moderated: Moderated, tmp_path: Path) -> None:
    through = ("--url", moderated.server.url, "--key", moderated.server.key, "-o", str(tmp_path / "x.mp4"))
    assert refused("generate", "blood", *through) == f"wanserve: prompt: {PROBLEM} (violence)"
    assert f"negative_prompt: {PROBLEM}" in refused("generate", "a cat", "--negative", "gore", *through)
    assert list(tmp_path.iterdir()) == []


def test_generate_without_a_server_judges_before_it_makes_anything(deny: Path, tmp_path: Path) -> None:
    out, size = tmp_path / "x.mp4", ("--size", "640*480")
    with judging() as judge:
        judges = {"moderation": f"{deny},{judge.url}"}
        assert refused("generate", "gore", "-o", str(out), **judges) == f"wanserve: prompt: {PROBLEM}"
        both = ("generate", "a cat", "blood", "-o", str(out))
        assert refused(*both, **judges) == f"wanserve: prompt: {PROBLEM} (violence)"
        negative = ("generate", "a cat", "--negative", "some gore", "-o", str(out))
        assert refused(*negative, **judges) == f"wanserve: negative_prompt: {PROBLEM}"
        assert list(tmp_path.iterdir()) == []
        judge.answer = refuse(503)
        assert "The moderation of prompts is not available" in refused("generate", "a cat", "-o", str(out), **judges)
        assert list(tmp_path.iterdir()) == []
        opened = wanserve("generate", "a cat", "-o", str(out), *size, **judges, moderation_down="open")
        assert opened.returncode == 0, opened.stderr
    assert out.stat().st_size > 0


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (refuse(401), "the endpoint answered with HTTP status 401"),
        (refuse(404), "the endpoint answered with HTTP status 404"),
        (Reply(200, (b"<html>hello</html>",)), "the answer is not JSON in UTF-8"),
    ],
)
def test_an_endpoint_that_refuses_or_answers_nonsense_stops_the_start(
    tmp_path: Path, answer: Reply, problem: str
) -> None:
    with judging() as judge:
        judge.answer = answer
        line = refused("serve", "--port", "0", "--data-dir", str(tmp_path / "data"), moderation=judge.url)
    assert line == f"wanserve: moderation: {judge.url}: {problem}"


def test_a_list_that_cannot_be_used_stops_the_start_and_a_worker_needs_none(tmp_path: Path) -> None:
    file, serve = tmp_path / "deny.txt", ("serve", "--port", "0", "--data-dir", str(tmp_path / "data"))
    none = f"wanserve: moderation: the list {file} cannot be read: No such file or directory"
    assert refused(*serve, moderation=str(file)) == none
    for text, problem in (("", "it has no entry"), ("ok\n/(/", r"line 2 is not a regular expression: .*")):
        file.write_text(text)
        assert re.fullmatch(f"wanserve: moderation: the list {file}: {problem}", refused(*serve, moderation=str(file)))
    missing = "wanserve: WANSERVE_DATABASE_URL is not set"
    assert refused("worker", "--data-dir", str(tmp_path / "data"), moderation="no-such-file").startswith(missing)


def test_doctor_fails_where_the_endpoint_gives_no_verdict(tmp_path: Path, deny: Path) -> None:
    with judging() as judge:
        judge.answer = refuse(500)
        done = wanserve("doctor", "--data-dir", str(tmp_path / "data"), moderation=f"{deny},{judge.url}")
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if " moderation: " in line]
    assert re.fullmatch(
        r"MISSING moderation: a list of 3 entries and an endpoint: no verdict since \S+Z: .* status 500", line
    )
