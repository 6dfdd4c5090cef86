"""How far one PostgreSQL and its API processes carry: a discrete-event simulation of fleets, with costs measured here.

`python -m bench.capacity` measures the costs of each operation (bench/postgres_costs.py), simulates fleets of 10 to 10,000
GPUs, checks the simulation against a real run, and prints the tables of docs/capacity.md.
"""

import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

import simpy

from bench.postgres_costs import Cost, Costs, DatabaseProcesses, Operations, fill, measure, opened
from bench.result import Figure, Result, Target, commit, machine
from bench.samples import owner

Process = Generator[simpy.Event, Any, None]

VIDEO_BYTES: Final = 5_000_000
"""A video of 5 seconds at 720p: a few megabytes, by docs/operating.md."""

GPUS: Final = (10, 100, 1000, 10_000)

VIDEOS: Final = {"a fast video, 14 s": 14.0, "480p, 327 s": 327.0, "720p, 1042 s": 1042.0}
"""Seconds on one GPU: an H200 with a 4-step distillation (LightX2V's measurement), and the A14B on an H100 (the authors')."""

THREADS: Final = 6
CHECK_COUNT: Final = 400


@dataclass(frozen=True, slots=True)
class Site:
    """What is simulated. Times are seconds.

    `load` is the share of the GPUs' capacity that is submitted. `accounts` have waiting tasks. A client polls each of its
    unfinished tasks every `poll_s`. A worker renews its lease every `heartbeat_s`, writes its row every `row_s`, and looks
    for a task every `idle_s` while it has none, or where one is submitted.
    """

    gpus: int
    video_s: float
    load: float = 0.9
    accounts: int = 50
    database_cores: int = 16
    api_processes: int = 8
    poll_s: float = 5.0
    heartbeat_s: float = 3.75
    row_s: float = 5.0
    idle_s: float = 1.0
    simulated_s: float = 20.0
    seed: int = 7


@dataclass(slots=True)
class Usage:
    """A resource with its busy time."""

    resource: simpy.Resource
    busy_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a simulated site: shares of time, operations and videos a second, and delays in seconds."""

    database: float
    api: float
    operations_per_s: float
    videos_per_s: float
    poll_p99_s: float
    heartbeat_p99_s: float
    database_megabits_per_s: float
    video_megabits_per_s: float
    """Of videos: each is stored and downloaded once."""


@dataclass(slots=True)
class Simulation:
    """One run of a site. The steady state is the start: each GPU is somewhere within a video."""

    site: Site
    costs: Costs
    env: simpy.Environment = field(default_factory=simpy.Environment)
    waiting: int = 0
    videos: int = 0
    operations: int = 0
    database_bytes: float = 0.0
    delays: dict[str, list[float]] = field(default_factory=lambda: {"poll": [], "heartbeat": []})
    _idle: list[simpy.Event] = field(default_factory=list)
    _random: random.Random = field(init=False)
    _database: Usage = field(init=False)
    _api: Usage = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.site.seed)
        self._database = Usage(simpy.Resource(self.env, self.site.database_cores))
        self._api = Usage(simpy.Resource(self.env, self.site.api_processes))

    def run(self) -> Outcome:
        """Simulate, and say how busy everything was."""
        site = self.site
        for number in range(site.gpus):
            self.env.process(self._gpu(busy=number < site.gpus * min(site.load, 1.0)))
            self.env.process(self._every(site.row_s, "worker_row"))
        self.env.process(self._clients())
        self.env.run(site.simulated_s)
        return Outcome(
            database=self._database.busy_s / site.simulated_s / site.database_cores,
            api=self._api.busy_s / site.simulated_s / site.api_processes,
            operations_per_s=self.operations / site.simulated_s,
            videos_per_s=self.videos / site.simulated_s,
            poll_p99_s=_p99(self.delays["poll"]),
            heartbeat_p99_s=_p99(self.delays["heartbeat"]),
            database_megabits_per_s=8e-6 * self.database_bytes / site.simulated_s,
            video_megabits_per_s=8e-6 * 2 * VIDEO_BYTES * self.videos / site.simulated_s,
        )

    def _use(self, usage: Usage, seconds: float) -> Process:
        with usage.resource.request() as turn:
            yield turn
            yield self.env.timeout(seconds)
            usage.busy_s += seconds

    def _ask(self, operation: str, extra_s: float = 0.0) -> Process:
        """One operation of a worker in PostgreSQL."""
        self.operations += 1
        self.database_bytes += self.costs[operation].database_bytes
        yield from self._use(self._database, self.costs[operation].database_s + extra_s)

    def _request(self, operation: str) -> Process:
        """One request to an API process, which asks PostgreSQL."""
        begun = self.env.now
        yield from self._use(self._api, self.costs[operation].process_s)
        yield from self._ask(operation)
        if operation in self.delays:
            self.delays[operation].append(self.env.now - begun)

    def _every(self, seconds: float, operation: str) -> Process:
        yield self.env.timeout(self._random.uniform(0, seconds))
        while True:
            yield from self._ask(operation)
            yield self.env.timeout(seconds)

    def _gpu(self, *, busy: bool) -> Process:
        left = self._random.uniform(0, self.site.video_s) if busy else None
        if busy:
            self.env.process(self._client(submit=False, for_s=left or 0.0))
        while True:
            if left is None:
                yield from self._claim()
            yield from self._make(self.site.video_s if left is None else left)
            left = None

    def _claim(self) -> Process:
        while True:
            per_account = self.costs["claim_per_account"].database_s * min(self.site.accounts, self.waiting)
            if self.waiting:
                # Taken before it is paid for: nobody else may get it meanwhile.
                self.waiting -= 1
                yield from self._ask("claim", per_account)
                return
            yield from self._ask("idle_claim")
            told = self.env.event()
            self._idle.append(told)
            yield told | self.env.timeout(self.site.idle_s)

    def _make(self, seconds: float) -> Process:
        ends = self.env.now + seconds
        while (left := ends - self.env.now) > self.site.heartbeat_s:
            yield self.env.timeout(self.site.heartbeat_s)
            begun = self.env.now
            yield from self._ask("heartbeat")
            self.delays["heartbeat"].append(self.env.now - begun)
        yield self.env.timeout(max(left, 0.0))
        yield from self._ask("finish")
        self.videos += 1

    def _clients(self) -> Process:
        """Submit as many tasks a second as are to be made."""
        rate = self.site.load * self.site.gpus / self.site.video_s
        while True:
            yield self.env.timeout(self._random.expovariate(rate))
            self.env.process(self._client(submit=True, for_s=self.site.video_s))

    def _client(self, *, submit: bool, for_s: float) -> Process:
        """Submit a task, and poll it about as long as its video takes."""
        if submit:
            yield from self._request("submit")
            self.waiting += 1
            # A notification wakes every idle worker, and each looks for the task.
            woken, self._idle = self._idle, []
            for told in woken:
                told.succeed()
        ends = self.env.now + for_s
        yield self.env.timeout(self._random.uniform(0, self.site.poll_s))
        while self.env.now < ends:
            yield from self._request("poll")
            yield self.env.timeout(self.site.poll_s)


def simulate(site: Site, costs: Costs) -> Outcome:
    """Simulate the site with these costs."""
    return Simulation(site, costs).run()


def _p99(delays: Sequence[float]) -> float:
    return quantiles(delays, n=100)[98] if len(delays) > 1 else 0.0


def database_share(site: Site, costs: Costs) -> float:
    """The CPU seconds that PostgreSQL needs in a second, by arithmetic: what the simulation gives where nothing waits."""
    running, rate = site.gpus * min(site.load, 1.0), min(site.load, 1.0) * site.gpus / site.video_s
    idle = site.gpus - running
    each_s = {
        "worker_row": site.gpus / site.row_s,
        "heartbeat": running / site.heartbeat_s,
        "poll": running / site.poll_s,
        "submit": rate,
        "claim": rate,
        "finish": rate,
        "idle_claim": idle / site.idle_s + idle * rate,
    }
    return sum(costs[name].database_s * per_s for name, per_s in each_s.items())


def rows(costs: Costs) -> Iterator[tuple[str, Site, Outcome]]:
    """Each kind of video and number of GPUs, simulated."""
    for name, video_s in VIDEOS.items():
        for gpus in GPUS:
            simulated_s = 60.0 if gpus <= 1000 else 12.0
            site = Site(gpus, video_s, simulated_s=simulated_s)
            yield name, site, simulate(site, costs)


def table(costs: Costs) -> str:
    """The rows as a table in Markdown."""
    lines = [
        "| video | GPUs | videos a second | operations a second | PostgreSQL, of 16 cores | API, of 8 processes | slowest poll of 100 | Mbit/s to PostgreSQL | Mbit/s of videos |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, site, outcome in rows(costs):
        delay = f"{outcome.poll_p99_s * 1000:.1f} ms" if outcome.poll_p99_s < 1 else f"{outcome.poll_p99_s:.1f} s"
        lines.append(
            f"| {name} | {site.gpus:,} | {outcome.videos_per_s:.2f} | {outcome.operations_per_s:,.0f} | {outcome.database:.1%} "
            f"| {outcome.api:.1%} | {delay} | {outcome.database_megabits_per_s:,.1f} | {outcome.video_megabits_per_s:,.0f} |"
        )
    return "\n".join(lines)


def cost_table(costs: Costs) -> str:
    """The costs as a table in Markdown."""
    lines = [
        "| operation | PostgreSQL, µs of CPU | the process that asks, µs of CPU | bytes between the two |",
        "|---|---|---|---|",
    ]
    for name, cost in costs.items():
        size = f"{cost.database_bytes:,.0f}" if cost.database_bytes else "not measured"
        lines.append(f"| {name} | {cost.database_s * 1e6:,.0f} | {cost.process_s * 1e6:,.0f} | {size} |")
    return "\n".join(lines)


def predicted_per_s(cost: Cost, cores: int) -> float:
    """Heartbeats a second of `THREADS` threads of one process beside PostgreSQL on so many cores, by a simulation."""
    env = simpy.Environment()
    # One interpreter runs one thread at a time. PostgreSQL takes every core that is free.
    interpreter, processor = simpy.Resource(env, 1), simpy.Resource(env, cores)
    made = [0]

    def compute(seconds: float) -> Process:
        with processor.request() as turn:
            yield turn
            yield env.timeout(seconds)

    def beat() -> Process:
        while True:
            with interpreter.request() as turn:
                yield turn
                yield from compute(cost.process_s)
            yield from compute(cost.database_s)
            made[0] += 1

    for _ in range(THREADS):
        env.process(beat())
    env.run(5.0)
    return made[0] / 5.0


def real_per_s(folder: Path, url: str) -> tuple[float, Cost]:
    """The same with real threads and PostgreSQL; and what a heartbeat cost meanwhile."""
    processes = DatabaseProcesses.of(url)
    with closing(opened(folder / "check", url)) as core:
        fill(core, [owner(core, "check")], url)
        parts = [Operations(core, []) for _ in range(THREADS)]
        for part in parts:
            part.claim(CHECK_COUNT)
            part.heartbeat(10)
        threads = [threading.Thread(target=part.heartbeat, args=(CHECK_COUNT,)) for part in parts]
        with processes.counted() as spent:
            begun, own = time.monotonic(), time.process_time()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            took, own = time.monotonic() - begun, time.process_time() - own
    total = THREADS * CHECK_COUNT
    return total / took, Cost(spent[0] / total, own / total)


def run(folder: Path, new_database: Callable[[str], str]) -> tuple[Result, Costs]:
    """Measure the costs, check the simulation, and find out what a large fleet needs."""
    costs = measure(folder, new_database)
    measured, cost = real_per_s(folder, new_database("capacity-check"))
    predicted = predicted_per_s(cost, len(os.sched_getaffinity(0)))
    large = Site(10_000, VIDEOS["480p, 327 s"])
    figures: dict[str, Figure] = {
        "heartbeats_per_s": round(measured),
        "heartbeats_per_s_simulated": round(predicted),
        "measured_of_simulated": round(measured / predicted, 2),
        "heartbeat_us_of_threads": round(cost.database_s * 1e6, 1),
        "database_us": {name: round(each.database_s * 1e6, 1) for name, each in costs.items()},
        "process_us": {name: round(each.process_s * 1e6, 1) for name, each in costs.items()},
        "database_cores_of_10000_gpus": round(database_share(large, costs), 2),
        "database_cores_of_10000_gpus_at_half_load": round(database_share(replace(large, load=0.5), costs), 2),
    }
    targets = [Target("measured_of_simulated", ">=", 0.6), Target("measured_of_simulated", "<=", 1.4)]
    return Result("capacity", figures, targets), costs


def main() -> None:
    """Print the JSON line and the tables."""
    # What starts a PostgreSQL for the tests starts one for the bench.
    from tests import postgres  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="wanserve-bench-", dir="/var/tmp") as folder:
        result, costs = run(Path(folder), postgres.database)
    print(result.line(commit(), machine()))
    print(f"\n{cost_table(costs)}\n\n{table(costs)}")


if __name__ == "__main__":
    main()
