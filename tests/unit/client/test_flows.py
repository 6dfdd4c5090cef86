"""What is sent again and when, with no connection and no time: the flows played with given outcomes."""

import pytest

from tests.unit.client.play import BROKEN, Outcome, Player
from tests.unit.client.samples import VIDEO_ID, answer, refusal, video
from wanserve.client import flows, requests
from wanserve.client.answers import Answer
from wanserve.client.errors import (
    InvalidRequest,
    NotFound,
    RateLimited,
    RequestRefused,
    ServerFailed,
    ServerUnreachable,
)

CREATE = requests.create("A kitten", "once")
DONE = answer(video())
BUSY = refusal(503)


def test_a_submit_is_sent_again_with_its_key_until_it_is_answered() -> None:
    player = Player()
    made = player.play(flows.submitting(CREATE, player.retries()), [BROKEN, BUSY, refusal(429), DONE])
    assert made.id == VIDEO_ID
    assert player.sent == [CREATE] * 4
    first, second, third = player.pauses
    assert 0.125 <= first <= 0.25 <= second <= 0.5 <= third <= 1.0


@pytest.mark.parametrize("advice", ["0", "7"])
def test_the_servers_advice_is_followed(advice: str) -> None:
    player = Player()
    player.play(flows.submitting(CREATE, player.retries()), [refusal(503, retry_after=advice), DONE])
    assert player.pauses == [float(advice)]


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (refusal(400), InvalidRequest),
        (refusal(500), ServerFailed),
        (refusal(503, x_should_retry="false"), ServerFailed),
        (refusal(429, retry_after="3600"), RateLimited),
    ],
)
def test_what_would_not_help_is_not_sent_again(outcome: Answer, error: type[Exception]) -> None:
    player = Player()
    with pytest.raises(error):
        player.play(flows.submitting(CREATE, player.retries()), [outcome])
    assert player.pauses == []


@pytest.mark.parametrize(("outcome", "error"), [(BROKEN, ServerUnreachable), (BUSY, ServerFailed)])
def test_it_is_given_up_after_some_time_with_the_last_error(outcome: Outcome, error: type[Exception]) -> None:
    player = Player()
    with pytest.raises(error):
        player.play(flows.submitting(CREATE, player.retries(60)), [outcome] * 100)
    assert 50 < player.now_s <= 60


def test_a_server_that_never_answered_is_given_up_sooner() -> None:
    player = Player()
    with pytest.raises(ServerUnreachable):
        player.play(flows.submitting(CREATE, player.retries(answered=False)), [BROKEN] * 100)
    assert player.now_s <= flows.NEW_SERVER_SECONDS
    player = Player()
    busy = player.retries(answered=False)
    player.play(flows.submitting(CREATE, busy), [refusal(503, retry_after="20"), DONE])
    assert busy.answered


def test_a_deadline_ends_the_tries() -> None:
    player = Player()
    with pytest.raises(ServerUnreachable):
        player.play(flows.submitting(CREATE, player.retries(), deadline_s=5.0), [BROKEN] * 100)
    assert player.now_s <= 5.0


def test_a_cancel_is_sent_twice_at_most() -> None:
    player = Player()
    with pytest.raises(ServerUnreachable):
        player.play(flows.canceling(VIDEO_ID, player.retries()), [BROKEN, BROKEN])
    assert len(player.sent) == 2


CANCELED = answer(video(status="failed", error={"code": "cancelled", "message": "It was canceled."}))
CONFLICT = refusal(409, "wrong_state")


def test_a_cancel_whose_answer_was_lost_has_canceled() -> None:
    player = Player()
    ended = player.play(flows.canceling(VIDEO_ID, player.retries()), [BROKEN, CONFLICT, CANCELED])
    assert ended.state == "canceled"


def test_what_has_ended_otherwise_cannot_be_canceled() -> None:
    player = Player()
    with pytest.raises(RequestRefused, match="no"):
        player.play(flows.canceling(VIDEO_ID, player.retries()), [CONFLICT, answer(video(status="completed"))])


def test_a_delete_whose_answer_was_lost_has_deleted() -> None:
    player = Player()
    player.play(flows.deleting(VIDEO_ID, player.retries()), [BROKEN, refusal(404)])
    with pytest.raises(NotFound):
        player.play(flows.deleting(VIDEO_ID, player.retries()), [refusal(404)])
    player.play(flows.deleting(VIDEO_ID, player.retries()), [answer({"id": VIDEO_ID, "deleted": True})])


def test_a_list_goes_on_page_by_page_to_its_limit_or_its_end() -> None:
    pages = [answer({"data": [video(id="video_3"), video(id="video_2")], "has_more": more}) for more in (True, False)]
    for limit, left in ((None, None), (5, 1), (3, -1)):
        player = Player()
        cursor = flows.Cursor("video_4", limit)
        for page in pages:
            assert cursor.goes_on
            player.play(flows.listing(cursor, player.retries()), [page])
        assert (cursor.after, cursor.left, cursor.goes_on) == ("video_2", left, False)
    assert not flows.Cursor(None, 0).goes_on
