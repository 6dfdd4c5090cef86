"""Answers whether the process lives, whether it takes requests, and whether a worker would make the next task."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Final, Literal

from typing_extensions import TypedDict

from wanserve.domain.errors import StoreUnavailable
from wanserve.domain.worker import WorkerRow

STORE_SECONDS: Final = 3.0
"""How long a test write to the task table may take before the table counts as not writable."""

CACHE_SECONDS: Final = 1.0
"""How long the result of a test write is cached."""


class Liveness(TypedDict):
    """The answer of `/healthz`."""

    status: Literal["alive"]


class Readiness(TypedDict):
    """The answer of `/readyz`.

    `store` is "ok", or what is wrong with the task table. `moderation` says what judges prompts, and whether an endpoint
    answers.
    """

    status: Literal["ready", "stopping", "not ready"]
    store: str
    moderation: str


class EngineReadiness(TypedDict):
    """The engine that this process's settings choose, and why that one."""

    name: str
    why: str


class WorkerReadiness(TypedDict):
    """One worker.

    `problem` says why it cannot make videos now, or is null. `unloadable` are the models that did not load at the last
    attempt, `upstreams` the other servers that get no task now, each with the reason.
    """

    host: str
    device: str
    engine: str
    loaded: bool
    problem: str | None
    unloadable: dict[str, str]
    upstreams: dict[str, str]


class WorkersReadiness(TypedDict):
    """The answer of `/readyz/workers`."""

    status: Literal["ready", "stopping", "not ready", "there is no worker", "the task table cannot be read"]
    engine: EngineReadiness
    workers: list[WorkerReadiness]


@dataclass(slots=True)
class Health:
    """The state of this process and of the workers.

    `engine` and `why` are the engine of this process and why it was chosen. `workers` gives the workers of this process,
    or the registered ones where it has none, and raises StoreUnavailable where they cannot be read. `stopping` says
    whether this process was told to stop, `moderation` what judges prompts. Blocking calls run in `threads`.
    """

    engine: str
    why: str
    workers: Callable[[], Sequence[WorkerRow]]
    check_writable: Callable[[], None]
    stopping: Callable[[], bool]
    moderation: Callable[[], str]
    threads: Executor
    store_s: float = STORE_SECONDS
    _running_check: asyncio.Future[None] | None = field(default=None, init=False)
    _last_check: tuple[float, str] | None = field(default=None, init=False)

    async def alive(self) -> tuple[Literal[200], Liveness]:
        """Whether the process lives: 200 while it can answer at all."""
        return 200, {"status": "alive"}

    async def ready(self) -> tuple[Literal[200, 503], Readiness]:
        """Whether this process would accept and answer the next request; the body says why not.

        While a moderation endpoint is away it is ready: polls, cancels and files are answered as ever.
        """
        store, moderation = await self._store(), self.moderation()
        if self.stopping():
            return 503, {"status": "stopping", "store": store, "moderation": moderation}
        if store == "ok":
            return 200, {"status": "ready", "store": store, "moderation": moderation}
        return 503, {"status": "not ready", "store": store, "moderation": moderation}

    async def workers_ready(self) -> tuple[Literal[200, 503], WorkersReadiness]:
        """Whether a worker would make the next task; the body says why not."""
        engine: EngineReadiness = {"name": self.engine, "why": self.why}
        try:
            workers = await asyncio.get_running_loop().run_in_executor(self.threads, self.workers)
        except StoreUnavailable:
            return 503, {"status": "the task table cannot be read", "engine": engine, "workers": []}
        answers = [_worker(worker) for worker in workers]
        if self.stopping():
            return 503, {"status": "stopping", "engine": engine, "workers": answers}
        if any(worker.health.problem is None for worker in workers):
            return 200, {"status": "ready", "engine": engine, "workers": answers}
        status: Literal["not ready", "there is no worker"] = "not ready" if workers else "there is no worker"
        return 503, {"status": status, "engine": engine, "workers": answers}

    async def _store(self) -> str:
        """Whether the task table is writable: "ok", or what is wrong."""
        if self._last_check is not None and time.monotonic() - self._last_check[0] < CACHE_SECONDS:
            return self._last_check[1]
        # Off the event loop, because a write waits for the disk; while one hangs, no second one is started.
        if self._running_check is None or self._running_check.done():
            self._running_check = asyncio.get_running_loop().run_in_executor(self.threads, self.check_writable)
        await asyncio.wait({self._running_check}, timeout=self.store_s)
        if not self._running_check.done():
            return f"the task table took no write for {self.store_s:g} s"
        error = self._running_check.exception()
        result = "ok" if error is None else str(error)
        self._last_check = time.monotonic(), result
        return result


def _worker(worker: WorkerRow) -> WorkerReadiness:
    health = worker.health
    return {
        "host": worker.host,
        "device": worker.device,
        "engine": worker.engine,
        "loaded": health.loaded,
        "problem": health.problem,
        "unloadable": dict(health.unloadable),
        "upstreams": dict(health.upstreams),
    }
