"""Counts and measures what the server does, as Prometheus metrics. None contains a prompt, a key or an account."""

import logging
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wanserve.domain.attempt import Outcome, Timings
from wanserve.domain.errors import StoreUnavailable
from wanserve.domain.ports import StateCount
from wanserve.domain.progress import StageTimes
from wanserve.domain.task import Task, Video
from wanserve.domain.webhooks import Tried
from wanserve.domain.worker import UpstreamUse

log = logging.getLogger(__name__)

LONG: Final = (0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1200, 3600, 4 * 3600)
"""Bucket limits in seconds for durations between one second, for a preview, and hours, for a large model."""

SHORT: Final = (0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)
"""Bucket limits in seconds for the handling of one file."""


RATIOS: Final = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2)
"""Bucket limits for the error of an estimate."""


class Metrics:
    """The metrics of this process. The methods may be called from any thread."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.answers: Tally[tuple[str, int]] = Tally()
        """HTTP answers by dialect and status. Only the event loop counts them, so no lock is needed."""

        self._queued = self._histogram("queue_seconds", "From a task's submit to its first attempt.", LONG)
        self._generated = self._histogram("generation_seconds", "An attempt's time in the engine.", LONG)
        self._encoded = self._histogram("encode_seconds", "An attempt's time in the encoder.", LONG)
        self._stored = self._histogram("store_seconds", "Reading a video back, syncing and storing it.", SHORT)
        self._stages = Histogram(
            "wanserve_stage_seconds",
            "A stage of an attempt that made a video.",
            ["model", "stage"],
            buckets=LONG,
            registry=self._registry,
        )
        self._errors = self._histogram(
            "estimate_error_ratio", "How wrong the seconds left were at half time, as a share of those left.", RATIOS
        )
        self._attempts = Counter(
            "wanserve_attempts", "Attempts that ended, by outcome.", ["model", "end"], registry=self._registry
        )
        self._crashes = Counter(
            "wanserve_engine_crashes",
            "Engine processes that died or were killed in an attempt.",
            registry=self._registry,
        )
        self._leases = Counter("wanserve_leases_lost", "Attempts whose lease ran out.", registry=self._registry)
        self._webhooks = Counter("wanserve_webhooks", "Tries to send a webhook.", ["end"], registry=self._registry)
        self._bytes = Counter("wanserve_stored_bytes", "Bytes of the videos made.", ["model"], registry=self._registry)
        self._ready = Gauge(
            "wanserve_ready", "1 while the next request would be accepted, as /readyz reports.", registry=self._registry
        )
        self._workers_ready = Gauge(
            "wanserve_workers_ready",
            "1 while the next task would be made, as /readyz/workers reports.",
            registry=self._registry,
        )
        self._certificate = Gauge(
            "wanserve_certificate_expires_seconds",
            "When the certificate that signs the videos expires, in seconds since 1970.",
            registry=self._registry,
        )
        self._registry.register(_AnswerCollector(self.answers))

    def add_task_table(self, state_counts: Callable[[], Sequence[StateCount]]) -> None:
        """Add the metrics of the task table, which is read for every page. Call it once."""
        self._registry.register(_TaskTableCollector(state_counts))

    def add_upstreams(self, use: Callable[[], Mapping[str, UpstreamUse]]) -> None:
        """Add the metrics of the upstreams, where there are some. Call it once."""
        self._registry.register(_UpstreamCollector(use))

    def note_certificate(self, expires_s: float) -> None:
        """Show when the certificate that signs the videos expires, in seconds since 1970."""
        self._certificate.set(expires_s)

    def add_moderation(self, counts: Callable[[], Mapping[tuple[str, str], int]]) -> None:
        """Add how many submits were judged, by who judged and how that ended. Call it once."""
        self._registry.register(_ModerationCollector(counts))

    def add_outbox(self, waiting: Callable[[], int]) -> None:
        """Add the number of webhooks that wait, which is read for every page. Call it once."""
        self._registry.register(_OutboxCollector(waiting))

    def webhook_tried(self, tried: Tried) -> None:
        """Count a try to send a webhook."""
        self._webhooks.labels("delivered" if tried.delivered else "failed").inc()

    def video_made(self, task: Task, video: Video, timings: Timings) -> None:
        """Count a video whose task has SUCCEEDED."""
        model = task.generation.model
        self._generated.labels(model).observe(timings.generate_s)
        self._encoded.labels(model).observe(timings.encode_s)
        self._stored.labels(model).observe(timings.store_s)
        self._bytes.labels(model).inc(video.size_bytes)

    def stages_timed(self, task: Task, times: StageTimes, error: float | None) -> None:
        """Measure the stages of an attempt that made a video, and how wrong the estimate of its end was at half time."""
        for stage, seconds in times.items():
            self._stages.labels(task.generation.model, stage.value).observe(seconds)
        if error is not None:
            self._errors.labels(task.generation.model).observe(error)

    def attempt_started(self, task: Task) -> None:
        """Measure how long the task waited in the queue, if this is its first attempt."""
        if task.started_ms is not None and task.attempt == 1:
            self._queued.labels(task.generation.model).observe((task.started_ms - task.submitted_ms) / 1000)

    def attempt_ended(self, task: Task, outcome: Outcome, *, child_died: bool) -> None:
        """Count an attempt that ended."""
        self._attempts.labels(task.generation.model, outcome.value).inc()
        if child_died:
            self._crashes.inc()

    def lease_lost(self) -> None:
        """Count an attempt whose lease ran out."""
        self._leases.inc()

    def page(self, *, ready: bool, workers_ready: bool) -> bytes:
        """All metrics, in Prometheus's text format. Those of the task table are left out where it cannot be read."""
        self._ready.set(ready)
        self._workers_ready.set(workers_ready)
        return generate_latest(self._registry)

    def _histogram(self, name: str, help_text: str, buckets: Sequence[float]) -> Histogram:
        return Histogram(f"wanserve_{name}", help_text, ["model"], buckets=buckets, registry=self._registry)


class _AnswerCollector(Collector):
    """Collects the HTTP answers. A request only adds to a dict, which is cheaper than a look-up of labels."""

    def __init__(self, answers: Tally[tuple[str, int]]) -> None:
        self._answers = answers

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily("wanserve_http_answers", "HTTP answers.", labels=["dialect", "status"])
        for (dialect, status), count in dict(self._answers).items():
            family.add_metric([dialect, str(status)], count)
        yield family


class _TaskTableCollector(Collector):
    """Collects the present counts of tasks, which the store keeps up to date."""

    def __init__(self, state_counts: Callable[[], Sequence[StateCount]]) -> None:
        self._state_counts = state_counts

    def describe(self) -> Iterator[Metric]:
        # Called at the registration, when there may be no task table yet.
        return iter(())

    def collect(self) -> Iterator[Metric]:
        try:
            rows = self._state_counts()
        except StoreUnavailable as error:
            # The other metrics are needed most when the table cannot be read.
            log.error("the metrics of the task table are left out: %s", error)
            return
        tasks = GaugeMetricFamily("wanserve_tasks", "Tasks in the task table.", labels=["model", "state"])
        age = GaugeMetricFamily(
            "wanserve_queue_age_seconds", "How long the oldest waiting task has been waiting.", labels=["model"]
        )
        for row in rows:
            tasks.add_metric([row.model, row.state.value], row.count)
            if row.oldest_ms is not None:
                age.add_metric([row.model], max(0.0, time.time() - row.oldest_ms / 1000))
        yield tasks
        yield age


class _OutboxCollector(Collector):
    """Collects how many webhooks wait."""

    def __init__(self, waiting: Callable[[], int]) -> None:
        self._waiting = waiting

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        try:
            waiting = self._waiting()
        except StoreUnavailable as error:
            log.error("the metric of the waiting webhooks is left out: %s", error)
            return
        yield GaugeMetricFamily("wanserve_webhooks_waiting", "Webhooks that are not delivered yet.", value=waiting)


class _ModerationCollector(Collector):
    """Collects how submits were judged."""

    def __init__(self, counts: Callable[[], Mapping[tuple[str, str], int]]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(
            "wanserve_moderation", "Submits that moderation has judged.", labels=["source", "outcome"]
        )
        for (source, outcome), count in self._counts().items():
            family.add_metric([source, outcome], count)
        yield family


class _UpstreamCollector(Collector):
    """Collects what the upstreams do."""

    def __init__(self, use: Callable[[], Mapping[str, UpstreamUse]]) -> None:
        self._use = use

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("wanserve_upstream_up", "1 while the upstream gets tasks.", labels=["upstream"])
        tasks = GaugeMetricFamily("wanserve_upstream_tasks", "Tasks that the upstream has.", labels=["upstream"])
        failures = CounterMetricFamily(
            "wanserve_upstream_failures", "Attempts that failed by the upstream's fault.", labels=["upstream"]
        )
        for name, use in self._use().items():
            up.add_metric([name], use.gets_tasks)
            tasks.add_metric([name], use.running)
            failures.add_metric([name], use.failed)
        yield from (family for family in (up, tasks, failures) if family.samples)
