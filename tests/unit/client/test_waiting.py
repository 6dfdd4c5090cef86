"""A wait, played with given outcomes: streams that break or are refused, polls behind them, and its deadline."""

from dataclasses import replace

import pytest

from tests.unit.client.play import BROKEN, Outcome, Player
from tests.unit.client.samples import VIDEO_ID, answer, refusal, sent_event, video
from wanserve.client.answers import Answer
from wanserve.client.errors import NotFound, ServerUnreachable, VideoCanceled, VideoFailed, WaitTimeout
from wanserve.client.info import VideoInfo
from wanserve.client.waiting import REFUSED_SECONDS, SILENCE_SECONDS, waiting

STREAM = Answer(200, {"content-type": "text/event-stream; charset=utf-8"})
SOON = b"retry: 500\n\n"
POLL = answer(video(), openai_poll_after_ms="1000")
MADE = answer(video(status="completed", progress=100, url="http://x/1.mp4"))
CANCELED = answer(video(status="failed", error={"code": "cancelled", "message": "It was canceled."}))
KNOWN = VideoInfo(id=VIDEO_ID, state="pending")


def wait(
    player: Player, *outcomes: Outcome, known: VideoInfo | None = KNOWN, timeout_s: float | None = None
) -> VideoInfo:
    """Play a wait."""
    return player.play(waiting(VIDEO_ID, known, player.retries(), timeout_s, timeout_s), outcomes)


def paths(player: Player) -> list[str]:
    """The ends of the paths that were asked for."""
    return [request.path.rsplit("/", 1)[-1] for request in player.sent]


def test_the_stream_tells_and_a_poll_has_the_end() -> None:
    player = Player()
    sent = sent_event(1, fraction=0.1) + b":\n\n", sent_event(2, fraction=0.5)
    made = wait(player, STREAM, *sent, sent_event(3, state="succeeded", fraction=1.0), b"", MADE)
    assert (made.state, made.url) == ("succeeded", "http://x/1.mp4")
    assert [told.progress for told in player.told] == [0.0, 0.1, 0.5, 1.0]
    assert paths(player) == ["events", VIDEO_ID]


def test_a_stream_that_broke_goes_on_after_the_last_event() -> None:
    player = Player()
    wait(
        player, STREAM, SOON + sent_event(7, fraction=0.4), BROKEN, POLL, STREAM, sent_event(9, fraction=0.5), b"", MADE
    )
    assert paths(player) == ["events", VIDEO_ID, "events", VIDEO_ID]
    assert [request.headers.get("Last-Event-ID") for request in player.sent] == [None, None, "7", None]
    # The poll tells 33 percent.
    assert [told.progress for told in player.told] == [0.0, 0.4, 0.4, 0.5, 1.0]


def test_a_restart_of_the_server_is_waited_out() -> None:
    player = Player()
    made = wait(player, STREAM, sent_event(7), BROKEN, BROKEN, BROKEN, POLL, BROKEN, refusal(503), MADE)
    assert made.state == "succeeded"


@pytest.mark.parametrize("opened", [refusal(404), refusal(503), Answer(200, {"content-type": "text/html"})])
def test_where_there_is_no_stream_it_polls_at_the_advised_pace(opened: Answer) -> None:
    player = Player()
    wait(player, opened, POLL, POLL, POLL, MADE)
    assert paths(player) == ["events", *[VIDEO_ID] * 4]
    assert player.pauses == [1.0, 1.0, 1.0]


def test_a_refused_stream_is_tried_again_later() -> None:
    player = Player()
    polls = int(REFUSED_SECONDS)
    wait(player, refusal(404), *[POLL] * polls, STREAM, b"", MADE)
    assert paths(player).count("events") == 2


def test_a_stream_that_tells_nonsense_is_left() -> None:
    player = Player()
    wait(player, STREAM, b"data: {\n\n", MADE)
    assert paths(player) == ["events", VIDEO_ID]


def test_an_id_alone_is_asked_for_before_anything_else() -> None:
    player = Player()
    assert wait(player, MADE, known=None).state == "succeeded"
    assert paths(player) == [VIDEO_ID]
    with pytest.raises(NotFound):
        wait(Player(), refusal(404), known=None)


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (answer(video(status="failed", error={"code": "engine_failed", "message": "it would not"})), VideoFailed),
        (CANCELED, VideoCanceled),
    ],
)
def test_what_was_not_made_is_an_error_with_the_video(
    end: Answer, error: type[VideoFailed] | type[VideoCanceled]
) -> None:
    player = Player()
    with pytest.raises(error) as ended:
        wait(player, STREAM, b"", end)
    assert isinstance(ended.value, VideoFailed | VideoCanceled)
    assert ended.value.video == player.told[-1]


def test_a_video_that_is_deleted_meanwhile_is_not_found() -> None:
    with pytest.raises(NotFound):
        wait(Player(), STREAM, sent_event(1), b"", refusal(404))


def test_it_is_told_once_of_each_thing_that_is_new() -> None:
    player = Player()
    wait(player, STREAM, sent_event(1), sent_event(2), sent_event(3, seconds_left=60.0), b"", MADE)
    assert len(player.told) == len(set(player.told)) == 4


def test_a_short_timeout_is_kept_by_polls_alone() -> None:
    player = Player()
    with pytest.raises(WaitTimeout, match=r"has not ended after 2\.5 s"):
        wait(player, *[POLL] * 4, timeout_s=2.5)
    assert player.pauses == [1.0, 1.0, 0.5]
    assert set(paths(player)) == {VIDEO_ID}


def test_a_long_timeout_leaves_the_stream_before_it_is_over() -> None:
    """Comments alone hold a stream open, and each ends a read."""
    player = Player()
    timeout_s = SILENCE_SECONDS + 3.0
    with pytest.raises(WaitTimeout):
        wait(player, STREAM, b":\n\n", b":\n\n", b":\n\n", *[POLL] * int(SILENCE_SECONDS + 1), timeout_s=timeout_s)
    assert player.now_s == timeout_s


def test_a_server_that_is_gone_until_the_deadline_is_a_timeout_and_else_unreachable() -> None:
    player = Player()
    with pytest.raises(WaitTimeout):
        wait(player, *[BROKEN] * 100, timeout_s=5.0)
    assert player.now_s == 5.0
    with pytest.raises(WaitTimeout):
        wait(Player(), refusal(429, retry_after="15"), timeout_s=5.0)
    with pytest.raises(ServerUnreachable):
        wait(Player(), *[BROKEN] * 100)


def test_what_was_known_does_not_go_back() -> None:
    player = Player()
    known = replace(KNOWN, state="running", progress=0.335)
    wait(player, refusal(404), POLL, MADE, known=known)
    assert [told.progress for told in player.told] == [0.335, 0.335, 1.0]
