"""The Traces of OpenTelemetry: gives each task's spans the ids that every process knows. Needs the extra `otel`."""

import hashlib
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from wanserve.domain.attempt import Outcome
from wanserve.domain.progress import ORDER, StageTimes
from wanserve.domain.task import Task
from wanserve.domain.webhooks import Delivery, Tried

EXPORT_SECONDS: Final = 5.0
"""How long a collector may take to answer."""


def collector(url: str) -> SpanProcessor:
    """Sends spans in batches to the OTLP collector at this URL, over HTTP. What it does not take in time is dropped."""
    return BatchSpanProcessor(OTLPSpanExporter(f"{url.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS))


class _Ids(RandomIdGenerator):
    """Random ids, except for the root of a task's trace, whose ids are in `roots` while it is made."""

    def __init__(self, roots: threading.local) -> None:
        self._roots = roots

    def generate_trace_id(self) -> int:
        """The trace's id. Every span but a root has a parent, whose trace it belongs to."""
        return int(self._roots.trace)

    def generate_span_id(self) -> int:
        """The span's id."""
        pinned: int | None = getattr(self._roots, "span", None)
        return pinned or super().generate_span_id()


@dataclass(slots=True)
class OtelTraces:
    """The Traces of OpenTelemetry's SDK, which gives finished spans to `processor`.

    The SDK's own variables hold, such as OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES and OTEL_TRACES_SAMPLER.
    """

    processor: SpanProcessor
    version: str
    _provider: TracerProvider = field(init=False)
    _roots: threading.local = field(default_factory=threading.local, init=False)
    """The id that the next span of this thread has to have, as `id`."""

    def __post_init__(self) -> None:
        named = Resource.create({"service.name": "wanserve", "service.version": self.version})
        # The variables come after our name, which they may change.
        self._provider = TracerProvider(
            resource=named.merge(OTELResourceDetector().detect()), id_generator=_Ids(self._roots)
        )
        self._provider.add_span_processor(self.processor)

    def now_s(self) -> float:
        """See Traces."""
        return time.monotonic()

    def submitted(self, task: Task, seconds: float, dialect: str, caller: str | None) -> None:
        """See Traces. A submit that was sent again belongs to the trace of the first one."""
        about = _about(task) | {"wanserve.dialect": dialect}
        if task.changes == 0:
            with self._root(task.id):
                self._span("submit", None, seconds, about, caller=caller)
        else:
            self._span("submit again", task.id, seconds, about, caller=caller)

    def canceled(self, task: Task, seconds: float, dialect: str) -> None:
        """See Traces."""
        self._span("cancel", task.id, seconds, _about(task) | {"wanserve.dialect": dialect})

    def attempted(self, task: Task, seconds: float, times: StageTimes, outcome: Outcome | None, problem: str) -> None:
        """See Traces. Its stages are its children, one after the other; the wait before it is its sibling."""
        about = _about(task) | {"wanserve.attempt": task.attempt, "wanserve.worker": task.worker_id or ""}
        ended_ns = time.time_ns()
        if task.started_ms is not None and task.attempt == 1:
            # By the database's clock, which may differ from this machine's.
            waited_s = (task.started_ms - task.submitted_ms) / 1000
            self._span("wait", task.id, waited_s, about, ended_ns=ended_ns - _ns(seconds))
        about |= {"wanserve.outcome": outcome.value if outcome else "unknown"}
        attempt = self._span("attempt", task.id, seconds, about, problem=problem, ended_ns=ended_ns)
        stage_ns = ended_ns - _ns(seconds)
        for stage in ORDER:
            if stage in times:
                stage_ns += _ns(times[stage])
                self._span(stage.value, attempt, times[stage], {}, ended_ns=stage_ns)

    def delivered(self, delivery: Delivery, seconds: float, tried: Tried) -> None:
        """See Traces. Nothing is told of the receiver: its URL may be a secret."""
        about = {
            "wanserve.task.id": delivery.task_id,
            "wanserve.account": delivery.account,
            "wanserve.webhook.event": delivery.event.value,
            "wanserve.webhook.try": delivery.tries + 1,
            "http.response.status_code": tried.status or 0,
        }
        self._span("webhook", delivery.task_id, seconds, about, problem=tried.error or "")

    @contextmanager
    def _root(self, task_id: str) -> Iterator[None]:
        """Within the block, the next span of this thread is the root of the task's trace."""
        self._roots.trace, self._roots.span = _trace_id(task_id), _root_id(task_id)
        try:
            yield
        finally:
            self._roots.trace = self._roots.span = None

    def _span(
        self,
        name: str,
        parent: trace.Span | str | None,
        seconds: float,
        about: Mapping[str, str | int],
        *,
        problem: str = "",
        caller: str | None = None,
        ended_ns: int | None = None,
    ) -> trace.Span:
        """Send a span that ended just now, or then. `parent`: a span, a task's id for its root, or None for the root itself."""
        ended_ns = time.time_ns() if ended_ns is None else ended_ns
        if isinstance(parent, str):
            parent = trace.NonRecordingSpan(self._root_context(parent))
        context = Context() if parent is None else trace.set_span_in_context(parent, Context())
        tracer = self._provider.get_tracer("wanserve", self.version)
        span = tracer.start_span(
            name, context, attributes=dict(about), links=_links(caller), start_time=ended_ns - _ns(seconds)
        )
        if problem:
            span.set_status(trace.StatusCode.ERROR, problem)
        span.end(ended_ns)
        return span

    def _root_context(self, task_id: str) -> trace.SpanContext:
        """What every process knows of a task's root: its ids, and whether the sampler takes it."""
        trace_id = _trace_id(task_id)
        decision = self._provider.sampler.should_sample(None, trace_id, "submit").decision
        flags = trace.TraceFlags(
            trace.TraceFlags.SAMPLED if decision is Decision.RECORD_AND_SAMPLE else trace.TraceFlags.DEFAULT
        )
        return trace.SpanContext(trace_id, _root_id(task_id), is_remote=True, trace_flags=flags)


def _links(caller: str | None) -> list[trace.Link]:
    """A link to the span of the request's sender, where it said which that is."""
    if caller is None:
        return []
    called = trace.get_current_span(TraceContextTextMapPropagator().extract({"traceparent": caller}, Context()))
    return [trace.Link(called.get_span_context())] if called.get_span_context().is_valid else []


def _about(task: Task) -> dict[str, str | int]:
    made = task.generation
    return {
        "wanserve.task.id": task.id,
        "wanserve.account": task.account,
        "wanserve.model": made.model,
        "wanserve.size": f"{made.width}*{made.height}",
        "wanserve.frames": made.frames,
    }


def _trace_id(task_id: str) -> int:
    return int(task_id.replace("-", ""), 16)


def _root_id(task_id: str) -> int:
    return int.from_bytes(hashlib.sha256(task_id.encode()).digest()[:8], "big")


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
