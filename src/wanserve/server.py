"""Runs a server or a worker: locks the data directory, starts the fleet and HTTP, drains them at a signal."""

import asyncio
import gc
import ipaddress
import logging
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from wanserve.app import Parts, build, build_worker
from wanserve.core import Core, make_folders, open_core
from wanserve.domain.errors import InvalidRequest, SetupError
from wanserve.fleet import Fleet
from wanserve.http.listener import ConnectionTimeouts, bind_socket, serve_app, start_listening
from wanserve.keys import Keys, fingerprint
from wanserve.machine.data_dir_lock import lock_data_dir
from wanserve.machine.stop_signals import StopSignals, handle_signals
from wanserve.models.availability import Availability, find_availability
from wanserve.models.catalogue import Served
from wanserve.moderation import open_moderation
from wanserve.sessions import LINK_SECONDS, Sessions
from wanserve.settings import Settings
from wanserve.storage import blob_target, check_blobs, require_own_blobs
from wanserve.tasks import Tasks

log = logging.getLogger(__name__)

LAST_ANSWERS_SECONDS: Final = 2.0
"""How long clients may take to read unfinished answers once the server stops."""

FIRST_KEY: Final = "default"
"""The name of the first account and of its key."""


def serve(settings: Settings, *, with_worker: bool = True) -> None:
    """Serve until SIGTERM or SIGINT, then drain; see StopSignals. Raises SetupError where the server cannot start."""
    # Bound first, so that a taken port is reported before anything else is done.
    with (
        closing(bind_socket(settings.host, settings.port)) as bound,
        opened(settings, owner=True) as parts,
        closing(open_moderation(settings)) as moderation,
    ):
        core, availability = parts
        if settings.moderation is not None:
            log.info("moderation: %s", moderation.state())
        built = build(settings, core, availability, with_worker=with_worker, moderation=moderation)
        sessions = core.sessions if settings.studio == "on" else None
        _run_until_stopped(settings, built, bound, partial(make_first_key, core.keys, sessions))


def work(settings: Settings) -> None:
    """Make videos for the servers on the same database until SIGTERM or SIGINT, then drain; see StopSignals.

    Answers nothing but its health and metrics, at `metrics_port`. Raises SetupError where it cannot start.
    """
    require_shared(settings)
    # Not the owner of the schema: a worker of a newer version must not migrate it under servers of an older one.
    with closing(bind_socket(settings.host, settings.metrics_port)) as bound, opened(settings, owner=False) as parts:
        core, availability = parts
        _run_until_stopped(settings, build_worker(settings, core, availability), bound)


def require_shared(settings: Settings) -> None:
    """Raise SetupError where the settings name no database and no store of files that a worker can share."""
    for name, setting, holds in (
        ("DATABASE_URL", settings.database_url, "tasks"),
        ("BLOB_URL", settings.blob_url, "videos"),
    ):
        if setting is None:
            raise SetupError(
                f"WANSERVE_{name} is not set: a worker shares the {holds} with the servers, which `wanserve serve` alone"
                " keeps in its data directory"
            )


@contextmanager
def opened(settings: Settings, *, owner: bool) -> Iterator[tuple[Core, Availability]]:
    """The locked data directory and the opened database, with what this machine serves. Raises SetupError."""
    availability = find_availability(settings)
    served = Served(availability.cards, frozenset({availability.engine}))
    make_folders(settings)
    check_blobs(blob_target(settings))
    # Locked before the database is opened: a newer version must not migrate it under a server that still runs.
    with lock_data_dir(settings.data_dir), closing(open_core(settings, served, owner=owner, sweeps=True)) as core:
        require_own_blobs(settings, core)
        yield core, availability


def _run_until_stopped(
    settings: Settings, parts: Parts, bound: socket.socket, greet: Callable[[str], None] | None = None
) -> None:
    parts.fleet.take_back()
    # What exists by now lives as long as the process, so the garbage collector need not look at it again.
    gc.collect()
    gc.freeze()
    log.info("engine %s: %s", parts.availability.engine, parts.availability.why)
    tell_unserved(parts.availability, parts.core.tasks)
    url = start_listening(bound)
    if greet is not None:
        greet(url)
    log.info("listening at %s", url)
    asyncio.run(_run(parts, bound, settings.drain_seconds))


def tell_unserved(availability: Availability, tasks: Tasks) -> None:
    """Log the models that are not served, each with the reason, and whether tasks wait for them."""
    for model in availability.models:
        if model.engine is None:
            log.info("model %s is not served: %s", model.card.name, model.why)
            if tasks.store.waiting([model.card.name], None):
                log.warning(
                    "tasks of %s were submitted while it was served, and wait until it is served again", model.card.name
                )


def make_first_key(keys: Keys, sessions: Sessions | None, url: str) -> None:
    """Create a key where there is none, and print it once, on stderr, with a command that uses it.

    With `sessions`, also a link that signs a browser of this machine in.
    """
    if keys.all():
        return
    try:
        secret = keys.create(FIRST_KEY, FIRST_KEY)
    except InvalidRequest:
        # Another server on the same database has just made it.
        return
    near = loopback_url(url)
    link = f"{near}/sign-in?link={sessions.offer_link(fingerprint(secret))}" if sessions and near else None
    opens = f"Open the studio, once, within {LINK_SECONDS // 60} minutes: {link}\n" if link else ""
    print(
        f"The key of account {FIRST_KEY}, shown only now: {secret}\n{opens}"
        f"A first video: WANSERVE_URL={url} WANSERVE_KEY={secret} wanserve generate 'Two birds over the sea'",
        file=sys.stderr,
        flush=True,
    )


def loopback_url(url: str) -> str | None:
    """The URL under which this machine itself reaches the server; None where it listens at another address only."""
    parts = urlsplit(url)
    address = ipaddress.ip_address(parts.hostname or "")
    if address.is_unspecified:
        return f"http://{'[::1]' if address.version == 6 else '127.0.0.1'}:{parts.port}"
    return url if address.is_loopback else None


async def _run(parts: Parts, bound: socket.socket, drain_s: float) -> None:
    """Serve until a signal comes and the workers have ended. Connections that are still open are then closed."""
    fleet, loop = parts.fleet, asyncio.get_running_loop()
    fleet.start()
    stop_requested, abort_requested = asyncio.Event(), asyncio.Event()

    def stop() -> None:
        parts.stopping.set()
        fleet.drain()
        loop.call_soon_threadsafe(stop_requested.set)

    def abort() -> None:
        fleet.abort()
        loop.call_soon_threadsafe(abort_requested.set)

    with handle_signals(StopSignals(drain_s, stop, abort)):
        try:
            # While the workers drain, polls are answered.
            timeouts = ConnectionTimeouts(head_s=parts.idle_s)
            await serve_app(parts.app, bound, lambda: _drained(fleet, stop_requested, abort_requested), timeouts)
        finally:
            # The store is closed after this, so all threads that write to it end first.
            await asyncio.to_thread(fleet.close)


async def _drained(fleet: Fleet, stop_requested: asyncio.Event, abort_requested: asyncio.Event) -> float:
    """Return once a stop was requested and the workers have ended, or at once when an abort is requested.

    Returns how many seconds clients still have to read unfinished answers.
    """
    await stop_requested.wait()
    ended = asyncio.create_task(asyncio.to_thread(fleet.join_workers))
    aborted = asyncio.create_task(abort_requested.wait())
    await asyncio.wait({ended, aborted}, return_when=asyncio.FIRST_COMPLETED)
    aborted.cancel()
    return 0.0 if abort_requested.is_set() else LAST_ANSWERS_SECONDS
