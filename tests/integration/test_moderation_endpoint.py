"""What asks a moderation endpoint, on endpoints over HTTP that judge, hang, break off and answer nonsense."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from tests.integration.scripted import DROP, Reply, refuse, reply
from tests.moderators import KEY, Judge, judged, judging
from wanserve.domain.errors import SetupError
from wanserve.domain.moderation import PASSED, NoVerdict, Refused
from wanserve.prompts.calls import MAX_BODY_BYTES
from wanserve.prompts.moderation_answer import Categories
from wanserve.prompts.moderation_endpoint import (
    AT_ONCE,
    BUSY_SECONDS,
    HARMLESS,
    PROBE_SECONDS,
    EndpointAsker,
    ModerationEndpoint,
)

CAT = {"prompt": "a cat"}
NEVER_S = 3600.0
SOON_S = 0.01


@pytest.fixture
def judge() -> Iterator[Judge]:
    with judging() as one:
        yield one


@contextmanager
def asking(
    judge: Judge, path: str = "/v1", *, timeout_s: float = 30, at_once: int = AT_ONCE, probe_s: float = NEVER_S,
    key: str | None = KEY, model: str | None = None, categories: Categories | None = None,
) -> Iterator[EndpointAsker]:  # fmt: skip
    """What asks this endpoint, once it has begun."""
    endpoint = ModerationEndpoint(judge.url + path, key, model, categories)
    with closing(EndpointAsker(endpoint, timeout_s, at_once, probe_s)) as asker:
        asker.begin()
        yield asker


def until(met: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    deadline = time.monotonic() + 60
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/moderations", "/v1/moderations/"])
def test_a_question_is_one_post_of_the_api_with_the_key_and_all_texts(judge: Judge, path: str) -> None:
    with asking(judge, path) as asker:
        texts = {"prompt": "a cat \U0001f408 猫", "negative_prompt": "dogs"}
        assert asker.ask(texts).result(30) == PASSED
    first, second = judge.asked
    assert first.body == {"input": list(HARMLESS.values())}
    assert second.body == {"input": list(texts.values())}
    end = "/v1/moderations" if "v1" in path else "/moderations"
    assert (second.method, second.path) == ("POST", end)
    assert second.headers["authorization"] == f"Bearer {KEY}"
    assert second.headers["content-type"] == "application/json"


def test_a_model_is_sent_where_one_is_set_and_no_key_where_none_is(judge: Judge) -> None:
    with asking(judge, key=None, model="omni-moderation-latest"):
        pass
    (asked,) = judge.asked
    assert asked.body["model"] == "omni-moderation-latest"
    assert "authorization" not in asked.headers


def test_proxies_of_the_environment_are_not_used(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with asking(judge) as asker:
        assert asker.ask(CAT).result(30) == PASSED


def test_categories_and_scores_of_the_settings_decide(judge: Judge) -> None:
    with asking(judge, categories={"hate": 0.5}) as asker:
        assert asker.ask({"prompt": "blood"}).result(30) == PASSED
        assert asker.ask({"prompt": "a slur"}).result(30) == Refused("prompt", ("hate",))
    with asking(judge, categories={"violence": 0.95}) as asker:
        assert asker.ask({"prompt": "blood"}).result(30) == PASSED


FOR_EVER = [
    (refuse(401), "HTTP status 401"),
    (refuse(403), "HTTP status 403"),
    (refuse(404), "HTTP status 404"),
    (refuse(400), "HTTP status 400"),
    (Reply(302, headers={"Location": "http://127.0.0.1:9/"}), "HTTP status 302"),
    (Reply(200, (b"<html>",)), "the answer is not JSON in UTF-8"),
    (reply({"results": []}), "the answer has 0 results for 1 texts"),
    (reply({"choices": []}), "the answer is not one of a moderation endpoint"),
]
FOR_NOW = [
    (refuse(500), "HTTP status 500"),
    (refuse(503), "HTTP status 503"),
    (refuse(429), "HTTP status 429"),
    (refuse(408), "HTTP status 408"),
    (DROP, "the connection ended before the HTTP response was complete"),
    (Reply(200, (b"{",), length=100), "the connection ended before the HTTP response was complete"),
    (Reply(200, (b" " * (MAX_BODY_BYTES + 1),)), f"the answer is longer than {MAX_BODY_BYTES} bytes"),
]


@pytest.mark.parametrize(("answer", "problem"), FOR_EVER)
def test_what_only_a_setting_can_change_stops_the_start_with_one_line(
    judge: Judge, answer: Reply, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    judge.answer = answer
    with pytest.raises(SetupError) as refused, asking(judge):
        pytest.fail("it began")
    assert str(refused.value).startswith(f"moderation: {judge.url}/v1: ")
    assert problem in str(refused.value)
    assert "\n" not in str(refused.value)
    assert KEY not in str(refused.value) + caplog.text
    assert len(judge.asked) == 1


def test_a_category_that_the_endpoint_does_not_have_stops_the_start(judge: Judge) -> None:
    with (
        pytest.raises(SetupError, match="the answer has no category sexual/minors"),
        asking(judge, categories={"sexual/minors": 0.1}),
    ):
        pytest.fail("it began")


@pytest.mark.parametrize(("answer", "problem"), FOR_NOW)
def test_what_may_pass_is_a_warning_and_a_state(
    judge: Judge, answer: Reply, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    judge.answer = answer
    with asking(judge) as asker:
        assert asker.problem is not None
        assert problem in asker.problem
        assert asker.problem.startswith("no verdict since 2")
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert problem in warning.getMessage()
    assert KEY not in caplog.text


def test_an_endpoint_that_is_not_there_is_a_warning_and_a_state(caplog: pytest.LogCaptureFixture) -> None:
    endpoint = ModerationEndpoint("http://127.0.0.1:9/v1", KEY)
    with closing(EndpointAsker(endpoint, 30, AT_ONCE, NEVER_S)) as asker:
        asker.begin()
        assert "cannot be reached" in (asker.problem or "")
        assert asker.ask(CAT).done()
    assert KEY not in caplog.text


def test_an_endpoint_that_hangs_is_waited_for_no_longer_than_the_time_out(judge: Judge) -> None:
    judge.free.clear()
    with asking(judge, timeout_s=0.2) as asker:
        assert "no whole answer came within 0.2 s" in (asker.problem or "")


def test_a_connection_that_breaks_is_opened_once_more(judge: Judge) -> None:
    with asking(judge) as asker:
        replies = [DROP, reply(judged(["a cat"]))]
        judge.take = lambda asked: replies.pop(0)  # type: ignore[method-assign]
        assert asker.ask(CAT).result(30) == PASSED
        assert replies == []


def test_while_it_is_down_nobody_waits_and_nothing_is_asked(judge: Judge) -> None:
    judge.answer = refuse(500)
    with asking(judge) as asker:
        asked = len(judge.asked)
        for _ in range(100):
            verdict = asker.ask(CAT)
            assert verdict.done()
            assert isinstance(verdict.result(), NoVerdict)
        assert len(judge.asked) == asked


def test_it_is_asked_on_with_a_harmless_text_and_judges_again_once_it_answers(
    judge: Judge, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    judge.answer = refuse(503)
    with asking(judge, probe_s=SOON_S) as asker:
        for _ in range(5):
            assert judge.came.acquire(timeout=30)
        assert asker.ask(CAT).result(0) == NoVerdict(1)
        judge.answer = None
        until(lambda: asker.problem is None)
        assert asker.ask({"prompt": "blood"}).result(30) == Refused("prompt", ("violence",))
    assert set(map(tuple, judge.inputs[:-1])) == {tuple(HARMLESS.values())}
    assert [record.levelname for record in caplog.records if record.name == "wanserve.prompts"] == ["WARNING", "INFO"]


def test_one_text_that_it_cannot_judge_takes_it_down_for_nobody_else(judge: Judge) -> None:
    with asking(judge) as asker:
        judge.take = lambda asked: (  # type: ignore[method-assign]
            refuse(400) if asked.body["input"] == ["odd"] else reply(judged(asked.body["input"]))
        )
        for _ in range(3):
            assert asker.ask({"prompt": "odd"}).result(30) == NoVerdict(round(NEVER_S))
            assert asker.ask(CAT).result(30) == PASSED
        assert asker.problem is None


def test_a_running_endpoint_that_goes_down_is_noticed_by_the_first_question(judge: Judge) -> None:
    with asking(judge) as asker:
        judge.answer = refuse(502)
        assert isinstance(asker.ask(CAT).result(30), NoVerdict)
        until(lambda: asker.problem is not None)
        assert asker.ask(CAT).done()


def test_so_many_are_asked_at_a_time_and_the_next_is_told_at_once(judge: Judge) -> None:
    with asking(judge, at_once=3) as asker:
        assert judge.came.acquire(timeout=30)
        judge.free.clear()
        asked = [asker.ask(CAT) for _ in range(3)]
        for _ in asked:
            assert judge.came.acquire(timeout=30)
        assert asker.ask(CAT).result(30) == NoVerdict(BUSY_SECONDS)
        assert not any(each.done() for each in asked)
        judge.free.set()
        assert [each.result(30) for each in asked] == [PASSED] * 3
        assert asker.ask(CAT).result(30) == PASSED


def test_its_end_answers_the_questions_that_are_still_asked(judge: Judge) -> None:
    with asking(judge, probe_s=PROBE_SECONDS) as asker:
        assert judge.came.acquire(timeout=30)
        judge.free.clear()
        asked = asker.ask(CAT)
        assert judge.came.acquire(timeout=30)
    assert asked.result(0) == NoVerdict(PROBE_SECONDS)


def test_the_log_has_neither_the_key_nor_a_text_whatever_happens(
    judge: Judge, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = {"prompt": "a secret prompt", "negative_prompt": "a hidden wish"}
    for answer, _ in [*FOR_EVER, *FOR_NOW, (None, "")]:
        judge.answer = None
        with asking(judge) as asker:
            judge.answer = answer
            asker.ask(secret).result(30)
    for text in (*secret.values(), KEY, "Bearer"):
        assert text not in caplog.text
