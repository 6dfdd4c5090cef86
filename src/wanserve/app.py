"""The composition root: builds a server from the settings. It and core.py are the only files that pick implementations."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from starlette.types import ASGIApp

from wanserve import __version__
from wanserve.blobs.disk import DiskBlobs
from wanserve.blobs.links import LinkSigner, load_secret, put_back_secret
from wanserve.core import Core, Uuids
from wanserve.domain.catalog import MODELS
from wanserve.domain.errors import SetupError
from wanserve.http.auth import Authenticator
from wanserve.http.body import BodyBudget
from wanserve.http.dialects.base import Dialect, JsonObject
from wanserve.http.dialects.dashscope import DashScope
from wanserve.http.dialects.openai import OpenAI
from wanserve.http.dialects.pixazo import Pixazo
from wanserve.http.endpoints import Endpoint
from wanserve.http.files import FileSender, SignedFileEndpoint, VideoLinks
from wanserve.http.middleware import application
from wanserve.http.openapi import document
from wanserve.http.ops import Ops, WorkerHealth, ops_paths
from wanserve.http.origin import Origin
from wanserve.http.rates import TokenBuckets
from wanserve.machine import gpus
from wanserve.machine.clocks import now_ms
from wanserve.metrics import Meters
from wanserve.models.availability import Choice
from wanserve.prompts.chat import ChatEndpoint
from wanserve.settings import Settings, surroundings
from wanserve.worker.attempt import Patience
from wanserve.worker.loop import Worker
from wanserve.worker.protocol import Charge
from wanserve.worker.supervisor import Supervisor
from wanserve.worker.sweepers import Sweeper

DAY_MS: Final = 86_400_000
POLL_MS: Final = {"animatic": 1000, "wan": 5000}
"""How long clients are told to wait between two looks, in milliseconds: a fraction of what a video takes."""


LIST_THREADS: Final = 2
"""How many lists are read at the same time. Further lists wait; other requests do not wait for them."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A server that is built and not yet started."""

    core: Core
    app: ASGIApp
    choice: Choice
    workers: Sequence[Worker]
    sweeper: Sweeper
    idle_s: int
    stopping: threading.Event
    """To be set once the process is to stop."""


def charge_of(settings: Settings, choice: Choice) -> Charge:
    """What a worker's child is told of the settings."""
    return Charge(
        choice.engine,
        settings.blobs_dir,
        settings.scratch_dir,
        settings.log_level,
        choice.loadable,
        _llm(settings),
        settings.gpus_per_video,
    )


def _llm(settings: Settings) -> ChatEndpoint | None:
    if settings.llm_url is None or settings.llm_model is None:
        return None
    key = settings.llm_key.get_secret_value().strip() if settings.llm_key else None
    return ChatEndpoint(settings.llm_url, settings.llm_model, key or None)


def _devices(settings: Settings, choice: Choice) -> dict[str, tuple[str, ...]]:
    """The devices of each worker, by a name for people; () leaves a worker what it sees. Raises SetupError."""
    if choice.engine != "wan":
        return {"cpu": ()}
    named = [name.strip() for name in settings.devices.split(",")] if settings.devices else gpus.found(surroundings())
    if not named:
        return {"gpu" if gpus.has_gpu() else "cpu": ()}
    return {f"gpu {','.join(group)}": group for group in gpus.groups(named, settings.gpus_per_video)}


def _worker(
    settings: Settings, core: Core, choice: Choice, seen: tuple[str, ...], blobs: DiskBlobs, meters: Meters
) -> Worker:
    heavy = choice.engine == "wan"
    return Worker(
        core.tasks,
        Supervisor(replace(charge_of(settings, choice), devices=seen)),
        models=tuple(choice.cards),
        # A step of a large model takes a minute, and loading it anew after a kill takes longer.
        patience=Patience(
            settings.stall_seconds, cancel_s=settings.stall_seconds if heavy else min(10.0, settings.stall_seconds)
        ),
        drain_s=settings.drain_seconds,
        load_s=settings.load_seconds,
        lack=blobs.lack,
        meters=meters,
        one_model=heavy,
    )


def all_dialects(default_model: str, retention_ms: int, poll_ms: int) -> list[Dialect]:
    """Every dialect that is served. See OpenAI for the parameters."""
    return [Pixazo(), DashScope(), OpenAI(default_model, retention_ms, poll_ms)]


def api_document() -> JsonObject:
    """The OpenAPI document, the same for all settings; docs/openapi.json is a copy of it."""
    dialects = all_dialects(next(iter(MODELS)), retention_ms=DAY_MS, poll_ms=POLL_MS["wan"])
    return document(dialects, ops_paths(), __version__)


def _default_model(settings: Settings, core: Core) -> str:
    """The model of a request that names none. Raises SetupError."""
    if settings.default_model in core.tasks.models:
        return settings.default_model
    if "default_model" in settings.model_fields_set:
        served = ", ".join(core.tasks.models)
        raise SetupError(f"default_model: {settings.default_model} is not served here, only {served}")
    return next(iter(core.tasks.models))


def build(settings: Settings, core: Core, choice: Choice, *, with_worker: bool = True) -> Parts:
    """Build a server on the core. Raises SetupError."""
    blobs = DiskBlobs(settings.blobs_dir)
    meters = Meters()
    meters.watch(core.tasks.store.census)
    workers = {
        name: _worker(settings, core, choice, seen, blobs, meters) for name, seen in _devices(settings, choice).items()
    }
    if not with_worker:
        workers = {}

    def health() -> list[WorkerHealth]:
        return [
            WorkerHealth(name, worker.child.loaded, worker.trouble() or None, dict(worker.unloadable))
            for name, worker in workers.items()
        ]

    stopping = threading.Event()
    secret_file = settings.data_dir / "link-secret"
    signer = LinkSigner(load_secret(secret_file))
    retention_ms = core.tasks.policy.retention_ms
    origin = Origin(settings.public_url)
    links = VideoLinks(signer, origin, retention_ms)
    sender = FileSender(blobs)
    authenticator = Authenticator(core.keys)
    rate_limiter = TokenBuckets(settings.submit_rps, settings.query_rps, time.monotonic)
    body_budget, list_executor = BodyBudget(), ThreadPoolExecutor(LIST_THREADS, "lists")
    dialects = all_dialects(_default_model(settings, core), retention_ms, POLL_MS[choice.engine])
    endpoints = [
        Endpoint(dialect, operation, core.tasks, authenticator, rate_limiter, links, sender, body_budget, list_executor)
        for dialect in dialects
        for operation in dialect.operations
    ]
    ops = Ops(
        choice.engine,
        choice.why,
        health,
        core.tasks.store.check_writable,
        stopping.is_set,
        meters.page,
        api_document(),
    )
    signed_files = SignedFileEndpoint(signer, sender, core.tasks.retention_clock or now_ms, core.tasks)
    app = application(endpoints, [signed_files.route(), *ops.routes()], dialects, Uuids(), meters.answers, origin)
    mend = partial(put_back_secret, secret_file, signer.secret)
    sweeper = Sweeper(core.tasks, blobs, settings.scratch_dir, meters, mend=mend)
    return Parts(core, app, choice, list(workers.values()), sweeper, settings.idle_seconds, stopping)
