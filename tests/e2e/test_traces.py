"""Traces of a real server, sent to a real collector: one for each task, over all of its processes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.e2e.faults.harness import rig
from tests.e2e.server import running, wanserve
from tests.receiver import receiving

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PATIENCE_S = 60


@dataclass
class Collector:
    """What an OTLP collector got: the spans, and the attributes of who sent them."""

    port: int = 0
    spans: list[Span] = field(default_factory=list)
    senders: list[dict[str, str]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def take(self, content: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(content)
        with self.changed:
            for group in request.resource_spans:
                self.senders.append({each.key: each.value.string_value for each in group.resource.attributes})
                self.spans += [span for scope in group.scope_spans for span in scope.spans]
            self.changed.notify_all()

    def until(self, task_id: str, *names: str) -> dict[str, Span]:
        """The spans of the task's trace by their names, once all of these are there."""
        trace_id = bytes.fromhex(task_id.replace("-", ""))

        def found() -> dict[str, Span]:
            return {span.name: span for span in self.spans if span.trace_id == trace_id}

        with self.changed:
            assert self.changed.wait_for(lambda: set(names) <= set(found()), PATIENCE_S), found().keys()
            return found()


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["content-length"]))
            if self.path == "/otlp/v1/traces":
                collector.take(content)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.port = server.server_address[1]
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield collector
        finally:
            server.shutdown()
            serving.join()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    # Sent soon, so that a test need not wait for the SDK's five seconds.
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    with collecting() as made:
        yield made


def attributes(span: Span) -> dict[str, Any]:
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


def test_a_task_is_one_trace_from_its_submit_to_its_webhook(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    with (
        receiving() as receiver,
        running(tmp_path / "data", webhooks_private="true", traces_url=f"{collector.url}/otlp/") as server,
    ):
        # In this dialect, for its place for a webhook's URL.
        body = {"prompt": "A kitten with a secret", "size": "640x480", "webhook_url": receiver.url()}
        headers = {"Authorization": f"Bearer {server.key}", "traceparent": CALLER, "Idempotency-Key": "once"}
        answer = server.http.post(f"{server.url}/v1/videos", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        task_id = answer.json()["id"].removeprefix("video_")
        spans = collector.until(task_id, "submit", "wait", "attempt", "encode", "store", "webhook")
        server.http.post(f"{server.url}/v1/videos", json=body, headers=headers)
        spans = collector.until(task_id, *spans, "submit again")
    root, attempt = spans["submit"], spans["attempt"]
    assert root.parent_span_id == b""
    assert [link.trace_id.hex() for link in root.links] == ["0af7651916cd43dd8448eb211c80319c"]
    for name in ("wait", "attempt", "webhook", "submit again"):
        assert spans[name].parent_span_id == root.span_id, name
    for name in ("encode", "store"):
        assert spans[name].parent_span_id == attempt.span_id, name
        assert attempt.start_time_unix_nano <= spans[name].start_time_unix_nano <= spans[name].end_time_unix_nano
    about = attributes(attempt)
    assert about["wanserve.task.id"].replace("-", "") == task_id
    assert (about["wanserve.outcome"], about["wanserve.attempt"], about["wanserve.account"]) == ("made", 1, "default")
    assert attributes(spans["webhook"])["http.response.status_code"] == 204
    (sender,) = {(each["service.name"], each["deployment.environment.name"]) for each in collector.senders}
    assert sender == ("wanserve", "test")
    told = b"".join(span.SerializeToString() for span in collector.spans)
    assert b"secret" not in told
    assert str(receiver.port).encode() not in told


def test_attempts_that_fail_and_cancels_are_in_the_trace(collector: Collector, tmp_path: Path) -> None:
    with rig(tmp_path, traces_url=f"{collector.url}/otlp", max_attempts="1") as made:
        failed = made.accept("engine-failed a cat")
        spans = collector.until(failed, "submit", "attempt")
        assert spans["attempt"].status.code == Status.STATUS_CODE_ERROR
        assert attributes(spans["attempt"])["wanserve.outcome"] == "lost"
        canceled = made.accept_held()
        path = f"{made.server.url}/v1/videos/video_{canceled.replace('-', '')}/cancel"
        assert made.server.http.post(path, headers={"Authorization": f"Bearer {made.server.key}"}).status_code == 200
        spans = collector.until(canceled, "submit", "cancel", "attempt")
        assert attributes(spans["attempt"])["wanserve.outcome"] == "canceled"


def test_a_collector_that_is_away_harms_no_task(tmp_path: Path) -> None:
    with collecting() as gone:
        url = gone.url
    with rig(tmp_path, traces_url=url) as made:
        made.until_ended(made.accept())
        made.stop()


def test_an_address_that_is_none_is_refused() -> None:
    done = wanserve("serve", traces_url="collector:4318")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("wanserve: traces_url (WANSERVE_TRACES_URL): must be http:// or https://")
