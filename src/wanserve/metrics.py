"""What the server counts and measures, by Prometheus names. No prompt, key or account is in any of it."""

import logging
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wanserve.domain.attempt import Outcome, Timings
from wanserve.domain.errors import StoreUnavailable
from wanserve.domain.ports import StateCount
from wanserve.domain.task import Task, Video

log = logging.getLogger(__name__)

LONG: Final = (0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1200, 3600, 4 * 3600)
"""Bucket limits in seconds for what takes from a preview's second to a large model's hour."""

SHORT: Final = (0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)
"""Bucket limits in seconds for what a file takes."""


class Metrics:
    """What is counted while the server runs. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.answers: Tally[tuple[str, int]] = Tally()
        """HTTP answers by dialect and status. Counted on the event loop only, so a plain Counter does."""

        self._queued = self._histogram("queue_seconds", "From a task's submit to its first attempt.", LONG)
        self._generated = self._histogram("generation_seconds", "An attempt's time in the engine.", LONG)
        self._encoded = self._histogram("encode_seconds", "An attempt's time in the encoder.", LONG)
        self._stored = self._histogram("store_seconds", "Reading a video back, syncing and storing it.", SHORT)
        self._attempts = Counter(
            "wanserve_attempts", "Attempts that ended, by how.", ["model", "end"], registry=self._registry
        )
        self._crashes = Counter(
            "wanserve_engine_crashes",
            "Engine processes that died or were killed in an attempt.",
            registry=self._registry,
        )
        self._leases = Counter("wanserve_leases_lost", "Attempts whose lease ran out.", registry=self._registry)
        self._bytes = Counter("wanserve_stored_bytes", "Bytes of the videos made.", ["model"], registry=self._registry)
        self._ready = Gauge(
            "wanserve_ready", "1 while the next request would be accepted, as /readyz tells.", registry=self._registry
        )
        self._workers_ready = Gauge(
            "wanserve_workers_ready",
            "1 while the next task would be made, as /readyz/workers tells.",
            registry=self._registry,
        )
        self._registry.register(_Answers(self.answers))

    def watch(self, state_counts: Callable[[], Sequence[StateCount]]) -> None:
        """Have every page tell what the task table holds. Call once."""
        self._registry.register(_Table(state_counts))

    def made(self, task: Task, video: Video, spent: Timings) -> None:
        """A video was made and its task has SUCCEEDED."""
        model = task.generation.model
        self._generated.labels(model).observe(spent.generate_s)
        self._encoded.labels(model).observe(spent.encode_s)
        self._stored.labels(model).observe(spent.store_s)
        self._bytes.labels(model).inc(video.size_bytes)

    def started(self, task: Task) -> None:
        """An attempt began. Only a first one tells how long the queue is."""
        if task.started_ms is not None and task.attempt == 1:
            self._queued.labels(task.generation.model).observe((task.started_ms - task.submitted_ms) / 1000)

    def ended(self, task: Task, end: Outcome, *, child_died: bool) -> None:
        """An attempt ended."""
        self._attempts.labels(task.generation.model, end.value).inc()
        if child_died:
            self._crashes.inc()

    def lease_lost(self) -> None:
        """The lease of an attempt ran out."""
        self._leases.inc()

    def page(self, *, ready: bool, workers_ready: bool) -> bytes:
        """Everything, as Prometheus reads it. The figures of the task table are left out where it cannot be read."""
        self._ready.set(ready)
        self._workers_ready.set(workers_ready)
        return generate_latest(self._registry)

    def _histogram(self, name: str, about: str, buckets: Sequence[float]) -> Histogram:
        return Histogram(f"wanserve_{name}", about, ["model"], buckets=buckets, registry=self._registry)


class _Answers(Collector):
    """The HTTP answers, without a look-up of labels at each request."""

    def __init__(self, answers: Tally[tuple[str, int]]) -> None:
        self._answers = answers

    def collect(self) -> Iterator[Metric]:
        told = CounterMetricFamily("wanserve_http_answers", "HTTP answers.", labels=["dialect", "status"])
        for (dialect, status), count in dict(self._answers).items():
            told.add_metric([dialect, str(status)], count)
        yield told


class _Table(Collector):
    """The task table as it is at this moment, by counts that are kept in it."""

    def __init__(self, state_counts: Callable[[], Sequence[StateCount]]) -> None:
        self._census = state_counts

    def describe(self) -> Iterator[Metric]:
        # Asked at registration, when there need not be a table to be read yet.
        return iter(())

    def collect(self) -> Iterator[Metric]:
        try:
            rows = self._census()
        except StoreUnavailable as error:
            # All else is worth the more just now.
            log.error("the metrics of the task table are left out: %s", error)
            return
        tasks = GaugeMetricFamily("wanserve_tasks", "Tasks that are known.", labels=["model", "state"])
        age = GaugeMetricFamily(
            "wanserve_queue_age_seconds", "How long the oldest waiting task has been waiting.", labels=["model"]
        )
        for row in rows:
            tasks.add_metric([row.model, row.state.value], row.count)
            if row.oldest_ms is not None:
                age.add_metric([row.model], max(0.0, time.time() - row.oldest_ms / 1000))
        yield tasks
        yield age
