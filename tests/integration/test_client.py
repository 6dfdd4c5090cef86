"""Both clients over real connections that drop, break and are refused, against a server that answers by a script."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.integration.both_clients import KINDS, Client, client
from tests.integration.scripted import DROP, Reply, Script, refuse, reply, scripted, stream
from tests.unit.client.samples import VIDEO_ID, sent_event, video
from wanserve.client import (
    AsyncWan,
    InvalidKey,
    InvalidRequest,
    NotFound,
    RateLimited,
    RequestRefused,
    ServerFailed,
    ServerUnreachable,
    UnexpectedAnswer,
    VideoCanceled,
    VideoFailed,
    VideoInfo,
    WaitTimeout,
    Wan,
)

VIDEOS = "/v1/videos"
PATH = f"{VIDEOS}/{VIDEO_ID}"
EVENTS, CONTENT = f"{PATH}/events", f"{PATH}/content"
QUEUED = reply(video(status="queued", progress=0), openai_poll_after_ms="100")
RUNNING = reply(video(), openai_poll_after_ms="100", wanserve_stage="encode", wanserve_seconds_left="3")
MADE = reply(video(status="completed", progress=100, url="http://x/1.mp4"))
FILM = bytes(range(256)) * 1024
TAG = {"ETag": '"tag"', "Content-Type": "video/mp4"}


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted() as made:
        yield made


@pytest.fixture(params=KINDS)
def wan(request: pytest.FixtureRequest, script: Script) -> Iterator[Client]:
    with client(request.param, script.url, "sk-1") as made:
        yield made


def part(begin: int, end: int | None = None) -> Reply:
    """The film from a byte on, of which the connection breaks at `end`."""
    ranged = TAG | {"Content-Range": f"bytes {begin}-{len(FILM) - 1}/{len(FILM)}"}
    return Reply(206, (FILM[begin:end],), ranged, length=len(FILM) - begin)


def test_a_video_is_submitted_waited_for_and_saved(script: Script, wan: Client, tmp_path: Path) -> None:
    script.on("POST", VIDEOS, QUEUED)
    script.on("GET", EVENTS, stream(sent_event(1, fraction=0.2), b":\n\n", sent_event(2, fraction=0.6)))
    script.on("GET", PATH, MADE)
    script.on("GET", CONTENT, Reply(200, (FILM,), TAG))
    told: list[VideoInfo] = []
    made = wan.generate("A kitten", size="832*480", seed=7, on_progress=told.append)
    assert [each.progress for each in told] == [0.0, 0.2, 0.6, 1.0]
    assert (told[1].stage, told[1].step, told[1].steps, told[1].seconds_left) == ("denoise", 12, 50, 61.3)
    assert (made.state, made.url, made.recipe["seed"]) == ("succeeded", "http://x/1.mp4", 7)
    assert wan.save(made, tmp_path / "kitten.mp4") == tmp_path / "kitten.mp4"
    assert (tmp_path / "kitten.mp4").read_bytes() == FILM
    (sent,) = script.of("POST")
    assert sent.body == {"prompt": "A kitten", "size": "832*480", "seed": 7}
    assert {asked.headers["authorization"] for asked in script.asked} == {"Bearer sk-1"}


def test_a_submit_is_sent_again_with_the_same_idempotency_key(script: Script, wan: Client) -> None:
    script.on("POST", VIDEOS, DROP, refuse(503, retry_after="0"), refuse(429, retry_after="0"), refuse(502), QUEUED)
    assert wan.submit("A kitten").state == "pending"
    keys = [asked.headers["idempotency-key"] for asked in script.of("POST")]
    assert len(keys) == 5
    assert len(set(keys)) == 1
    wan.submit("A kitten")
    wan.submit("A kitten", idempotency_key="mine")
    *_, another, given = [asked.headers["idempotency-key"] for asked in script.of("POST")]
    assert another not in keys
    assert given == "mine"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (refuse(400, "invalid_value"), InvalidRequest),
        (refuse(401), InvalidKey),
        (refuse(403), RequestRefused),
        (refuse(500), ServerFailed),
        (refuse(503, x_should_retry="false"), ServerFailed),
        (refuse(429, retry_after="3600"), RateLimited),
        (Reply(200, (b"<html>",)), UnexpectedAnswer),
    ],
    ids=lambda value: getattr(value, "__name__", str(getattr(value, "status", value))),
)
def test_what_would_not_help_is_not_sent_again(
    script: Script, wan: Client, given: Reply, error: type[Exception]
) -> None:
    script.on("POST", VIDEOS, given)
    with pytest.raises(error):
        wan.submit("A kitten")
    assert len(script.asked) == 1


def test_a_stream_that_breaks_goes_on_where_it_broke(script: Script, wan: Client) -> None:
    script.on("POST", VIDEOS, QUEUED)
    broken = Reply(200, (b"retry: 20\n\n" + sent_event(4, fraction=0.4),), stream().headers, length=10_000)
    script.on("GET", EVENTS, broken, DROP, stream(sent_event(9, fraction=0.5)))
    script.on("GET", PATH, DROP, RUNNING, RUNNING, MADE)
    told: list[VideoInfo] = []
    made = wan.generate("A kitten", on_progress=told.append)
    assert made.state == "succeeded"
    assert [asked.headers.get("last-event-id") for asked in script.of("GET", "/events")][:3] == [None, "4", "4"]
    fractions = [each.progress for each in told]
    assert fractions == sorted(fractions)
    assert {0.4, 0.5, 1.0} < set(fractions)


@pytest.mark.parametrize("refused", [refuse(404), refuse(503), Reply(200, (b"<html>",))], ids=["404", "503", "html"])
def test_where_the_stream_is_refused_it_polls(script: Script, wan: Client, refused: Reply) -> None:
    script.on("POST", VIDEOS, QUEUED)
    script.on("GET", EVENTS, refused)
    script.on("GET", PATH, RUNNING, RUNNING, MADE)
    told: list[VideoInfo] = []
    assert wan.generate("A kitten", on_progress=told.append).state == "succeeded"
    assert [(each.progress, each.stage, each.seconds_left) for each in told] == [
        (0.0, None, None),
        (0.33, "encode", 3.0),
        (1.0, None, None),
    ]
    assert len(script.of("GET", "/events")) == 1


def test_the_end_of_a_video_that_is_not_made_is_an_error(script: Script, wan: Client) -> None:
    script.on("GET", EVENTS, stream())
    failed = video(status="failed", error={"code": "engine_failed", "message": "it would not"})
    script.on("GET", PATH, reply(failed), reply(video(status="failed", error={"code": "cancelled", "message": "c"})))
    with pytest.raises(VideoFailed, match="it would not"):
        wan.wait(VIDEO_ID)
    with pytest.raises(VideoCanceled):
        wan.wait(VIDEO_ID)
    with pytest.raises(NotFound):
        wan.wait("video_0")


def test_a_timeout_ends_the_wait_and_not_the_video(script: Script, wan: Client) -> None:
    script.on("POST", VIDEOS, QUEUED)
    script.on("GET", PATH, RUNNING)
    with pytest.raises(WaitTimeout) as late:
        wan.generate("A kitten", timeout=0.3)
    assert late.value.video_id == VIDEO_ID
    assert isinstance(late.value, TimeoutError)
    assert {asked.method for asked in script.asked[1:]} == {"GET"}


def test_an_error_of_on_progress_ends_the_wait(script: Script, wan: Client) -> None:
    script.on("GET", EVENTS, stream(sent_event(1)))
    script.on("GET", PATH, RUNNING)

    def on_progress(told: VideoInfo) -> None:
        raise LookupError(told.stage)

    with pytest.raises(LookupError, match="encode"):
        wan.wait(VIDEO_ID, on_progress=on_progress)


@pytest.mark.parametrize("cuts", [(100_000,), (1, 50_000, 200_000)])
def test_a_download_that_breaks_goes_on_where_it_broke(
    script: Script, wan: Client, tmp_path: Path, cuts: tuple[int, ...]
) -> None:
    begins = (0, *cuts)
    whole = Reply(200, (FILM[: cuts[0]],), TAG, length=len(FILM))
    parts = [part(begin, end) for begin, end in zip(begins[1:], (*cuts[1:], None), strict=True)]
    script.on("GET", CONTENT, DROP, whole, *parts)
    to = tmp_path / "kitten.mp4"
    to.write_bytes(b"an earlier one")
    wan.download(VIDEO_ID, to)
    assert to.read_bytes() == FILM
    assert [file.name for file in tmp_path.iterdir()] == ["kitten.mp4"]
    asked = [(each.headers.get("range"), each.headers.get("if-range")) for each in script.of("GET", "/content")]
    assert asked[2:] == [(f"bytes={begin}-", '"tag"') for begin in cuts]
    assert asked[:2] == [(None, None)] * 2


def test_a_download_waits_for_a_busy_server_and_takes_less_than_it_asked_for(
    script: Script, wan: Client, tmp_path: Path
) -> None:
    first = Reply(200, (FILM[:1000],), TAG, length=len(FILM))
    less = Reply(206, (FILM[1000:1500],), TAG | {"Content-Range": f"bytes 1000-1499/{len(FILM)}"})
    script.on("GET", CONTENT, refuse(503, retry_after="0"), first, less, refuse(429, retry_after="0"), part(1500))
    wan.download(VIDEO_ID, tmp_path / "kitten.mp4")
    assert (tmp_path / "kitten.mp4").read_bytes() == FILM
    ranges = [asked.headers.get("range") for asked in script.asked]
    assert ranges == [None, None, "bytes=1000-", "bytes=1500-", "bytes=1500-"]


def test_a_download_begins_anew_where_the_file_is_another(script: Script, wan: Client, tmp_path: Path) -> None:
    other = b"shorter"
    script.on(
        "GET", CONTENT, Reply(200, (FILM[:100_000],), TAG, length=len(FILM)), Reply(200, (other,), {"ETag": '"new"'})
    )
    wan.download(VIDEO_ID, tmp_path / "kitten.mp4")
    assert (tmp_path / "kitten.mp4").read_bytes() == other


@pytest.mark.parametrize("tag", [{}, {"ETag": 'W/"weak"'}], ids=["none", "weak"])
def test_a_download_without_a_strong_entity_tag_begins_anew(
    script: Script, wan: Client, tmp_path: Path, tag: dict[str, str]
) -> None:
    script.on("GET", CONTENT, Reply(200, (FILM[:100_000],), tag, length=len(FILM)), Reply(200, (FILM,), tag))
    wan.download(VIDEO_ID, tmp_path / "kitten.mp4")
    assert (tmp_path / "kitten.mp4").read_bytes() == FILM
    assert not [asked for asked in script.asked if "range" in asked.headers]


@pytest.mark.parametrize("given", [refuse(404, "video_not_ready"), part(5)], ids=["404", "another part"])
def test_a_download_that_fails_leaves_what_was_there(script: Script, wan: Client, tmp_path: Path, given: Reply) -> None:
    script.on("GET", CONTENT, given)
    to = tmp_path / "kitten.mp4"
    to.write_bytes(b"an earlier one")
    with pytest.raises((NotFound, UnexpectedAnswer)):
        wan.download(VIDEO_ID, to)
    assert to.read_bytes() == b"an earlier one"
    assert [file.name for file in tmp_path.iterdir()] == ["kitten.mp4"]
    with pytest.raises(IsADirectoryError):
        wan.download(VIDEO_ID, tmp_path)


def test_a_download_is_given_up_where_it_gets_no_further(script: Script, tmp_path: Path) -> None:
    script.on("GET", CONTENT, Reply(200, (b"",), TAG, length=10))
    for kind in KINDS:
        with client(kind, script.url, "sk-1", retry_seconds=0.2) as wan, pytest.raises(ServerUnreachable):
            wan.download(VIDEO_ID, tmp_path / "kitten.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_download_follows_to_a_bucket_which_does_not_get_the_key(script: Script, wan: Client, tmp_path: Path) -> None:
    with scripted() as bucket:
        bucket.on("GET", "/1.mp4", Reply(200, (FILM[:1000],), TAG, length=len(FILM)), part(1000))
        script.on("GET", CONTENT, Reply(302, (), {"Location": f"{bucket.url}/1.mp4?signature=s"}))
        wan.download(VIDEO_ID, tmp_path / "kitten.mp4")
        assert (tmp_path / "kitten.mp4").read_bytes() == FILM
        assert [asked.headers.get("range") for asked in bucket.asked] == [None, "bytes=1000-"]
        assert not [asked for asked in bucket.asked if "authorization" in asked.headers]


def test_a_cancel_and_a_delete_whose_answers_were_lost_are_done(script: Script, wan: Client) -> None:
    script.on("POST", f"{PATH}/cancel", DROP, refuse(409, "wrong_state"))
    script.on("GET", PATH, reply(video(status="failed", error={"code": "cancelled", "message": "c"})))
    assert wan.cancel(VIDEO_ID).state == "canceled"
    script.on("DELETE", PATH, DROP, refuse(404))
    wan.delete(VIDEO_ID)
    with pytest.raises(NotFound):
        wan.delete(VIDEO_ID)
    assert len(script.of("POST", "/cancel")) == 2


def listed(*ids: str, more: bool = False) -> Reply:
    """A page of the list."""
    return reply({"object": "list", "data": [video(id=each) for each in ids], "has_more": more})


def test_a_list_is_fetched_page_by_page(script: Script, wan: Client) -> None:
    script.on("GET", VIDEOS, listed("video_3", "video_2", more=True), listed("video_1"))
    assert [each.id for each in wan.list()] == ["video_3", "video_2", "video_1"]
    assert [asked.path for asked in script.asked] == [f"{VIDEOS}?limit=100", f"{VIDEOS}?limit=100&after=video_2"]


def test_a_list_ends_at_its_limit_and_begins_after_a_video(script: Script, wan: Client) -> None:
    script.on("GET", VIDEOS, listed("video_3", "video_2", more=True), listed("video_1", more=True))
    assert [each.id for each in wan.list(limit=3, after="video_4")] == ["video_3", "video_2", "video_1"]
    assert [asked.path for asked in script.asked] == [
        f"{VIDEOS}?limit=3&after=video_4",
        f"{VIDEOS}?limit=1&after=video_2",
    ]
    assert wan.list(limit=0) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_not_there_is_unreachable(kind: str) -> None:
    with client(kind, "http://127.0.0.1:1", "sk-1", retry_seconds=0.1) as wan:
        with pytest.raises(ServerUnreachable, match=r"the request to http://127\.0\.0\.1:1 failed") as gone:
            wan.get(VIDEO_ID)
        assert isinstance(gone.value.__cause__, httpx2.ConnectError)


def test_what_no_header_can_have_is_an_invalid_request(script: Script, wan: Client) -> None:
    with pytest.raises(InvalidRequest, match="cannot be sent"):
        wan.submit("A kitten", idempotency_key="one\ntwo")
    assert script.asked == []


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_key_none_is_sent(script: Script, kind: str) -> None:
    script.on("GET", PATH, refuse(401, "invalid_api_key", "no key was sent"))
    with client(kind, script.url, "") as wan, pytest.raises(InvalidKey, match="no key was sent"):
        wan.get(VIDEO_ID)
    assert "authorization" not in script.asked[0].headers


def test_any_text_can_be_sent(script: Script, wan: Client) -> None:
    script.on("POST", VIDEOS, QUEUED)
    for prompt in ("两只猫在海滩上跳", "half a pair: \ud83d", 'a "quoted"\nprompt'):
        wan.submit(prompt)
        assert script.asked[-1].body == {"prompt": prompt}
        assert script.asked[-1].headers["content-type"] == "application/json"


def test_a_client_of_ones_own_stays_open(script: Script) -> None:
    script.on("GET", PATH, MADE)
    with httpx2.Client(trust_env=False) as http:
        with Wan(script.url, "sk-1", http=http) as wan:
            assert wan.get(VIDEO_ID).ended
        assert not http.is_closed


def test_the_environment_names_the_server_and_the_key(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    script.on("GET", PATH, MADE)
    monkeypatch.setenv("WANSERVE_URL", script.url)
    monkeypatch.setenv("WANSERVE_KEY", "sk-2")
    with Wan() as wan:
        wan.get(VIDEO_ID)
    assert script.asked[0].headers["authorization"] == "Bearer sk-2"


async def two_waits(script: Script, held: threading.Event) -> list[str]:
    """Two waits at a time in one event loop; the progress of one is told by a coroutine."""
    told: list[str] = []

    async def on_progress(each: Any) -> None:
        await asyncio.sleep(0)
        told.append(each.id)

    async with AsyncWan(script.url, "sk-1") as wan:
        first = asyncio.create_task(wan.wait(VIDEO_ID))
        await wan.wait("video_other", on_progress=on_progress)
        assert not first.done()
        held.set()
        await first
    return told


def test_waits_run_beside_each_other_in_one_event_loop(script: Script) -> None:
    held = threading.Event()
    script.on("GET", PATH, Reply(200, MADE.parts, before=held))
    script.on("GET", f"{VIDEOS}/video_other", reply(video(id="video_other", status="completed", progress=100)))
    assert asyncio.run(two_waits(script, held)) == ["video_other"]


def test_a_wait_that_is_cancelled_closes_its_stream_and_leaves_the_video(script: Script) -> None:
    async def canceled() -> None:
        opened = asyncio.Event()
        async with AsyncWan(script.url, "sk-1") as wan:
            wait = asyncio.create_task(wan.wait(VIDEO_ID, on_progress=lambda told: opened.set()))
            await opened.wait()
            wait.cancel()
            with pytest.raises(asyncio.CancelledError):
                await wait

    script.on("GET", PATH, RUNNING)
    script.on("GET", EVENTS, stream(sent_event(1)))
    asyncio.run(canceled())
    assert {asked.method for asked in script.asked} == {"GET"}
