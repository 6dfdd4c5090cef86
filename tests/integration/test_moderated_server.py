"""Each door of a server that moderates: its form of a refusal, nothing stored, and who waits for an endpoint that hangs."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.scripted import refuse
from tests.integration.studio_site import Site, serving, told
from tests.integration.test_moderation_endpoint import until
from tests.moderators import KEY, Judge, judging
from wanserve.cli.findings import examine_moderation
from wanserve.client import ModerationBlocked, ServerFailed, Wan
from wanserve.domain.task import State
from wanserve.prompts.deny_list import read_deny_list
from wanserve.prompts.moderation import Moderation
from wanserve.prompts.moderation_endpoint import (
    AT_ONCE,
    BUSY_SECONDS,
    PROBE_SECONDS,
    EndpointAsker,
    ModerationEndpoint,
)
from wanserve.settings import load

DOCUMENT = "/wan-video/v1/generateTextToVideoRequest"
DASHSCOPE = "/api/v1/services/aigc/video-generation/video-synthesis"
VIDEOS = "/v1/videos"
MODEL = "wan2.2-t2v-plus"
PROBLEM = "the rules of this server do not allow this text"


@dataclass(frozen=True)
class Door:
    """One way to submit, and its form of a refusal of a field with the categories, and of no verdict."""

    send: Callable[[httpx.Client, str, str], httpx.Response]
    blocked: Callable[[str, str], dict[str, Any]]
    unavailable: Callable[[int], dict[str, Any]]


def nested(path: str) -> Callable[[httpx.Client, str, str], httpx.Response]:
    def send(http: httpx.Client, prompt: str, negative: str) -> httpx.Response:
        body = {"model": MODEL, "input": {"prompt": prompt, "negative_prompt": negative}, "parameters": {}}
        return http.post(path, json=body)

    return send


def flat(http: httpx.Client, prompt: str, negative: str) -> httpx.Response:
    return http.post(VIDEOS, json={"model": MODEL, "prompt": prompt, "negative_prompt": negative})


def multipart(http: httpx.Client, prompt: str, negative: str) -> httpx.Response:
    fields = {"model": MODEL, "prompt": prompt, "negative_prompt": negative}
    return http.post(VIDEOS, files={name: (None, value) for name, value in fields.items()})


def urlencoded(http: httpx.Client, prompt: str, negative: str) -> httpx.Response:
    return http.post(VIDEOS, data={"model": MODEL, "prompt": prompt, "negative_prompt": negative})


def no_verdict(seconds: int) -> str:
    return f"The moderation of prompts is not available, so no video is accepted. Try again in {seconds} seconds."


def document_form(field: str, told_more: str) -> dict[str, Any]:
    return {
        "error": "Invalid request parameters",
        "statusCode": 400,
        "code": "DataInspectionFailed",
        "message": f"input.{field}: {PROBLEM}{told_more}",
    }


def document_down(seconds: int) -> dict[str, Any]:
    return {
        "error": "An unexpected error occurred, please try again later",
        "statusCode": 503,
        "code": "ModelUnavailable",
        "message": no_verdict(seconds),
    }


def dashscope_form(field: str, told_more: str) -> dict[str, Any]:
    message = f"Input text data may contain inappropriate content. input.{field}: {PROBLEM}{told_more}"
    return {"code": "DataInspectionFailed", "message": message}


def dashscope_down(_: int) -> dict[str, Any]:
    return {"code": "ModelUnavailable", "message": "Model is unavailable, please try again later."}


def openai_form(field: str, told_more: str) -> dict[str, Any]:
    error = {"message": f"{field}: {PROBLEM}{told_more}", "type": "video_generation_user_error", "param": field}
    return {"error": {**error, "code": "moderation_blocked"}}


def openai_down(seconds: int) -> dict[str, Any]:
    error = {"message": no_verdict(seconds), "type": "server_error", "param": None, "code": "server_error"}
    return {"error": error}


DOORS = {
    "document": Door(nested(DOCUMENT), document_form, document_down),
    "dashscope": Door(nested(DASHSCOPE), dashscope_form, dashscope_down),
    "openai json": Door(flat, openai_form, openai_down),
    "openai multipart": Door(multipart, openai_form, openai_down),
    "openai urlencoded": Door(urlencoded, openai_form, openai_down),
}
EACH_DOOR = pytest.mark.parametrize("door", DOORS.values(), ids=DOORS.keys())


@pytest.fixture
def judge() -> Iterator[Judge]:
    with judging() as one:
        yield one


@pytest.fixture
def deny(tmp_path: Path) -> Path:
    file = tmp_path / "deny.txt"
    file.write_text("gore\n裸体\n", encoding="utf-8")
    return file


@pytest.fixture
def site(tmp_path: Path, deny: Path, judge: Judge) -> Iterator[Site]:
    """A server with a list and an endpoint that judges, and may take as long as it likes."""
    asker = EndpointAsker(ModerationEndpoint(f"{judge.url}/v1", KEY), timeout_s=3600)
    asker.begin()
    with serving(tmp_path, Moderation(read_deny_list(deny), asker)) as one:
        yield one


def http_of(site: Site, account: str = "ann") -> httpx.Client:
    key = site.key(account)
    headers = {"Ocp-Apim-Subscription-Key": key, "Authorization": f"Bearer {key}", "X-DashScope-Async": "enable"}
    return site.opened.enter_context(httpx.Client(base_url=site.url, headers=headers, trust_env=False, timeout=60))


def without_id(answer: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    return {name: value for name, value in body.items() if name != "request_id"}


@EACH_DOOR
@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
@pytest.mark.parametrize(
    ("text", "told_more"),
    [("ＧＯＲＥ", ""), ("g\u00adore", ""), ("她是裸 体", ""), ("blood", " (violence)"), ("流血", " (violence)")],
)
def test_a_refusal_has_the_form_of_its_api_and_nothing_is_stored(
    site: Site, door: Door, field: str, text: str, told_more: str
) -> None:
    http = http_of(site)
    before = site.kept()
    texts = (f"a cat, {text}", "dogs") if field == "prompt" else ("a cat", f"dogs, {text}")
    http.headers["Idempotency-Key"] = "order"
    refused = door.send(http, *texts)
    assert refused.status_code == 400
    assert without_id(refused) == door.blocked(field, told_more)
    assert text not in refused.text
    assert "retry-after" not in refused.headers
    assert site.kept() == before
    assert door.send(http, "a cat", "dogs").status_code == 200


@EACH_DOOR
def test_closed_the_answer_while_the_endpoint_is_down_says_when_to_come_back(
    site: Site, judge: Judge, door: Door
) -> None:
    http = http_of(site)
    before = site.kept()
    judge.answer = refuse(500)
    refused = door.send(http, "a cat", "")
    assert refused.status_code == 503
    assert without_id(refused) == door.unavailable(PROBE_SECONDS)
    assert refused.headers["retry-after"] == str(PROBE_SECONDS)
    assert "x-should-retry" not in refused.headers
    assert site.kept() == before
    assert door.send(http, "gore", "").status_code == 400


@EACH_DOOR
def test_open_a_submit_is_accepted_while_the_endpoint_is_down(
    tmp_path: Path, deny: Path, judge: Judge, door: Door
) -> None:
    judge.answer = refuse(500)
    with serving(tmp_path, moderation=f"{deny},{judge.url}", moderation_down="open") as site:
        http = http_of(site)
        assert door.send(http, "blood", "").status_code == 200
        assert door.send(http, "gore", "").status_code == 400


def test_a_repetition_is_neither_judged_nor_refused(site: Site, judge: Judge) -> None:
    http = http_of(site)
    http.headers["Idempotency-Key"] = "order"
    first = nested(DOCUMENT)(http, "a cat", "").json()["output"]["task_id"]
    asked = len(judge.asked)
    judge.answer = refuse(500)
    assert nested(DOCUMENT)(http, "a cat", "").json()["output"]["task_id"] == first
    assert len(judge.asked) == asked


def test_a_remix_is_judged_too(site: Site) -> None:
    http = http_of(site)
    task = site.video()
    path = f"{VIDEOS}/video_{task.id.replace('-', '')}/remix"
    before = site.kept()
    for text, told_more in (("gore", ""), ("blood", " (violence)")):
        refused = http.post(path, json={"prompt": text})
        assert refused.status_code == 400
        assert refused.json() == openai_form("prompt", told_more)
    assert site.kept() == before
    assert http.post(path, json={"prompt": "a dog"}).status_code == 200


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("text", ["gore", "blood"])
def test_the_studio_tells_it_at_the_field_in_both_languages(site: Site, field: str, language: str, text: str) -> None:
    ann = site.signed_in()
    ann.http.headers["accept-language"] = language
    before = site.kept()
    shown = ann.make(**({"prompt": "a cat"} | {field: f"some {text}"}))
    assert shown.status_code == 400
    message = told("problem.moderation_blocked", language)
    assert f'id="{field}-error" role="alert">{message}' in shown.text
    assert f"some {text}" in shown.text, "what was typed stands in the form"
    assert site.kept() == before


def test_the_studio_tells_that_prompts_cannot_be_judged_and_makes_a_video_later(site: Site, judge: Judge) -> None:
    ann = site.signed_in()
    judge.answer = refuse(500)
    shown = ann.make()
    assert shown.status_code == 503
    assert told("problem.moderation_unavailable") in shown.text
    assert site.core.tasks.unfinished() == []


def test_the_studio_makes_nothing_again_that_the_rules_no_longer_allow(site: Site) -> None:
    ann = site.signed_in()
    task = site.video(prompt="blood")
    refused = ann.post(f"/studio/tasks/{task.id}/again", {})
    assert refused.status_code == 400
    assert told("problem.moderation_blocked") in refused.text


def test_the_python_client_has_an_error_of_its_own_for_it(site: Site, judge: Judge) -> None:
    with Wan(site.url, site.key()) as wan:
        with pytest.raises(ModerationBlocked) as refused:
            wan.submit("blood")
        assert (refused.value.status, refused.value.param) == (400, "prompt")
        assert str(refused.value) == f"prompt: {PROBLEM} (violence)"
    judge.answer = refuse(500)
    with Wan(site.url, site.key("ben"), retry_seconds=0) as wan, pytest.raises(ServerFailed, match="not available"):
        wan.submit("a cat")


def test_while_the_endpoint_hangs_polls_lists_and_cancels_are_answered(site: Site, judge: Judge) -> None:
    http = http_of(site)
    task = nested(DOCUMENT)(http, "a cat", "").json()["output"]["task_id"]
    while judge.came.acquire(blocking=False):
        pass
    judge.free.clear()
    with ThreadPoolExecutor(AT_ONCE) as clients:
        waiting = [clients.submit(flat, http_of(site, f"account-{number}"), "a cat", "") for number in range(AT_ONCE)]
        for _ in waiting:
            assert judge.came.acquire(timeout=30)
        # One more is told at once; what the list refuses is told as ever.
        refused = flat(http, "a cat", "")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, str(BUSY_SECONDS))
        assert flat(http, "gore", "").status_code == 400
        polled = http.post("/wan-video-polling/getTextToVideoResult", json={"task_id": task})
        assert polled.json()["output"]["task_status"] == "PENDING"
        assert len(http.get(VIDEOS).json()["data"]) == 1
        assert http.get("/readyz").status_code == 200
        assert http.post(f"/api/v1/tasks/{task}/cancel").status_code == 200
        assert site.core.tasks.get("ann", task).state is State.CANCELED
        assert not any(each.done() for each in waiting)
        judge.free.set()
        assert [each.result(30).status_code for each in waiting] == [200] * AT_ONCE


def test_health_tells_what_judges_and_stays_ready_while_the_endpoint_is_down(site: Site, judge: Judge) -> None:
    http = http_of(site)
    ready = http.get("/readyz")
    assert ready.json()["moderation"] == "a list of 2 entries and an endpoint: it answers"
    judge.answer = refuse(500)
    flat(http, "a cat", "")
    until(lambda: "no verdict since" in http.get("/readyz").json()["moderation"])
    assert http.get("/readyz").json()["moderation"].endswith("HTTP status 500")
    assert http.get("/readyz").status_code == 200


def test_doctor_reads_the_list_and_asks_the_endpoint(tmp_path: Path, deny: Path, judge: Judge) -> None:
    def finding(moderation: str | None) -> tuple[bool | None, str]:
        found = examine_moderation(load({"data_dir": tmp_path, "moderation": moderation}, {}, tmp_path / "none.toml"))
        return found.fine, found.says

    assert finding(None) == (True, "off")
    assert finding(str(deny)) == (True, "a list of 2 entries")
    assert finding(f"{judge.url},{deny}") == (True, "a list of 2 entries and an endpoint: it answers")
    none = tmp_path / "none.txt"
    assert finding(str(none)) == (False, f"the list {none} cannot be read: No such file or directory")
    judge.answer = refuse(500)
    fine, says = finding(judge.url)
    assert not fine
    assert says.startswith("an endpoint: no verdict since 2")
    judge.answer = refuse(401)
    assert finding(judge.url) == (False, f"{judge.url}: the endpoint answered with HTTP status 401")


def test_without_the_setting_health_says_so(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        assert http_of(site).get("/readyz").json()["moderation"] == "off"


def test_the_metrics_count_who_judged_and_how_that_ended(site: Site, judge: Judge) -> None:
    http = http_of(site)
    for text in ("a cat", "gore", "gore", "blood"):
        flat(http, text, "")
    judge.answer = refuse(500)
    flat(http, "a cat", "")
    page = http.get("/metrics").text
    lines = {line for line in page.splitlines() if line.startswith("wanserve_moderation_total")}
    assert lines == {
        f'wanserve_moderation_total{{outcome="{outcome}",source="{source}"}} {count}'
        for source, outcome, count in (
            ("list", "passed", "3.0"),
            ("list", "refused", "2.0"),
            ("endpoint", "passed", "1.0"),
            ("endpoint", "refused", "1.0"),
            ("endpoint", "unavailable", "1.0"),
        )
    }


def test_neither_log_nor_metrics_have_a_text_a_word_or_an_account(
    site: Site, judge: Judge, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    http = http_of(site, "secretive")
    for text in ("secret gore", "secret blood"):
        flat(http, text, "")
    judge.answer = refuse(500)
    flat(http, "secret cat", "")
    written = caplog.text + http.get("/metrics").text
    for secret in ("secret", "gore", "blood", "violence", KEY):
        assert secret not in written
    refused = [line for line in caplog.messages if line.startswith("a submit was refused")]
    assert refused == ["a submit was refused by the list: prompt", "a submit was refused by the endpoint: prompt"]


def test_the_studio_tells_it_in_a_part_of_the_page_too(site: Site) -> None:
    ann = site.signed_in()
    shown = ann.post("/studio/make", {"prompt": "gore", "takes": "2"}, hx_request="true")
    assert shown.status_code == 400
    assert told("problem.moderation_blocked") in shown.text
    assert site.core.tasks.unfinished() == []
