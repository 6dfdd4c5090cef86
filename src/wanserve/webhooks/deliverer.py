"""Delivers what waits in the outbox: looks for due deliveries, sends them beside each other, and writes how that ended.

One process of all on the database does it. A receiver that does not answer holds up only its own deliveries.
"""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol, TypeVar

from wanserve.domain.errors import WanserveError
from wanserve.domain.ports import TaskStore
from wanserve.domain.task import Task
from wanserve.domain.webhook_store import Due
from wanserve.domain.webhooks import Delivery, Tried
from wanserve.telemetry import bind_task_id
from wanserve.traces import NoTraces, Traces
from wanserve.webhook_endpoints import Webhooks
from wanserve.webhooks.payload import Format, Message, message

T = TypeVar("T")

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.5
"""How long the deliverer waits for a wake-up before it looks again."""

APART_SECONDS: Final = 0.1
"""The pause between two looks: each submit is a wake-up too."""

PAUSE_SECONDS: Final = 2.0
"""The pause after a look that failed, such as of a database that is away."""

SWEEP_SECONDS: Final = 3600.0
"""How often old deliveries are removed."""

PER_DESTINATION: Final = 2
"""How many tries of one endpoint run at the same time."""

PER_ACCOUNT: Final = 20
"""How many tries of one account run at the same time."""

AT_ONCE: Final = 200
"""How many tries run at the same time."""

STOP_SECONDS: Final = 1.0
"""How long running tries may still take once the process stops. Others are made again by the next one."""

LEASE_MS: Final = 20_000
"""When a delivery is due again whose process died at it: longer than a try takes."""

STORE_THREADS: Final = 4


class Send(Protocol):
    """What sends a message; see Sender."""

    async def send(self, url: str, message: Message, secrets: tuple[str, ...]) -> Tried:
        """Try once."""

    async def close(self) -> None:
        """Close what is open."""


@dataclass(slots=True)
class Deliverer:
    """Delivers until it is stopped. `run` is the main function of a thread.

    `link` gives the link to a task's video where there is one. `sender` is called once, in the event loop of the thread.
    `on_try` and `traces` are told of each try that has ended.
    """

    tasks: TaskStore
    webhooks: Webhooks
    sender: Callable[[], Send]
    link: Callable[[Task], str | None]
    form: Format = "standard"
    on_try: Callable[[Tried], None] = lambda _: None
    traces: Traces = field(default_factory=NoTraces)
    look_s: float = LOOK_SECONDS
    lease_ms: int = LEASE_MS
    stop_s: float = STOP_SECONDS
    _stopping: threading.Event = field(default_factory=threading.Event, init=False)
    _busy: Counter[str] = field(default_factory=Counter, init=False)
    _busy_accounts: Counter[str] = field(default_factory=Counter, init=False)
    _running: dict[str, "asyncio.Task[None]"] = field(default_factory=dict, init=False)
    """The tries, by the ids of their messages."""

    _changed: asyncio.Event = field(init=False)
    """Set once a task may have ended or a try has ended."""

    _threads: ThreadPoolExecutor = field(init=False)

    def run(self) -> None:
        """Deliver until stopped."""
        self._threads = ThreadPoolExecutor(STORE_THREADS, "webhooks")
        try:
            while not self._stopping.is_set():
                self._run_once()
        finally:
            self._threads.shutdown()

    def stop(self) -> None:
        """Have `run` return soon."""
        self._stopping.set()
        self.tasks.wake()

    def _run_once(self) -> None:
        try:
            asyncio.run(self._deliver())
        except Exception:
            # The outermost frame of this thread.
            log.exception("the delivery of webhooks failed, and begins again")
            self._stopping.wait(PAUSE_SECONDS)

    async def _deliver(self) -> None:
        sender, self._changed = self.sender(), asyncio.Event()
        try:
            await asyncio.gather(self._wake_on(), self._look_on(sender), self._sweep_on())
        finally:
            await self._stop_running()
            await sender.close()

    async def _look_on(self, sender: Send) -> None:
        while not self._stopping.is_set():
            self._changed.clear()
            pause_s = APART_SECONDS
            try:
                if self.tasks.leads():
                    await self._look(sender)
            except WanserveError as error:
                log.error("the webhooks that are due were not read: %s", error)
                pause_s = PAUSE_SECONDS
            await asyncio.sleep(pause_s)
            await self._changed.wait()

    async def _wake_on(self) -> None:
        """Pass the wake-ups of the store on, and one every `look_s`: a retry may be due."""
        seen = 0
        while not self._stopping.is_set():
            seen = await self._in_thread(partial(self.tasks.wait, seen, self.look_s))
            self._changed.set()

    async def _look(self, sender: Send) -> None:
        for due in await self._in_thread(self.webhooks.store.due):
            free = min(
                PER_DESTINATION - self._busy[due.destination],
                PER_ACCOUNT - self._busy_accounts[due.account],
                AT_ONCE - len(self._running),
            )
            if free > 0 and not self._stopping.is_set():
                await self._start(sender, due, free)

    async def _start(self, sender: Send, due: Due, free: int) -> None:
        for delivery in await self._in_thread(partial(self.webhooks.store.take, due.destination, free, self.lease_ms)):
            # One whose lease has run out here takes long, and has just got another lease.
            if delivery.id not in self._running:
                self._busy[due.destination] += 1
                self._busy_accounts[due.account] += 1
                self._running[delivery.id] = asyncio.create_task(self._try(sender, delivery))

    async def _try(self, sender: Send, delivery: Delivery) -> None:
        try:
            with bind_task_id(delivery.task_id):
                await self._send(sender, delivery)
        except asyncio.CancelledError:
            # This process stops. The next one need not wait for the end of the lease.
            with suppress(WanserveError):
                self.webhooks.store.give_back(delivery)
            raise
        except WanserveError as error:
            log.error("how the try of webhook %s ended was not written, and it is sent again: %s", delivery.id, error)
        except Exception:
            # The outermost frame of this coroutine. The delivery is due again at the end of its lease.
            log.exception("webhook %s could not be tried", delivery.id)
        finally:
            self._release(delivery)
            self._changed.set()

    def _release(self, delivery: Delivery) -> None:
        del self._running[delivery.id]
        for busy, name in ((self._busy, delivery.destination), (self._busy_accounts, delivery.account)):
            busy[name] -= 1
            if not busy[name]:
                del busy[name]

    async def _send(self, sender: Send, delivery: Delivery) -> None:
        url, secrets = await self._in_thread(partial(self._where, delivery))
        if url is None:
            await self._in_thread(partial(self.webhooks.drop, delivery, "the webhook was removed or is disabled"))
            return
        content = await self._in_thread(partial(self._message, delivery))
        begun_s = self.traces.now_s()
        tried = await sender.send(url, content, secrets)
        self.on_try(tried)
        self.traces.delivered(delivery, self.traces.now_s() - begun_s, tried)
        if tried.delivered:
            log.info("webhook %s is delivered (status %s)", delivery.id, tried.status)
        else:
            log.warning("try %d of webhook %s failed: %s", delivery.tries + 1, delivery.id, tried.error)
        await self._in_thread(partial(self.webhooks.note, delivery, tried))

    def _where(self, delivery: Delivery) -> tuple[str | None, tuple[str, ...]]:
        """The URL and the secrets of a delivery; None where nothing may be sent there any more."""
        if delivery.endpoint_id is None:
            return delivery.url, self.webhooks.account_secrets(delivery.account)
        endpoint = self.webhooks.store.endpoint(delivery.endpoint_id)
        if endpoint is None or endpoint.disabled_ms is not None:
            return None, ()
        return endpoint.url, endpoint.secrets(self.webhooks.store.now_ms())

    def _message(self, delivery: Delivery) -> Message:
        task = self.tasks.find(delivery.task_id)
        url = None
        if task is not None:
            try:
                url = self.link(task)
            except WanserveError as error:
                log.warning("webhook %s has no link to its video: %s", delivery.id, error)
        return message(delivery, task, url, self.form)

    async def _sweep_on(self) -> None:
        """Remove old deliveries, at the start and every hour."""
        loop, next_s = asyncio.get_running_loop(), 0.0
        while not self._stopping.is_set():
            if loop.time() >= next_s and self.tasks.leads():
                next_s = loop.time() + SWEEP_SECONDS
                with suppress(WanserveError):
                    await self._in_thread(self.webhooks.forget_old)
            await asyncio.sleep(self.look_s)

    async def _stop_running(self) -> None:
        """Let the running tries end for a moment, and give the others back."""
        running = set(self._running.values())
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=self.stop_s)
        for each in late:
            each.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)
