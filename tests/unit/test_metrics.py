"""The metrics page, read by Prometheus's own parser."""

import time
from dataclasses import replace

from prometheus_client.parser import text_string_to_metric_families

from tests.samples import VIDEO, new_task, unaccepted
from wanserve.domain.attempt import Outcome, Timings
from wanserve.domain.progress import Stage
from wanserve.domain.worker import UpstreamUse
from wanserve.metrics import Metrics
from wanserve.store.memory import MemoryTasks


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Each sample of the page, by its name and labels."""
    families = text_string_to_metric_families(metrics.page(ready=True, workers_ready=False).decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def test_attempts_are_counted_by_their_end_and_timed_where_a_video_was_made() -> None:
    metrics = Metrics()
    task = replace(new_task(submitted_ms=1000), started_ms=3500, attempt=1)
    metrics.attempt_started(task)
    metrics.attempt_started(replace(task, attempt=2))
    metrics.video_made(task, VIDEO, Timings(4.0, 0.5, 0.02))
    metrics.attempt_ended(task, Outcome.MADE, child_died=False)
    metrics.attempt_ended(task, Outcome.LOST, child_died=True)
    metrics.lease_lost()
    found = samples(metrics)
    model = frozenset({("model", task.generation.model)})
    assert found["wanserve_queue_seconds_sum", model] == 2.5
    assert found["wanserve_queue_seconds_count", model] == 1
    assert found["wanserve_generation_seconds_sum", model] == 4.0
    assert found["wanserve_encode_seconds_sum", model] == 0.5
    assert found["wanserve_store_seconds_sum", model] == 0.02
    assert found["wanserve_stored_bytes_total", model] == VIDEO.size_bytes
    assert found["wanserve_attempts_total", model | {("end", "made")}] == 1
    assert found["wanserve_attempts_total", model | {("end", "lost")}] == 1
    assert found["wanserve_engine_crashes_total", frozenset()] == 1
    assert found["wanserve_leases_lost_total", frozenset()] == 1


def test_stages_are_timed_and_estimates_held_against_what_came() -> None:
    metrics, task = Metrics(), new_task()
    metrics.stages_timed(task, {Stage.TEXT: 0.5, Stage.DENOISE: 4.0}, 0.125)
    metrics.stages_timed(task, {Stage.DENOISE: 5.0}, None)
    found, model = samples(metrics), ("model", task.generation.model)
    assert found["wanserve_stage_seconds_sum", frozenset({model, ("stage", "denoise")})] == 9.0
    assert found["wanserve_stage_seconds_count", frozenset({model, ("stage", "text")})] == 1
    assert found["wanserve_estimate_error_ratio_sum", frozenset({model})] == 0.125
    assert found["wanserve_estimate_error_ratio_count", frozenset({model})] == 1


def test_upstreams_are_told_where_there_are_some() -> None:
    metrics, use = Metrics(), dict[str, UpstreamUse]()
    metrics.add_upstreams(lambda: use)
    assert not [name for name, _ in samples(metrics) if "upstream" in name]
    use |= {"a": UpstreamUse(3, gets_tasks=True, failed=1), "b": UpstreamUse(0, gets_tasks=False, failed=2)}
    found = {name: value for name, value in samples(metrics).items() if "upstream" in name[0]}
    told = {
        "wanserve_upstream_up": (1, 0),
        "wanserve_upstream_tasks": (3, 0),
        "wanserve_upstream_failures_total": (1, 2),
    }
    assert found == {
        (name, frozenset({("upstream", upstream)})): value
        for name, values in told.items()
        for upstream, value in zip("ab", values, strict=True)
    }


def test_the_table_is_counted_when_the_page_is_read() -> None:
    now_ms = time.time_ns() // 1_000_000
    times = iter((now_ms - 9000, now_ms - 1000, now_ms))
    metrics, store = Metrics(), MemoryTasks(lambda: next(times))
    metrics.add_task_table(store.state_counts)
    for _ in range(2):
        store.add(unaccepted(model="large"), 9).result(0)
    store.claim("worker", ["large"], 10, None)
    found = samples(metrics)
    assert found["wanserve_tasks", frozenset({("model", "large"), ("state", "PENDING")})] == 1
    assert found["wanserve_tasks", frozenset({("model", "large"), ("state", "RUNNING")})] == 1
    assert 1 <= found["wanserve_queue_age_seconds", frozenset({("model", "large")})] < 9


def test_answers_are_counted_by_dialect_and_status() -> None:
    metrics = Metrics()
    metrics.answers["pixazo", 200] += 2
    found = samples(metrics)
    assert found["wanserve_http_answers_total", frozenset({("dialect", "pixazo"), ("status", "200")})] == 2
