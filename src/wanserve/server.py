"""Runs a built server: one owner of the data directory, the order of the start, the drain, the end."""

import asyncio
import gc
import logging
import socket
import sys
import threading
from contextlib import closing
from typing import Final

from wanserve.app import Parts, build
from wanserve.core import make_folders, open_core
from wanserve.http.listener import ConnectionTimeouts, bind_socket, serve_app, start_listening
from wanserve.keys import Keys
from wanserve.machine.data_dir_lock import owned
from wanserve.machine.stop_signals import Stopping, heard
from wanserve.models.availability import Choice, choose
from wanserve.settings import Settings
from wanserve.tasks import Tasks

log = logging.getLogger(__name__)

LAST_ANSWERS_SECONDS: Final = 2.0
"""How long answers that were begun may take to be read once the server stops."""

FIRST_KEY: Final = "default"
"""The name of the account and of the key that a server makes for itself when it has none."""


def serve(settings: Settings, *, with_worker: bool = True) -> None:
    """Serve until SIGTERM or SIGINT, then drain; see Stopping. Raises SetupError where the server cannot start."""
    # Bound first, so that a taken port is reported before anything else is done.
    with closing(bind_socket(settings.host, settings.port)) as bound:
        _serve(settings, bound, with_worker=with_worker)


def _serve(settings: Settings, bound: socket.socket, *, with_worker: bool) -> None:
    choice = choose(settings)
    make_folders(settings)
    # Owned before it is opened: a newer version must not change the schema under a server that still runs.
    with owned(settings.data_dir), closing(open_core(settings, choice.cards, owner=True)) as core:
        make_first_key(core.keys)
        parts = build(settings, core, choice, with_worker=with_worker)
        parts.sweeper.start_afresh()
        # What is built by now lives as long as the process: the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
        log.info("engine %s: %s", choice.engine, choice.why)
        tell_unserved(choice, core.tasks)
        log.info("listening at %s", start_listening(bound))
        asyncio.run(_run(parts, bound, settings.drain_seconds))


def tell_unserved(choice: Choice, tasks: Tasks) -> None:
    """Log which models are not served, and why, and whether tasks wait for them."""
    for offer in choice.offers:
        if offer.engine is None:
            log.info("model %s is not served: %s", offer.card.name, offer.why)
            if tasks.store.waiting([offer.card.name], None):
                log.warning("tasks of %s wait, from when it was served, until it is again", offer.card.name)


def make_first_key(keys: Keys) -> None:
    """On a data directory with no key, make one and tell it once, on stderr."""
    if keys.all():
        return
    secret = keys.create(FIRST_KEY, FIRST_KEY)
    print(f"The key of account {FIRST_KEY}, shown only now: {secret}", file=sys.stderr, flush=True)


async def _run(parts: Parts, listening: socket.socket, drain_s: float) -> None:
    """Serve until a signal comes and the workers have ended; what is left of the connections is closed then."""
    threads = [threading.Thread(target=worker.run, name="worker") for worker in parts.workers]
    sweeping = threading.Thread(target=parts.sweeper.run, name="sweeper")
    for thread in (*threads, sweeping):
        thread.start()
    loop = asyncio.get_running_loop()
    asked, hurried = asyncio.Event(), asyncio.Event()

    def stop() -> None:
        parts.stopping.set()
        for worker in parts.workers:
            worker.stop()
        loop.call_soon_threadsafe(asked.set)

    def hurry() -> None:
        for worker in parts.workers:
            worker.hurry()
        loop.call_soon_threadsafe(hurried.set)

    with heard(Stopping(drain_s, stop, hurry)):
        try:
            # While the workers drain, polls are answered.
            timeouts = ConnectionTimeouts(head_s=parts.idle_s)
            await serve_app(parts.app, listening, lambda: _drained(asked, hurried, threads), timeouts)
        finally:
            parts.sweeper.stop()
            for worker in parts.workers:
                worker.stop()
            # The store closes after this: whoever still writes to it has ended by then.
            await _join([*threads, sweeping])


async def _drained(asked: asyncio.Event, hurried: asyncio.Event, threads: list[threading.Thread]) -> float:
    """Return once a stop was asked and the workers have ended, or at once where it is hurried.

    Gives the seconds that answers which were begun still have.
    """
    await asked.wait()
    ended = asyncio.create_task(_join(threads))
    hurry = asyncio.create_task(hurried.wait())
    await asyncio.wait({ended, hurry}, return_when=asyncio.FIRST_COMPLETED)
    hurry.cancel()
    return 0.0 if hurried.is_set() else LAST_ANSWERS_SECONDS


async def _join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        await asyncio.to_thread(thread.join)
