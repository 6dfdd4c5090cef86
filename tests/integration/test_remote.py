"""The remote engine against an upstream that misbehaves in each way that one can, over real sockets."""

import errno
import logging
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.upstream import (
    ASKED,
    KEY,
    MODEL,
    THEIR_MODEL,
    Handler,
    Reply,
    Seen,
    StubUpstream,
    cuts,
    drips,
    drops,
    hangs,
    is_now,
    says,
    stub,
    usual,
)
from wanserve import app
from wanserve.cli import findings
from wanserve.domain.attempt import Fault
from wanserve.domain.errors import (
    Canceled,
    MediaUnavailable,
    SetupError,
    Superseded,
    UpstreamBusy,
    UpstreamDenied,
    UpstreamFailed,
    UpstreamForgot,
    UpstreamRefused,
    UpstreamTaskFailed,
    WanserveError,
)
from wanserve.domain.ports import Fetched, Order, Report
from wanserve.domain.progress import Progress
from wanserve.engine.remote import engine as engine_module
from wanserve.engine.remote import fetching as fetching_module
from wanserve.engine.remote.check import check_all, check_upstream, require_settings
from wanserve.engine.remote.engine import RemoteEngine
from wanserve.engine.remote.fetching import Pace
from wanserve.engine.remote.transport import Limits
from wanserve.models.availability import find_availability
from wanserve.models.upstream import BodyFormat, Dialect, Upstream
from wanserve.settings import Settings, load
from wanserve.worker.ports import NoRouter

QUICK = Pace(tries=(0.001, 0.001), first_poll=0.001, longest_poll=0.01)
TIGHT = Limits(answer_s=0.3, silence_s=0.2, file_s=0.5)
ROOMY = Limits(answer_s=30, silence_s=30, file_s=30)
BOTH = pytest.mark.parametrize("dialect", list(Dialect))


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[StubUpstream]:
    with stub(tmp_path) as running:
        yield running


def fetch(
    served: StubUpstream | Upstream,
    path: Path,
    *,
    attempt: int = 1,
    report: Report = lambda _: None,
    limits: Limits = ROOMY,
) -> Fetched:
    """One attempt at the upstream."""
    upstream = served.upstream() if isinstance(served, StubUpstream) else served
    engine = RemoteEngine({upstream.name: upstream}, QUICK, limits)
    made = engine.generate(ASKED, report)
    return made.fetch(Order("task-id", attempt, upstream.name), path / "video.mp4")


@BOTH
def test_a_video_is_submitted_polled_and_downloaded(tmp_path: Path, dialect: Dialect) -> None:
    with stub(tmp_path, dialect) as served:
        told: list[float] = []
        fetched = fetch(served, tmp_path, report=lambda progress: told.append(progress.fraction))
        assert (tmp_path / "video.mp4").read_bytes() == served.video
        (submit,) = served.asked("submit")
        assert submit.headers["idempotency-key"] == "task-id"
        assert submit.headers["authorization"] == f"Bearer {KEY}"
        assert submit.json()["model"] == THEIR_MODEL
        assert len(served.asked("poll")) == 2
        assert told == sorted(told), "progress never goes back"
        assert fetched.actual_prompt == (None if dialect is Dialect.OPENAI else "A kitten, extended")


def test_progress_is_the_upstreams_own(tmp_path: Path, upstream: StubUpstream) -> None:
    told: set[float] = set()
    seen = threading.Event()

    def report(progress: Progress) -> None:
        told.add(progress.fraction)
        if progress.fraction > 0.3:
            seen.set()

    def waits(handler: object, request: object) -> None:
        assert seen.wait(60)
        is_now("completed")(handler, request)  # type: ignore[arg-type]

    upstream.script["poll"] = [is_now("in_progress", progress=40), waits]
    fetch(upstream, tmp_path, report=report)
    assert 0.4 * 0.95 in told


def test_a_form_is_sent_where_the_upstream_wants_one(tmp_path: Path, upstream: StubUpstream) -> None:
    fetch(upstream.upstream(body=BodyFormat.FORM, frames=True), tmp_path)
    (submit,) = upstream.asked("submit")
    assert submit.headers["content-type"].startswith("multipart/form-data")
    for field in (b'name="num_frames"\r\n\r\n6\r\n', b'name="fps"\r\n\r\n30\r\n', b'name="watermark"\r\n\r\ntrue\r\n'):
        assert field in submit.body


@BOTH
def test_the_attempt_after_a_crash_of_ours_finds_the_task_that_was_made(tmp_path: Path, dialect: Dialect) -> None:
    with stub(tmp_path, dialect) as served:
        fetch(served, tmp_path)
        fetch(served, tmp_path, attempt=2)
        assert len(served.tasks) == 1


@BOTH
@pytest.mark.parametrize("state", ["failed", "canceled"])
def test_a_task_that_ended_badly_there_is_made_anew_under_the_next_key(
    tmp_path: Path, dialect: Dialect, state: str
) -> None:
    with stub(tmp_path, dialect) as served:
        served.script["submit"] = [is_now(state, "server_error", "boom")]
        fetch(served, tmp_path, attempt=2)
        assert [seen.headers["idempotency-key"] for seen in served.asked("submit")] == ["task-id", "task-id/2"]
        assert len(served.tasks) == 2


@pytest.mark.parametrize("status", [400, 409, 422])
def test_a_key_that_is_taken_is_followed_by_the_next(tmp_path: Path, upstream: StubUpstream, status: int) -> None:
    taken = {"error": {"message": "Idempotency-Key: task-id was used for another request", "code": "invalid_value"}}
    upstream.script["submit"] = [says(status, taken)]
    fetch(upstream, tmp_path)
    assert list(upstream.keys) == ["task-id/2"]


def test_an_upstream_that_takes_no_key_at_all_fails(tmp_path: Path, upstream: StubUpstream) -> None:
    upstream.script["submit"] = [says(409, {"error": {"message": "idempotency key in use"}})] * 9
    with pytest.raises(UpstreamFailed, match="every idempotency key"):
        fetch(upstream, tmp_path)


def test_a_fresh_task_that_fails_at_once_is_not_submitted_again_and_again(
    tmp_path: Path, upstream: StubUpstream
) -> None:
    upstream.script["submit"] = [is_now("failed", "server_error", "boom")]
    upstream.script["poll"] = [is_now("failed", "server_error", "boom")]
    with pytest.raises(UpstreamTaskFailed):
        fetch(upstream, tmp_path)
    assert len(upstream.asked("submit")) == 1


def openai_error(message: str, code: str = "some_code") -> dict[str, object]:
    return {"error": {"message": message, "type": "some_type", "code": code}}


REFUSALS: list[tuple[Reply, type[WanserveError], str]] = [
    (says(400, openai_error("size: not made")), UpstreamRefused, "size: not made"),
    (says(422, {"detail": "size: not made"}), UpstreamRefused, "size: not made"),
    (says(413, b"<html>"), UpstreamRefused, ""),
    (says(401, openai_error(f"Incorrect API key: {KEY}")), UpstreamDenied, "Incorrect API key: ***"),
    (says(402, openai_error("pay first")), UpstreamDenied, "pay first"),
    (says(403, {"code": "AccessDenied", "message": "no"}), UpstreamDenied, "no"),
    (says(400, {"code": "Arrearage", "message": "Access denied"}), UpstreamDenied, "Access denied"),
    (says(429, openai_error("no credit", "insufficient_quota")), UpstreamDenied, "no credit"),
    (says(404, {"detail": "Not Found"}), UpstreamFailed, "Not Found"),
    (says(415, {"detail": "form expected"}), UpstreamFailed, "form expected"),
    (says(307, Location="https://elsewhere.example/"), UpstreamFailed, ""),
]


@pytest.mark.parametrize(("reply", "kind", "said"), REFUSALS)
def test_a_refused_submit_is_told_by_whose_fault_it_is(
    tmp_path: Path, upstream: StubUpstream, reply: Reply, kind: type[WanserveError], said: str
) -> None:
    upstream.script["submit"] = [reply]
    with pytest.raises(kind) as refused:
        fetch(upstream, tmp_path)
    error = refused.value
    assert (type(error), error.said) == (kind, said)
    assert KEY not in f"{error!r} {error} {error.said}"
    spent = issubclass(kind, UpstreamRefused)
    assert error.fault is (Fault.TASK if spent else Fault.UPSTREAM)
    assert error.retryable is not spent
    assert len(upstream.asked("submit")) == 1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("advice", "seconds"), [("7", 7), ("soon", 5), ("1e9", 300), ("-1", 0)])
def test_a_busy_upstream_says_when_to_come_again(
    tmp_path: Path, upstream: StubUpstream, status: int, advice: str, seconds: float
) -> None:
    upstream.script["submit"] = [says(status, {}, Retry_After=advice)]
    with pytest.raises(UpstreamBusy) as busy:
        fetch(upstream, tmp_path)
    assert busy.value.retry_after_s == seconds
    assert upstream.tasks == {}


PASSING: dict[str, Reply] = {
    "500": says(500, openai_error("boom")),
    "502": says(502, b"<html>bad gateway</html>"),
    "408": says(408),
    "garbage": says(200, b"{nonsense", Content_Type="application/json"),
    "a list": says(200, b"[]"),
    "no task": says(200, {"status": "queued"}),
    "an unknown state": says(200, {"id": "x", "status": "dreaming"}),
    "dropped": drops,
}


@pytest.mark.parametrize("reply", PASSING.values(), ids=PASSING)
@pytest.mark.parametrize("operation", ["submit", "poll"])
def test_what_may_pass_is_tried_again_with_the_same_key(
    tmp_path: Path, upstream: StubUpstream, operation: str, reply: Reply
) -> None:
    upstream.script[operation] = [reply, reply]
    fetch(upstream, tmp_path)
    assert len(upstream.tasks) == 1
    assert {seen.headers["idempotency-key"] for seen in upstream.asked("submit")} == {"task-id"}


@pytest.mark.parametrize("reply", PASSING.values(), ids=PASSING)
@pytest.mark.parametrize("operation", ["submit", "poll"])
def test_what_does_not_pass_is_the_upstreams_fault(
    tmp_path: Path, upstream: StubUpstream, operation: str, reply: Reply
) -> None:
    upstream.script[operation] = [reply] * 1000
    with pytest.raises(UpstreamFailed) as failed:
        fetch(upstream.upstream(outage_s=0.3), tmp_path)
    assert type(failed.value) is UpstreamFailed
    assert (failed.value.fault, failed.value.retryable) == (Fault.UPSTREAM, True)


@pytest.mark.parametrize("operation", ["submit", "poll", "content"])
def test_an_upstream_that_hangs_is_given_up(tmp_path: Path, upstream: StubUpstream, operation: str) -> None:
    upstream.script[operation] = [hangs] * 1000
    with pytest.raises(UpstreamFailed):
        fetch(upstream.upstream(outage_s=0.3), tmp_path, limits=TIGHT)


def test_an_upstream_that_is_not_there_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    gone = Upstream("gone", f"http://127.0.0.1:{port}/v1", Dialect.OPENAI, {MODEL: MODEL})
    with pytest.raises(UpstreamFailed, match="it cannot be reached: Connection refused"):
        fetch(gone, tmp_path)
    nameless = replace(gone, url="http://no-such-host.invalid/v1")
    with pytest.raises(UpstreamFailed, match=r"it cannot be reached: .*(name|Name|resol)"):
        fetch(nameless, tmp_path)


@BOTH
def test_a_task_that_is_forgotten_is_told_at_once(tmp_path: Path, dialect: Dialect) -> None:
    with stub(tmp_path, dialect) as served:
        served.script["poll"] = [is_now("in_progress"), says(404, openai_error("not found"))]
        with pytest.raises(UpstreamForgot):
            fetch(served, tmp_path)
        assert len(served.asked("poll")) == 2


def test_dashscopes_unknown_task_is_a_forgotten_one(tmp_path: Path) -> None:
    with stub(tmp_path, Dialect.DASHSCOPE) as served:
        served.script["poll"] = [is_now("unknown")]
        with pytest.raises(UpstreamForgot):
            fetch(served, tmp_path)


def test_a_key_that_is_revoked_meanwhile_is_told_at_once(tmp_path: Path, upstream: StubUpstream) -> None:
    upstream.script["poll"] = [says(401, openai_error("revoked"))]
    with pytest.raises(UpstreamDenied):
        fetch(upstream, tmp_path)


def test_a_poll_that_is_refused_is_not_the_tasks_fault(tmp_path: Path, upstream: StubUpstream) -> None:
    upstream.script["poll"] = [says(400, openai_error("bad id"))]
    with pytest.raises(UpstreamFailed, match="answered a poll") as failed:
        fetch(upstream, tmp_path)
    assert failed.value.fault is Fault.UPSTREAM


def test_a_throttled_poll_is_no_outage(tmp_path: Path, upstream: StubUpstream) -> None:
    upstream.script["poll"] = [says(429, {}, Retry_After="0")] * 50
    fetch(upstream, tmp_path)
    assert len(upstream.asked("poll")) == 52


def test_the_upstreams_own_advice_on_polls_is_followed(tmp_path: Path, upstream: StubUpstream) -> None:
    def advises(handler: object, request: object) -> None:
        handler.send(  # type: ignore[attr-defined]
            200, upstream.told(upstream.tasks["remote-1"], "queued"), openai_poll_after_ms="1"
        )

    upstream.script["poll"] = [advises] * 20
    fetch(upstream, tmp_path)
    assert len(upstream.asked("poll")) == 22


FAILURES = [
    ("moderation_blocked", UpstreamRefused),
    ("DataInspectionFailed", UpstreamRefused),
    ("InvalidParameter", UpstreamRefused),
    ("engine_failed", UpstreamRefused),
    ("InternalError.Algo", UpstreamTaskFailed),
    ("server_error", UpstreamTaskFailed),
    ("never_heard_of", UpstreamTaskFailed),
]


@BOTH
@pytest.mark.parametrize(("code", "kind"), FAILURES)
def test_a_failure_there_is_the_tasks_own(
    tmp_path: Path, dialect: Dialect, code: str, kind: type[WanserveError]
) -> None:
    with stub(tmp_path, dialect) as served:
        served.script["poll"] = [is_now("failed", code, f"it went wrong with {KEY}")]
        with pytest.raises(kind) as failed:
            fetch(served, tmp_path)
        error = failed.value
        assert type(error) is kind
        assert error.said == f"{code}: it went wrong with ***"
        assert (error.fault, error.retryable) == (Fault.TASK, kind is UpstreamTaskFailed)


@BOTH
def test_a_cancel_by_somebody_else_there_is_not_the_tasks_fault(tmp_path: Path, dialect: Dialect) -> None:
    with stub(tmp_path, dialect) as served:
        served.script["poll"] = [is_now("canceled")]
        with pytest.raises(UpstreamFailed, match="canceled there"):
            fetch(served, tmp_path)


def test_a_task_that_never_ends_is_canceled_and_given_up(tmp_path: Path, upstream: StubUpstream) -> None:
    upstream.script["poll"] = [is_now("in_progress")] * 10_000
    with pytest.raises(UpstreamFailed, match="did not finish the task within"):
        fetch(upstream.upstream(max_s=0.2), tmp_path)
    assert upstream.tasks["remote-1"].canceled


@pytest.mark.parametrize("reply", [says(500), drops])
def test_a_task_that_never_ends_is_given_up_also_where_it_cannot_be_canceled(
    tmp_path: Path, upstream: StubUpstream, reply: Reply
) -> None:
    upstream.script["poll"] = [is_now("in_progress")] * 10_000
    upstream.script["cancel"] = [reply]
    with pytest.raises(UpstreamFailed, match="did not finish the task within"):
        fetch(upstream.upstream(max_s=0.2), tmp_path)


DOWNLOADS: dict[str, Reply] = {
    "500": says(500),
    "truncated": cuts,
    "a page": says(200, b"<html>", Content_Type="text/html; charset=utf-8"),
    "json": says(200, {"error": "x"}),
    "dropped": drops,
}


@pytest.mark.parametrize("reply", DOWNLOADS.values(), ids=DOWNLOADS)
def test_a_download_that_breaks_is_tried_again(tmp_path: Path, upstream: StubUpstream, reply: Reply) -> None:
    upstream.script["content"] = [reply, reply]
    fetch(upstream, tmp_path)
    assert (tmp_path / "video.mp4").read_bytes() == upstream.video
    assert len(upstream.asked("content")) == 3


@pytest.mark.parametrize("reply", DOWNLOADS.values(), ids=DOWNLOADS)
def test_a_download_that_keeps_breaking_is_the_upstreams_fault(
    tmp_path: Path, upstream: StubUpstream, reply: Reply
) -> None:
    upstream.script["content"] = [reply] * 3
    with pytest.raises(UpstreamFailed, match="could not be downloaded"):
        fetch(upstream, tmp_path)


@pytest.mark.parametrize(("status", "kind"), [(403, UpstreamFailed), (404, UpstreamForgot), (410, UpstreamForgot)])
def test_a_video_that_is_gone_is_not_asked_for_again(
    tmp_path: Path, upstream: StubUpstream, status: int, kind: type[WanserveError]
) -> None:
    upstream.script["content"] = [says(status)]
    with pytest.raises(kind):
        fetch(upstream, tmp_path)
    assert len(upstream.asked("content")) == 1


def test_a_download_that_never_ends_is_given_up(tmp_path: Path, upstream: StubUpstream) -> None:
    upstream.script["content"] = [drips] * 3
    with pytest.raises(UpstreamFailed, match=r"within 0\.5 s"):
        fetch(upstream, tmp_path, limits=TIGHT)


@pytest.mark.parametrize("length", [{}, {"Content_Length": "6000000"}])
def test_a_video_that_is_too_large_is_refused(tmp_path: Path, upstream: StubUpstream, length: dict[str, str]) -> None:
    upstream.script["content"] = [says(200, bytes(6_000_000), **length)]
    with pytest.raises(UpstreamFailed, match="larger than 5000000 bytes"):
        fetch(upstream, tmp_path, limits=Limits(file_bytes=5_000_000))


def test_an_answer_that_is_too_long_is_not_read(tmp_path: Path, upstream: StubUpstream) -> None:
    upstream.script["poll"] = [says(200, b" " * 20_000)] * 1000
    with pytest.raises(UpstreamFailed, match="longer than 10000 bytes"):
        fetch(upstream.upstream(outage_s=0.3), tmp_path, limits=Limits(answer_bytes=10_000))


def test_a_folder_that_cannot_be_written_is_this_machines_fault(tmp_path: Path, upstream: StubUpstream) -> None:
    with pytest.raises(MediaUnavailable) as failed:
        fetch(upstream, tmp_path / "none")
    assert failed.value.fault is Fault.MACHINE
    assert isinstance(failed.value.__cause__, OSError)
    assert failed.value.__cause__.errno == errno.ENOENT


def test_the_key_does_not_follow_a_redirect_to_another_host(tmp_path: Path, upstream: StubUpstream) -> None:
    with stub(tmp_path) as bucket:
        back = says(302, Location=f"{upstream.root}/v1/elsewhere/again.mp4")
        bucket.script["content"] = [back]
        upstream.script["content"] = [says(302, Location=f"{bucket.root}/elsewhere/clip.mp4?signature=x")]
        fetch(upstream, tmp_path)
        first, last = upstream.asked("content")
        assert first.headers["authorization"] == f"Bearer {KEY}"
        assert "authorization" not in last.headers, "once it was left out, it stays out"
        (there,) = bucket.asked("content")
        assert "authorization" not in there.headers
        assert (tmp_path / "video.mp4").read_bytes() == upstream.video


def test_the_key_follows_a_redirect_on_the_same_host(tmp_path: Path, upstream: StubUpstream) -> None:
    upstream.script["content"] = [says(307, Location="/v1/elsewhere/clip.mp4")]
    fetch(upstream, tmp_path)
    assert all("authorization" in seen.headers for seen in upstream.asked("content"))


def test_the_key_is_not_sent_to_the_host_of_a_video_url(tmp_path: Path) -> None:
    with stub(tmp_path, Dialect.DASHSCOPE) as served, stub(tmp_path) as bucket:
        served.script["poll"] = [is_now("completed", video_url=f"{bucket.root}/elsewhere/clip.mp4")]
        fetch(served, tmp_path)
        (there,) = bucket.asked("content")
        assert "authorization" not in there.headers


@pytest.mark.parametrize("target", ["ftp://h/x", "file:///etc/passwd", "gopher://h"])
def test_no_other_scheme_is_followed(tmp_path: Path, upstream: StubUpstream, target: str) -> None:
    upstream.script["content"] = [says(302, Location=target)]
    with pytest.raises(UpstreamFailed, match="neither http:// nor https://"):
        fetch(upstream, tmp_path)


STRANGE = [
    "http://[",
    "http://h:99999999/",
    "http://h:port/",
    "http:///x",
    "http://\u00fc..example",
    "https://[::1",
]


@pytest.mark.parametrize("target", STRANGE)
def test_an_address_that_is_none_is_the_upstreams_fault(tmp_path: Path, upstream: StubUpstream, target: str) -> None:
    located = target.encode().decode("latin-1")
    upstream.script["content"] = [says(302, Location=located)] * 3
    with pytest.raises(UpstreamFailed) as failed:
        fetch(upstream, tmp_path)
    assert failed.value.fault is Fault.UPSTREAM
    with stub(tmp_path, Dialect.DASHSCOPE) as served:
        served.script["poll"] = [is_now("completed", video_url=target)]
        with pytest.raises(UpstreamFailed):
            fetch(served, tmp_path)


def test_redirects_end(tmp_path: Path, upstream: StubUpstream) -> None:
    upstream.script["content"] = [says(302, Location="/v1/elsewhere/loop")] * 100
    with pytest.raises(UpstreamFailed, match="more than 5 redirects"):
        fetch(upstream, tmp_path)


def canceled_once(served: StubUpstream, operation: str, error: type[Canceled] = Canceled) -> Report:
    """A report that raises once the upstream was asked for this."""

    def report(_: Progress) -> None:
        if served.asked(operation):
            raise error("asked")

    return report


@BOTH
@pytest.mark.parametrize("reply", [hangs, is_now("in_progress")], ids=["hangs", "answers"])
def test_a_cancel_stops_here_and_there_also_while_a_poll_hangs(tmp_path: Path, dialect: Dialect, reply: Reply) -> None:
    with stub(tmp_path, dialect) as served:
        served.script["poll"] = [reply] * 10_000
        with pytest.raises(Canceled):
            fetch(served, tmp_path, report=canceled_once(served, "poll"))
        (asked,) = served.asked("cancel")
        assert asked.method == ("DELETE" if dialect is Dialect.OPENAI else "POST")
        assert served.tasks["remote-1"].canceled


def test_an_attempt_that_was_superseded_leaves_the_task_to_the_other(tmp_path: Path, upstream: StubUpstream) -> None:
    upstream.script["poll"] = [is_now("in_progress")] * 10_000
    with pytest.raises(Superseded):
        fetch(upstream, tmp_path, report=canceled_once(upstream, "poll", Superseded))
    assert upstream.asked("cancel") == []


# Only the one that hangs is waited for; a busy machine may take its time to send any of them.
@pytest.mark.parametrize(("reply", "seconds"), [(says(500), 60.0), (says(404), 60.0), (drops, 60.0), (hangs, 3.0)])
def test_a_cancel_ends_whatever_the_upstream_answers(
    tmp_path: Path, upstream: StubUpstream, reply: Reply, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "CANCEL_SECONDS", seconds)
    upstream.script["poll"] = [is_now("in_progress")] * 10_000
    upstream.script["cancel"] = [reply]
    with pytest.raises(Canceled):
        fetch(upstream, tmp_path, report=canceled_once(upstream, "poll"))
    assert len(upstream.asked("cancel")) == 1


def accepts(then: Reply) -> Reply:
    """Accept the task; the answer is `then`."""

    def reply(handler: Handler, seen: Seen) -> None:
        handler.stub.accept(seen.headers["idempotency-key"])
        then(handler, seen)

    return reply


def after_a_moment(handler: Handler, seen: Seen) -> None:
    """Answer as usual, after the client has canceled."""
    handler.stub.closed.wait(0.5)
    usual(handler, seen)


@BOTH
@pytest.mark.parametrize(
    "replies",
    [[accepts(after_a_moment)], [accepts(hangs)], [accepts(drops), hangs], [accepts(says(200, b"no JSON")), hangs]],
    ids=["late", "never", "lost", "unreadable"],
)
def test_a_cancel_while_it_is_submitted_leaves_nothing_running_there(
    tmp_path: Path, dialect: Dialect, replies: list[Reply], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching_module, "LATE_ANSWER_SECONDS", 1.5)
    with stub(tmp_path, dialect) as served:
        served.script["submit"] = list(replies)
        with pytest.raises(Canceled):
            fetch(served, tmp_path, report=canceled_once(served, "submit"))
        assert [task.canceled for task in served.tasks.values()] == [True]


@pytest.mark.parametrize("reply", [says(400), says(429), says(401)])
def test_a_cancel_while_it_is_refused_has_nothing_to_cancel(
    tmp_path: Path, upstream: StubUpstream, reply: Reply
) -> None:
    def refuse(handler: Handler, seen: Seen) -> None:
        handler.stub.closed.wait(0.5)
        reply(handler, seen)

    upstream.script["submit"] = [refuse]
    with pytest.raises(Canceled):
        fetch(upstream, tmp_path, report=canceled_once(upstream, "submit"))
    assert (len(upstream.asked("submit")), upstream.asked("cancel")) == (1, [])


def test_nothing_of_the_key_or_the_prompt_is_logged(
    tmp_path: Path, upstream: StubUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.script["poll"] = [is_now("in_progress"), is_now("failed", "server_error", f"{ASKED.prompt} {KEY}")]
    with caplog.at_level(logging.DEBUG, "wanserve"), pytest.raises(UpstreamTaskFailed) as failed:
        fetch(upstream, tmp_path)
    assert "remote-1" in caplog.text
    assert KEY not in caplog.text
    assert ASKED.prompt not in caplog.text + str(failed.value)


def test_an_engine_without_an_upstream_for_the_model_says_so(upstream: StubUpstream) -> None:
    engine = RemoteEngine({"stub": upstream.upstream()})
    engine.load(MODEL)
    with pytest.raises(SetupError, match="no upstream"):
        engine.load("wanx2.1-t2v-plus")


@BOTH
def test_a_check_of_a_working_upstream_finds_nothing(tmp_path: Path, dialect: Dialect) -> None:
    with stub(tmp_path, dialect) as served:
        check = check_upstream(served.upstream())
        assert (check.problem, check.missing, check.line) == (None, (), "")
        assert served.tasks == {}


def test_a_check_tells_which_models_are_missing(upstream: StubUpstream) -> None:
    check = check_upstream(upstream.upstream(models={MODEL: THEIR_MODEL, "wanx2.1-t2v-plus": "another"}))
    assert (check.problem, check.missing) == (None, ("another",))


@BOTH
def test_a_server_that_minds_only_the_question_is_there(tmp_path: Path, dialect: Dialect) -> None:
    with stub(tmp_path, dialect) as served:
        said = openai_error("what?") if dialect is Dialect.OPENAI else {"request_id": "r", "code": "InvalidParameter"}
        served.script["check"] = [says(400, said)]
        assert check_upstream(served.upstream()).problem is None


def test_a_server_without_a_list_of_models_is_asked_for_its_videos(upstream: StubUpstream) -> None:
    upstream.script["check"] = [says(404, {"detail": "Not Found"}), says(200, {"object": "list", "data": []})]
    assert check_upstream(upstream.upstream()).problem is None
    assert [seen.path for seen in upstream.asked("check")] == ["/v1/models", "/v1/videos?limit=1"]


CHECKS: dict[str, tuple[list[Reply], bool, str]] = {
    "key": ([says(401, openai_error(f"Incorrect API key: {KEY}"))], True, "HTTP status 401.*Incorrect API key: [*]{3}"),
    "wrong path": ([says(404, {}), says(404, {})], True, "HTTP status 404: its url or its dialect is wrong"),
    "a page": ([says(200, b"<html>", Content_Type="text/html")], True, "is not a JSON object: its url"),
    "another API": ([says(200, {"hello": "world"})], True, "its url or its dialect is wrong"),
    "broken": ([says(500, {})], False, "HTTP status 500"),
    "busy": ([says(503, {})], False, "HTTP status 503"),
    "dropped": ([drops], False, "connection broke"),
    "redirect": ([says(301, Location="https://x")], False, "url to the address"),
}


@pytest.mark.parametrize(("replies", "by_setting", "line"), CHECKS.values(), ids=CHECKS)
def test_a_check_tells_what_the_upstream_said_and_whether_a_setting_is_wrong(
    upstream: StubUpstream, replies: list[Reply], by_setting: bool, line: str
) -> None:
    upstream.script["check"] = replies
    checks = check_all({"stub": upstream.upstream()})
    told = checks["stub"].line
    assert re.search(line, told)
    assert KEY not in told
    if by_setting:
        with pytest.raises(SetupError, match=f"^upstreams: stub: {re.escape(told)}$"):
            require_settings(checks)
    else:
        require_settings(checks)


def test_a_check_that_hangs_ends(upstream: StubUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    from wanserve.engine.remote import check

    monkeypatch.setattr(check, "_LIMITS", TIGHT)
    upstream.script["check"] = [hangs]
    problem = check_upstream(upstream.upstream()).problem
    assert problem is not None
    assert "0." in problem


def settings_with(tmp_path: Path, *urls: str) -> Settings:
    """Settings with an upstream for each URL, whose model has a name that no stub lists, and whose key is the stubs'."""
    tables = [
        {"name": f"u{number}", "url": url, "dialect": "openai", "key": KEY, "models": {MODEL: "unheard-of"}}
        for number, url in enumerate(urls)
    ]
    return load({"engine": "remote", "data_dir": tmp_path, "upstreams": tables}, {}, tmp_path / "none.toml")


def test_a_start_tells_what_is_missing_and_who_is_down_and_goes_on(
    tmp_path: Path, upstream: StubUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_with(tmp_path, f"{upstream.root}/v1", "http://127.0.0.1:9/v1")
    with caplog.at_level(logging.WARNING):
        router = app._router(settings, find_availability(settings))
    assert "upstream u0 does not list the model unheard-of" in caplog.text
    assert "upstream u1 gets no task: it cannot be reached" in caplog.text
    assert list(router.unavailable()) == ["u1"]
    assert router.problem() is None
    assert KEY not in caplog.text


def test_a_start_with_a_key_that_is_refused_says_which_and_what_was_said(
    tmp_path: Path, upstream: StubUpstream
) -> None:
    upstream.script["check"] = [says(401, openai_error(f"Incorrect API key: {KEY}"))]
    settings = settings_with(tmp_path, f"{upstream.root}/v1")
    with pytest.raises(SetupError, match=r"^upstreams: u0: .*HTTP status 401.*: Incorrect API key: \*\*\*$"):
        app._router(settings, find_availability(settings))


def test_other_engines_have_no_router(tmp_path: Path) -> None:
    settings = load({"engine": "animatic", "data_dir": tmp_path}, {}, tmp_path / "none.toml")
    assert isinstance(app._router(settings, find_availability(settings)), NoRouter)


def test_doctor_names_each_upstream_with_what_is_wrong(tmp_path: Path, upstream: StubUpstream) -> None:
    settings = settings_with(tmp_path, f"{upstream.root}/v1", "http://127.0.0.1:9/v1")
    missing, down = findings._upstreams(settings)
    assert (missing.about, missing.fine) == ("upstream u0", False)
    assert missing.says == f"{upstream.root}/v1: it does not list the model unheard-of"
    assert (down.about, down.fine) == ("upstream u1", False)
    assert "it cannot be reached" in down.says
