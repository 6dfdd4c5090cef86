"""The composition root: builds a server from the settings. It and core.py are the only files that pick implementations."""

import logging
import platform
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from wanserve import __version__
from wanserve.blobs.links import LinkSigner
from wanserve.blobs.target import DiskTarget, S3Target, open_blobs, open_bucket
from wanserve.core import Core, Uuids
from wanserve.domain.blobs import BlobStore
from wanserve.domain.catalogue import ModelCard
from wanserve.domain.errors import SetupError
from wanserve.domain.marks import MarkSettings
from wanserve.domain.ports import Clock
from wanserve.domain.task import Task
from wanserve.domain.worker import SEEN_SECONDS, WorkerRow
from wanserve.engine.remote.check import check_all, check_upstream, require_settings
from wanserve.fleet import Fleet, FleetMember
from wanserve.http.body import BodyBudget
from wanserve.http.dialects.base import Dialect, JsonObject
from wanserve.http.dialects.dashscope import DashScope
from wanserve.http.dialects.openai import OpenAI
from wanserve.http.dialects.pixazo import Pixazo
from wanserve.http.endpoints import Endpoint
from wanserve.http.events import Streams
from wanserve.http.feed import Feed
from wanserve.http.files import BucketFiles, FileSender, SignedFileEndpoint, VideoLinks
from wanserve.http.health import Health
from wanserve.http.lookups import AT_ONCE, InBatches, OneByOne
from wanserve.http.middleware import application
from wanserve.http.openapi import document
from wanserve.http.ops import Ops
from wanserve.http.origin import Origin
from wanserve.http.rates import RateLimiter, Rates, TokenBuckets
from wanserve.http.runners import Cached, InThreads, Runners, on_event_loop
from wanserve.http.shared_rates import SharedTokenBuckets
from wanserve.machine.certificate import valid_until
from wanserve.machine.environment import environment_of_child, process_environment
from wanserve.machine.gpus import GpuGroup, group_gpus
from wanserve.machine.installation import installation_id
from wanserve.metrics import Metrics
from wanserve.models.availability import Availability
from wanserve.models.upstream import Upstream
from wanserve.outlook import Outlooks
from wanserve.overview import Overview
from wanserve.prompts.chat import ChatEndpoint
from wanserve.prompts.moderation import Moderation
from wanserve.settings import Settings
from wanserve.signing import mark_settings
from wanserve.storage import blob_target, room_of
from wanserve.studio.routes import open_studio
from wanserve.traces import Traces, open_traces
from wanserve.webhooks.deliverer import Deliverer
from wanserve.webhooks.sender import Sender
from wanserve.worker.assignments import Assignments
from wanserve.worker.attempt import Timeouts
from wanserve.worker.loop import Worker
from wanserve.worker.paces import Paces
from wanserve.worker.ports import NoRouter, Router
from wanserve.worker.protocol import ChildConfig
from wanserve.worker.supervisor import Supervisor
from wanserve.worker.sweepers import LeaseSweeper, OrphanSweeper, RetentionSweeper, ScratchSweeper, Sweepers
from wanserve.worker.upstream_pool import UpstreamPool

log = logging.getLogger(__name__)

DAY_MS: Final = 86_400_000
FILE_THREADS: Final = 16
"""How many reads of a bucket run at the same time."""

READ_THREADS: Final = 8
"""How many reads of PostgreSQL run at the same time."""

LIST_THREADS: Final = 2
"""How many lists are read at the same time. Further lists wait; other requests do not wait for them."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A server that is built and not yet started."""

    core: Core
    app: ASGIApp
    availability: Availability
    fleet: Fleet
    idle_s: int
    stopping: threading.Event
    """To be set once the process is to stop."""


def child_config(settings: Settings, availability: Availability, marks: MarkSettings) -> ChildConfig:
    """The settings that a worker's child process gets."""
    return ChildConfig(
        availability.engine,
        blob_target(settings),
        settings.scratch_dir,
        settings.log_level,
        marks,
        availability.loadable,
        _llm(settings),
        settings.gpus_per_video,
        upstreams=_upstreams(settings, availability),
        preview_steps=settings.preview_steps,
        log_format=settings.log_format,
    )


def _upstreams(settings: Settings, availability: Availability) -> dict[str, Upstream]:
    """The upstreams, where the remote engine serves. Raises SetupError."""
    return settings.upstreams_by_name(process_environment()) if availability.engine == "remote" else {}


def _router(settings: Settings, availability: Availability) -> Router:
    """Who decides what is claimed. Raises SetupError for an upstream that only another setting can make work."""
    upstreams = _upstreams(settings, availability)
    if not upstreams:
        return NoRouter()
    checks = check_all(upstreams)
    require_settings(checks)
    for name, check in checks.items():
        for model in check.missing:
            log.warning("upstream %s does not list the model %s", name, model)
    problems = {name: check.problem for name, check in checks.items() if check.problem is not None}
    assignments = Assignments(settings.assignments_dir)
    return UpstreamPool(
        list(upstreams.values()), assignments, lambda upstream: check_upstream(upstream).problem, problems
    )


def _llm(settings: Settings) -> ChatEndpoint | None:
    if settings.llm_url is None or settings.llm_model is None:
        return None
    key = settings.llm_key.get_secret_value().strip() if settings.llm_key else None
    return ChatEndpoint(settings.llm_url, settings.llm_model, key or None)


def devices_of(settings: Settings, availability: Availability) -> dict[str, GpuGroup]:
    """The GPUs of each worker, by a name for people. A group of none computes on the CPU. Raises SetupError."""
    if availability.engine == "remote":
        slots = sum(each.concurrency for each in settings.upstreams)
        return {f"slot {number}": GpuGroup() for number in range(1, slots + 1)}
    if not availability.gpus.found:
        return {"cpu": GpuGroup()}
    groups = group_gpus(availability.gpus.found, settings.gpus_per_video)
    return {f"gpu {','.join(group.names)}": group for group in groups}


def _worker(
    settings: Settings,
    core: Core,
    availability: Availability,
    device: str,
    gpus: GpuGroup,
    blobs: BlobStore,
    metrics: Metrics,
    traces: Traces,
    router: Router,
    *,
    config: ChildConfig,
) -> Worker:
    heavy = availability.engine == "wan"
    # Where the files go to a bucket, this machine still needs room for the one that is being made.
    local = open_blobs(DiskTarget(settings.scratch_dir)) if blob_target(settings).remote else blobs
    return Worker(
        core.tasks.new_id(),
        core.tasks,
        Supervisor(config, environment_of_child(gpus.variables)),
        models=tuple(availability.cards),
        # A step of a large model takes a minute, and loading it again after a kill takes longer.
        timeouts=Timeouts(
            settings.stall_seconds, cancel_s=settings.stall_seconds if heavy else min(10.0, settings.stall_seconds)
        ),
        drain_s=settings.drain_seconds,
        load_s=settings.load_seconds,
        storage_problem=local.problem,
        metrics=metrics,
        paces=Paces(core.times, f"{platform.node()}, {device}"),
        one_model=heavy,
        traces=traces,
        router=router,
    )


def _fleet(
    settings: Settings,
    core: Core,
    availability: Availability,
    blobs: BlobStore,
    metrics: Metrics,
    traces: Traces,
    own_sweeps: Sequence[Callable[[], None]],
    links: VideoLinks | BucketFiles,
    *,
    with_worker: bool,
) -> Fleet:
    """The workers, one for each device, what sends webhooks, and the sweepers, with those of this kind of process."""
    store, installation = core.tasks.store, installation_id(settings.data_dir)
    members = []
    router = _router(settings, availability) if with_worker else NoRouter()
    metrics.add_upstreams(router.use)
    marks = mark_settings(settings, core.certificate)
    metrics.note_certificate(valid_until(marks.certificate).timestamp())
    config = child_config(settings, availability, marks)
    for name, gpus in devices_of(settings, availability).items() if with_worker else ():
        worker = _worker(settings, core, availability, name, gpus, blobs, metrics, traces, router, config=config)
        row = WorkerRow(
            worker.id, installation, platform.node(), name, gpus.names, availability.engine, availability.cards
        )
        members.append(FleetMember(worker, row))
    stopping = threading.Event()
    retention = RetentionSweeper(core.tasks, core.sessions, blobs, stopping)
    orphans = OrphanSweeper(core.tasks, blobs, stopping)
    scratch = ScratchSweeper(core.tasks, settings.scratch_dir)
    files = [*own_sweeps, retention.sweep, orphans.sweep, scratch.sweep]
    sweepers = Sweepers(LeaseSweeper(core.tasks, metrics), files, stopping)
    deliverer = _deliverer(settings, core, metrics, traces, links)
    return Fleet(store, installation, members, sweepers, background=[deliverer])


def _deliverer(
    settings: Settings, core: Core, metrics: Metrics, traces: Traces, links: VideoLinks | BucketFiles
) -> Deliverer:
    metrics.add_outbox(core.webhooks.store.waiting)
    return Deliverer(
        core.tasks.store,
        core.webhooks,
        partial(Sender, settings.webhooks_private, f"wanserve/{__version__}"),
        links.told_url,
        settings.webhook_format,
        metrics.webhook_tried,
        traces,
    )


def all_dialects(retention_ms: int) -> list[Dialect]:
    """Every dialect that is served. See OpenAI for the parameter."""
    return [Pixazo(), DashScope(), OpenAI(retention_ms)]


def api_document() -> JsonObject:
    """The OpenAPI document, the same for all settings; docs/openapi.json is a copy of it."""
    return document(all_dialects(retention_ms=DAY_MS), __version__)


def _require_default_model(settings: Settings, served: Mapping[str, ModelCard]) -> None:
    """Raise SetupError where the owner has chosen a default model that is not served."""
    if "default_model" in settings.model_fields_set and settings.default_model not in served:
        raise SetupError(f"default_model: {settings.default_model} is not served here, only {', '.join(served)}")


def _rate_limiter(settings: Settings, core: Core) -> RateLimiter:
    rates = Rates(settings.submit_rps, settings.query_rps)
    if core.tokens is None:
        return TokenBuckets(rates, time.monotonic)
    return SharedTokenBuckets(rates, core.tokens, ThreadPoolExecutor(1, "rates"), time.monotonic)


def runners_of(core: Core) -> Runners:
    """Where the calls of requests run, by what the store's reads take."""
    # Lists have threads of their own, so that no cancel or delete waits for a slow one.
    writes, lists = InThreads(), InThreads(ThreadPoolExecutor(LIST_THREADS, "lists"))
    outlooks = Outlooks(core.tasks.store, core.times, time.monotonic)
    if core.reads_block:
        lookups = ThreadPoolExecutor(3 * AT_ONCE, "lookups")
        keys, tasks = InBatches(core.keys.owners, lookups), InBatches(core.tasks.get_many, lookups)
        reads = InThreads(ThreadPoolExecutor(READ_THREADS, "reads"))
        return Runners(keys, tasks, InBatches(outlooks.of_many, lookups), reads, writes, lists)
    # A read of SQLite takes some ten microseconds, less than a thread switch.
    task: OneByOne[tuple[str, str], Task] = OneByOne(lambda asked: core.tasks.get(*asked))
    return Runners(OneByOne(core.keys.owner), task, OneByOne(outlooks.of), on_event_loop, writes, lists)


def streams_of(core: Core, runners: Runners, stopping: threading.Event) -> Streams:
    """The event streams of a server."""
    feed = Feed(core.tasks.store, runners.read, stopping)
    return Streams(core.tasks, runners.outlook, feed, runners.read, runners.list, stopping)


def _ops(
    core: Core,
    availability: Availability,
    metrics: Metrics,
    workers: Callable[[], Sequence[WorkerRow]],
    stopping: threading.Event,
    moderation: Callable[[], str],
) -> Ops:
    # Threads of their own, so that health checks do not wait for requests of clients.
    threads, engine = ThreadPoolExecutor(3, "health"), (availability.engine, availability.why)
    health = Health(*engine, workers, core.tasks.store.check_writable, stopping.is_set, moderation, threads)
    return Ops(health, metrics.page, api_document(), threads)


def build_worker(settings: Settings, core: Core, availability: Availability) -> Parts:
    """Build a process that makes videos and answers nothing but its health and metrics. Raises SetupError."""
    metrics, stopping = Metrics(), threading.Event()
    metrics.add_task_table(core.tasks.store.state_counts)
    blobs = open_blobs(blob_target(settings))
    links, _ = _file_access(settings, core, blobs, Origin(settings.public_url))
    traces = open_traces(settings.traces_url, __version__)
    fleet = _fleet(settings, core, availability, blobs, metrics, traces, (), links, with_worker=True)
    ops = _ops(core, availability, metrics, fleet.rows, stopping, lambda: "by the servers")
    app = application([], ops.own_routes(), [Pixazo()], Uuids(), metrics.answers, Origin(None))
    return Parts(core, app, availability, fleet, settings.idle_seconds, stopping)


def _clock(core: Core) -> Clock:
    """The clock by which tasks are deleted and links expire."""
    return core.tasks.retention_clock or core.tasks.store.now_ms


def _file_access(
    settings: Settings, core: Core, blobs: BlobStore, origin: Origin
) -> tuple[VideoLinks | BucketFiles, FileSender | BucketFiles]:
    """Who makes the links to videos, and who answers requests for files. Raises SetupError."""
    own_links = VideoLinks(LinkSigner(core.link_secret.read()), origin, core.tasks.policy.retention_ms)
    target = blob_target(settings)
    if not isinstance(target, S3Target):
        return own_links, FileSender(blobs)
    # Threads of their own: a bucket that does not answer holds up no other request.
    run = InThreads(ThreadPoolExecutor(FILE_THREADS, "files"))
    if settings.blob_links == "proxy":
        return own_links, FileSender(blobs, run)
    bucket = BucketFiles(open_bucket(target), _clock(core), own_links.retention_ms, run)
    return bucket, bucket


def build(
    settings: Settings,
    core: Core,
    availability: Availability,
    *,
    with_worker: bool = True,
    moderation: Moderation,
) -> Parts:
    """Build a server on the core, which judges prompts by `moderation`. Raises SetupError."""
    _require_default_model(settings, core.tasks.catalogue())
    core = replace(core, tasks=replace(core.tasks, moderator=moderation))
    blobs, origin = open_blobs(blob_target(settings)), Origin(settings.public_url)
    metrics = Metrics()
    metrics.add_task_table(core.tasks.store.state_counts)
    metrics.add_moderation(moderation.counts)
    signer = LinkSigner(core.link_secret.read())
    links, sender = _file_access(settings, core, blobs, origin)
    traces = open_traces(settings.traces_url, __version__)
    own_sweeps = [partial(core.link_secret.restore, signer.secret)]
    fleet = _fleet(settings, core, availability, blobs, metrics, traces, own_sweeps, links, with_worker=with_worker)
    stopping = threading.Event()
    rate_limiter, body_budget = _rate_limiter(settings, core), BodyBudget()
    runners = runners_of(core)
    dialects = all_dialects(core.tasks.policy.retention_ms)
    poll_ms = Cached(runners.read, core.catalogue.poll_ms, time.monotonic)
    streams = streams_of(core, runners, stopping)
    shared = core.tasks, core.webhooks, rate_limiter, links, sender, body_budget, runners, poll_ms, streams, traces
    endpoints = [Endpoint(dialect, operation, *shared) for dialect in dialects for operation in dialect.operations]
    # The heartbeats of the own workers are up to some seconds old in the table.
    workers = fleet.rows if with_worker else partial(core.tasks.store.workers, SEEN_SECONDS)
    ops = _ops(core, availability, metrics, workers, stopping, moderation.state)
    routes: list[BaseRoute] = [SignedFileEndpoint(signer, sender, _clock(core), core.tasks, runners.read).route()]
    if settings.studio == "on":
        # A page loads nothing of another host, so what is in a bucket comes through this server.
        run = InThreads() if blob_target(settings).remote else on_event_loop
        routes += open_studio(
            tasks=core.tasks,
            sessions=core.sessions,
            outlooks=Outlooks(core.tasks.store, core.times, time.monotonic),
            rate_limiter=rate_limiter,
            body_budget=body_budget,
            runners=runners,
            streams=streams,
            files=FileSender(blobs, run),
            links=links,
            origin=origin,
            overview=Overview(core.tasks, core.overview, partial(room_of, settings)),
        ).routes()
    routes += ops.routes(home=settings.studio == "off")
    app = application(endpoints, routes, dialects, Uuids(), metrics.answers, origin)
    return Parts(core, app, availability, fleet, settings.idle_seconds, stopping)
