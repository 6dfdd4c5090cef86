"""Runs a built server: one owner of the data directory, the order of the start, the drain, the end."""

import asyncio
import gc
import logging
import signal
import sys
import threading
from contextlib import closing
from typing import Final

from wanserve.app import Parts, build, make_folders, open_core
from wanserve.http.listener import Patience, free_address, listen
from wanserve.keys import Keys
from wanserve.offers import Choice, choose
from wanserve.ownership import owned
from wanserve.settings import Settings
from wanserve.tasks import Tasks

log = logging.getLogger(__name__)

FIRST_KEY: Final = "default"
"""The name of the account and of the key that a server makes for itself when it has none."""


def serve(settings: Settings, *, with_worker: bool = True) -> None:
    """Serve until SIGTERM or SIGINT, then drain. Raises SetupError where the server cannot start."""
    host, port = free_address(settings.host, settings.port)
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
        log.info("listening at http://%s:%d", f"[{host}]" if ":" in host else host, port)
        asyncio.run(_run(parts, host, port))


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


async def _run(parts: Parts, host: str, port: int) -> None:
    threads = [threading.Thread(target=worker.run, name="worker") for worker in parts.workers]
    sweeping = threading.Thread(target=parts.sweeper.run, name="sweeper")
    for thread in (*threads, sweeping):
        thread.start()
    try:
        # While the workers drain, polls are answered.
        await listen(parts.app, host, port, lambda: _drained(parts, threads), Patience(head_s=parts.idle_s))
    finally:
        parts.sweeper.stop()
        for worker in parts.workers:
            worker.stop()


async def _drained(parts: Parts, threads: list[threading.Thread]) -> None:
    """Return once a signal has come and the workers have ended; a second signal ends the wait of the first."""
    loop = asyncio.get_running_loop()
    asked, pressed = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (pressed if asked.is_set() else asked).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    await asked.wait()
    log.info("stopping: what runs may take its time to end, nothing new is begun")
    for worker in parts.workers:
        worker.stop()
    joined = asyncio.create_task(_join(threads))
    hurry = asyncio.create_task(pressed.wait())
    await asyncio.wait({joined, hurry}, return_when=asyncio.FIRST_COMPLETED)
    for worker in parts.workers:
        worker.hurry()
    hurry.cancel()
    await joined


async def _join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        await asyncio.to_thread(thread.join)
