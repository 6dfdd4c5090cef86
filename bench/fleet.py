"""What several machines share: claims, finishes, heartbeats, polls and starts through a PostgreSQL that waits for its disk."""

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from bench.load import Load, drive, post
from bench.postgres_costs import opened
from bench.processes import Listening, wanserve
from bench.result import Result, Target, ratio
from bench.samples import (
    KEY_HEADER,
    MODEL,
    POLL_PATH,
    REQUEST,
    SUBMIT_BODY,
    SUBMIT_PATH,
    UNLIMITED,
    finished_task,
    owner,
    poll_body,
)
from bench.samples import opened as opened_sqlite
from tests import postgres
from tests.samples import heartbeat
from wanserve.core import Core
from wanserve.domain.files import file_key
from wanserve.domain.task import Task, Video

WORKERS: Final = 8
ACCOUNTS: Final = 200
QUEUED: Final = 10_000
CLAIMS_EACH: Final = 300
FINISHES_EACH: Final = 150
RUNNING: Final = 1000
HEARTBEAT_SECONDS: Final = 3.75
"""A quarter of the lease: the time between two heartbeats of a task on a server's default settings."""

HEARTBEATS_SECONDS: Final = 3 * HEARTBEAT_SECONDS
CONNECTIONS: Final = 64
ROUNDS: Final = 3
ROUND_SECONDS: Final = 3.0
STARTS: Final = 20


def run(folder: Path) -> Result:
    """Measure each on a database of its own."""
    claims = _claims(folder)
    polls = _polls(folder)
    alone, together = (_finishes(folder, workers) for workers in (1, WORKERS))
    heartbeats = _heartbeats(folder)
    starts = _starts(folder)
    return Result(
        "fleet",
        {
            "claim_ms_median": round(median(claims) * 1000, 2),
            "claim_ms_p95": round(sorted(claims)[len(claims) * 95 // 100] * 1000, 2),
            "finishes_per_s_of_one": alone,
            "finishes_per_s_of_eight": together,
            "finishes_ratio": round(together / alone, 2),
            "cores_of_1000_heartbeats": heartbeats,
            "polls_ratio": ratio(polls["postgres"], polls["sqlite"]),
            "polls_per_s_postgres": polls["postgres"],
            "polls_per_s_sqlite": polls["sqlite"],
            "start_ms_median": round(median(starts), 1),
        },
        [
            Target("claim_ms_median", "<=", 20),
            Target("finishes_ratio", ">=", 3),
            Target("cores_of_1000_heartbeats", "<", 0.2),
            Target("polls_ratio", ">=", 0.5),
            Target("start_ms_median", "<=", 50),
        ],
    )


def _fill(core: Core, count: int, accounts: int) -> None:
    keys = [owner(core, f"account-{number}")[1] for number in range(accounts)]
    for added in [core.tasks.submit(keys[number % accounts], REQUEST) for number in range(count)]:
        added.result()


def _claims(folder: Path) -> list[float]:
    """The seconds of each claim of the workers, which claim at once. Raises RuntimeError where two got one task."""
    url = postgres.database("claims", durable=True)
    with closing(opened(folder / "claims", url)) as core:
        _fill(core, QUEUED, ACCOUNTS)
    with ProcessPoolExecutor(WORKERS) as workers:
        done = list(workers.map(partial(_claim_many, folder, url), range(WORKERS)))
    claimed = Counter(task_id for task_ids, _ in done for task_id in task_ids)
    if len(claimed) != WORKERS * CLAIMS_EACH or max(claimed.values()) > 1:
        raise RuntimeError(f"{len(claimed)} tasks were claimed, the most frequent {max(claimed.values())} times")
    return [seconds for _, times in done for seconds in times]


def _claim_many(folder: Path, url: str, number: int) -> tuple[list[str], list[float]]:
    with closing(opened(folder / f"claimer-{number}", url)) as core:
        task_ids, times = [], []
        for _ in range(CLAIMS_EACH):
            begun = time.perf_counter()
            task = core.tasks.claim(f"worker-{number}", [MODEL])
            times.append(time.perf_counter() - begun)
            if task is not None:
                task_ids.append(task.id)
        return task_ids, times


def _finishes(folder: Path, workers: int) -> float:
    """Videos a second of so many workers, each with an engine that needs no time."""
    url = postgres.database("finishes", durable=True)
    with closing(opened(folder / f"finishes-{workers}", url)) as core:
        _fill(core, workers * FINISHES_EACH + 1, ACCOUNTS)
    with ProcessPoolExecutor(workers) as processes:
        # All processes are up before any of them begins.
        begin = time.time() + 3
        ends = list(processes.map(partial(_finish_many, folder, url, begin), range(workers)))
    return round(workers * FINISHES_EACH / (max(ends) - begin), 1)


def _finish_many(folder: Path, url: str, begin: float, number: int) -> float:
    with closing(opened(folder / f"finisher-{number}", url)) as core:
        time.sleep(max(0.0, begin - time.time()))
        for _ in range(FINISHES_EACH):
            task = core.tasks.claim(f"worker-{number}", [MODEL])
            assert task is not None, "enough tasks wait"
            core.tasks.succeed(task, Video(file_key(task.id, task.attempt), 1_234_567, "animatic"))
        return time.time()


def _heartbeats(folder: Path) -> float:
    """The share of a core that a process spends on the heartbeats of 1,000 running tasks."""
    url = postgres.database("heartbeats", durable=True)
    with closing(opened(folder / "heartbeats", url)) as core:
        _fill(core, RUNNING, ACCOUNTS)
        tasks: list[Task] = []
        while (task := core.tasks.claim("worker", [MODEL])) is not None:
            tasks.append(task)
        if len(tasks) != RUNNING:
            raise RuntimeError(f"{len(tasks)} tasks run instead of {RUNNING}")
        begun, cpu = time.monotonic(), time.process_time()
        while (now := time.monotonic()) - begun < HEARTBEATS_SECONDS:
            share = (now - begun) % HEARTBEAT_SECONDS / HEARTBEAT_SECONDS
            task = tasks[int(share * RUNNING)]
            if not core.tasks.renew(task, heartbeat(share)):
                raise RuntimeError("a task was lost")
            time.sleep(HEARTBEAT_SECONDS / RUNNING)
        return round((time.process_time() - cpu) / (time.monotonic() - begun), 3)


def _polls(folder: Path) -> dict[str, list[float]]:
    """Polls a second through a server on each store, in rounds."""
    url = postgres.database("polls", durable=True)
    sqlite, shared = folder / "polls-sqlite", folder / "polls-postgres"
    with opened_sqlite(sqlite) as core:
        requests = {"sqlite": _poll_of(core)}
    with closing(opened(shared, url)) as core:
        requests["postgres"] = _poll_of(core)
    rates: dict[str, list[float]] = {"sqlite": [], "postgres": []}
    with (
        wanserve(sqlite, "--no-worker", query_rps=UNLIMITED) as one,
        wanserve(shared, "--no-worker", query_rps=UNLIMITED, database_url=url) as other,
    ):
        servers: Sequence[tuple[str, Listening]] = (("sqlite", one), ("postgres", other))
        for turn in range(ROUNDS + 1):
            for name, server in servers:
                answered = drive(Load(server.port, [requests[name]], CONNECTIONS, ROUND_SECONDS))
                # The first turn only warms both up.
                if turn:
                    rates[name].append(answered.per_second)
    return rates


def _poll_of(core: Core) -> str:
    text, key = owner(core, "bench")
    return post(POLL_PATH, poll_body(finished_task(core, key)), {KEY_HEADER: text})


def _starts(folder: Path) -> list[float]:
    """The milliseconds from each submit to the start of its attempt, by the database's clock, on an idle server."""
    url, data_dir = postgres.database("starts", durable=True), folder / "starts"
    with closing(opened(data_dir, url)) as core:
        text, _ = owner(core, "bench")
        with wanserve(data_dir, database_url=url, submit_rps=UNLIMITED) as server:
            for _ in range(STARTS):
                server.request("POST", SUBMIT_PATH, {KEY_HEADER: text, "Content-Type": "application/json"}, SUBMIT_BODY)
                while core.tasks.unfinished():
                    time.sleep(0.05)
        rows = postgres.rows(url, "SELECT started_ms - submitted_ms FROM tasks")
    return [float(str(row[0])) for row in rows]
