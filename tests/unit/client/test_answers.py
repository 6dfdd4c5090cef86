"""What the client makes of answers and events, held against what the server writes."""

import re
import time
from dataclasses import replace
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import VIDEO as MADE
from tests.samples import new_task
from tests.unit.client.samples import VIDEO_ID, answer, event, refusal, sent_event, video
from wanserve.client import answers, errors
from wanserve.client.answers import Answer, EventReader
from wanserve.client.info import VideoInfo
from wanserve.client.requests import create
from wanserve.domain.progress import Stage
from wanserve.domain.search import Found, Search
from wanserve.domain.task import Failed, Failure, Succeeded, Task
from wanserve.http.dialects import openai_answers
from wanserve.http.dialects.base import AnswerContext
from wanserve.http.events import _event, outlook_headers
from wanserve.outlook import Outlook

KNOWN = VideoInfo(id=VIDEO_ID, state="pending", recipe={"seed": 7})
CONTEXT = AnswerContext("request", "http://x/files/1.mp4?signature=s")


def tasks() -> dict[str, Task]:
    """A task in each state."""
    waiting = new_task()
    running = waiting.claimed("worker", 1_758_941_486_000, 0)
    return {
        "pending": waiting,
        "running": replace(running, progress=0.339),
        "succeeded": running.settled(Succeeded(MADE), 1_758_941_500_500),
        "failed": running.settled(Failed(Failure("engine_failed", "it would not")), 1_758_941_490_000),
        "canceled": waiting.canceled(1_758_941_490_000),
    }


@pytest.mark.parametrize("state", tasks())
def test_a_video_is_read_as_the_server_writes_it(state: str) -> None:
    task = tasks()[state]
    told = openai_answers.write_video(
        task, replace(CONTEXT, video_url=CONTEXT.video_url if task.video else None), 3_600_000
    )
    read = answers.read_video(answer(told))
    assert (read.state, read.ended) == (state, state not in ("pending", "running"))
    assert read.url == (CONTEXT.video_url if state == "succeeded" else None)
    assert read.error == {"failed": "it would not", "canceled": "The video was canceled."}.get(state)
    assert read.progress == {"running": 0.33, "succeeded": 1.0}.get(state, 0.0)
    made = task.generation
    assert read.recipe["seed"] == made.seed
    assert (read.recipe["size"], read.recipe["model"]) == (f"{made.width}x{made.height}", made.model)


def test_the_recipe_has_what_was_chosen_as_a_create_takes_it() -> None:
    loras = [{"name": "sketch", "strength": 0.8}]
    told = video(profile="fast", num_inference_steps=8, guidance_scale=2.5, loras=loras)
    recipe = dict(answers.read_video(answer(told)).recipe)
    chosen = {"profile": "fast", "steps": 8, "guidance_scale": 2.5, "loras": {"sketch": 0.8}}
    assert {name: recipe[name] for name in chosen} == chosen
    body = create(idempotency_key="once", **recipe).body or {}  # type: ignore[arg-type]
    assert {name: body[name] for name in ("profile", "num_inference_steps", "guidance_scale", "loras")} == {
        name: told[name] for name in ("profile", "num_inference_steps", "guidance_scale", "loras")
    }


def test_a_recipe_is_what_a_create_takes() -> None:
    recipe = dict(answers.read_video(answer(video())).recipe)
    request = create(idempotency_key="once", **recipe)  # type: ignore[arg-type]
    assert request.body == {name: video()[name] for name in request.body or {}}
    assert set(recipe) == set(request.body or {})


def test_the_headers_of_a_poll_are_read_as_the_server_writes_them() -> None:
    headers = dict(outlook_headers(Outlook(Stage.DENOISE, 12, 50, None, 61.3)))
    read = answers.read_video(answer(video(), 200, **headers))
    assert (read.stage, read.step, read.steps, read.place, read.seconds_left) == ("denoise", 12, 50, None, 61)
    waiting = answers.read_video(answer(video(), 200, **dict(outlook_headers(Outlook(Stage.WAITING, place=3)))))
    assert (waiting.stage, waiting.step, waiting.place, waiting.seconds_left) == ("waiting", None, 3, None)


def test_an_event_is_read_as_the_server_writes_it() -> None:
    task = tasks()["running"]
    known = replace(KNOWN, id=openai_answers.write_event(task, None)["id"])
    sent = _event("video.progress", 7, openai_answers.write_event(task, Outlook(Stage.DENOISE, 12, 50, None, 61.34)))
    reader = EventReader()
    (data,) = reader.feed(sent)
    read = answers.read_event(known, data)
    assert reader.last_id == "7"
    assert read == replace(
        known, state="running", progress=0.339, stage="denoise", step=12, steps=50, seconds_left=61.3
    )


def test_the_progress_of_an_event_never_goes_back() -> None:
    known = replace(KNOWN, progress=0.5)
    read = answers.read_event(known, event(fraction=0.2))
    assert read is not None
    assert read.progress == 0.5


@pytest.mark.parametrize(
    "data",
    [event(id="video_another"), event(state="new"), event(state=[]), "[]", f'{{"id": "{VIDEO_ID}", "deleted": true}}'],
)
def test_an_event_that_tells_nothing_of_the_video_is_passed_over(data: str) -> None:
    assert answers.read_event(KNOWN, data) is None


def test_a_page_is_read_as_the_server_writes_it() -> None:
    found = list(tasks().values())
    page = answers.read_page(answer(openai_answers.write_list(Found(Search(), found, more=True), CONTEXT, 1)))
    assert [each.state for each in page.videos] == list(tasks())
    assert page.more
    assert not answers.read_page(answer({"data": [], "has_more": True})).more


@pytest.mark.parametrize(
    "body",
    [
        *(b"<html>", b"[]", b"{}", b"\xff", b'{"openapi": "3.1.0"}'),
        *(b'{"id": 1, "status": "queued"}', b'{"id": "video_1", "status": {}}'),
    ],
)
def test_the_answer_of_another_server_is_said_to_be_one(body: bytes) -> None:
    for read in (answers.read_video, answers.read_page, answers.read_deleted):
        with pytest.raises(errors.UnexpectedAnswer, match=r"is there a wanserve at this address\?"):
            read(Answer(200, {}, body))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidRequest),
        (401, errors.InvalidKey),
        (403, errors.RequestRefused),
        (404, errors.NotFound),
        (409, errors.RequestRefused),
        (429, errors.RateLimited),
        (500, errors.ServerFailed),
        (503, errors.ServerFailed),
    ],
)
def test_each_refusal_is_an_error_with_the_servers_words(status: int, kind: type[errors.RequestRefused]) -> None:
    told = refusal(status, "some_code", "size: no", "size")
    with pytest.raises(kind, match="size: no") as refused:
        answers.read_video(told)
    assert type(refused.value) is kind
    assert (refused.value.status, refused.value.code, refused.value.param) == (status, "some_code", "size")


def test_the_refusal_of_a_proxy_has_its_status() -> None:
    for body in (b"<html>", b'{"error": "no"}'):
        error = answers.error_of(Answer(404, {}, body))
        assert isinstance(error, errors.NotFound)
        assert "answered 404, and not as a wanserve does" in str(error)


@pytest.mark.parametrize(
    ("status", "advice", "busy"),
    [(429, "", True), (502, "", True), (503, "", True), (504, "", True), (503, "false", False), (500, "", False)],
)
def test_after_which_answers_a_request_is_sent_again(status: int, advice: str, busy: bool) -> None:
    headers = {"x-should-retry": advice} if advice else {}
    assert Answer(status, headers).busy is busy


@pytest.mark.parametrize(("advice", "seconds"), [("7", 7.0), ("0", 0.0), ("", None), ("soon", None), ("-1", None)])
def test_retry_after_in_seconds(advice: str, seconds: float | None) -> None:
    assert answers.retry_after_s(Answer(503, {"retry-after": advice})) == seconds


def test_retry_after_as_a_date() -> None:
    later = answers.retry_after_s(Answer(503, {"retry-after": formatdate(time.time() + 3600, usegmt=True)}))
    assert later is not None
    assert 3500 < later <= 3600
    assert answers.retry_after_s(Answer(503, {"retry-after": formatdate(0, usegmt=True)})) == 0.0


@pytest.mark.parametrize(("advice", "seconds"), [("1500", 1.5), ("1", 0.1), ("9999999", 60.0), ("x", 2.0)])
def test_the_advised_pace_of_polls_has_limits(advice: str, seconds: float) -> None:
    assert answers.poll_after_s(Answer(200, {"openai-poll-after-ms": advice})) == seconds


def test_how_long_a_file_is() -> None:
    assert answers.total_bytes(Answer(200, {"content-length": "10"}), 4) == 10
    assert answers.total_bytes(Answer(200, {}), 0) is None
    assert answers.total_bytes(Answer(206, {"content-range": "bytes 4-9/10"}), 4) == 10
    for wrong in ("bytes 5-9/10", "bytes 4-9/*", ""):
        with pytest.raises(errors.UnexpectedAnswer):
            answers.total_bytes(Answer(206, {"content-range": wrong}), 4)


@given(st.data())
def test_events_are_read_wherever_the_stream_is_cut(data: st.DataObject) -> None:
    sent = b"retry: 500\n\n:\n\n" + sent_event(1, fraction=0.1) + b":\n\n" + sent_event(2, fraction=0.2)
    if data.draw(st.booleans()):
        sent = sent.replace(b"\n", b"\r\n")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))
    reader = EventReader()
    told = [
        text for begin, end in zip([0, *cuts], [*cuts, len(sent)], strict=True) for text in reader.feed(sent[begin:end])
    ]
    assert told == [event(fraction=0.1), event(fraction=0.2)]
    assert (reader.last_id, reader.again_s) == ("2", 0.5)


def test_an_event_that_was_cut_off_does_not_count() -> None:
    reader = EventReader()
    assert list(reader.feed(sent_event(1) + sent_event(2)[:-2])) == [event()]
    assert reader.last_id == "1"
    reader.restart()
    assert list(reader.feed(sent_event(3))) == [event()]
    assert reader.last_id == "3"


def test_an_event_without_an_end_is_given_up() -> None:
    with pytest.raises(errors.UnexpectedAnswer, match="no end"):
        list(EventReader().feed(b"data: " + b"x" * (answers.EVENT_BYTES_MAX + 1)))


def test_every_error_class_is_in_the_tree_of_its_module() -> None:
    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__ or ""))
    there = {
        name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.WanError)
    }
    assert drawn == there - {"WanError"}


def test_a_wait_that_was_too_long_is_a_timeout_error() -> None:
    assert issubclass(errors.WaitTimeout, TimeoutError)
