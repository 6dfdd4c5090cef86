"""Asks an OpenAI-compatible moderation endpoint, and keeps a view of whether it answers.

While it does not, nobody waits for it: a harmless text is sent every few seconds, and submits are told at once.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import httpx

from wanserve.domain.errors import SetupError
from wanserve.domain.moderation import PASSED, NoVerdict, Refused, Texts, Verdict
from wanserve.machine.futures import already
from wanserve.machine.loop_thread import LoopThread
from wanserve.prompts.calls import TEMPORARY, CallFailed, call, json_request, open_transport
from wanserve.prompts.moderation_answer import Categories, NoAnswer, refusing

log = logging.getLogger("wanserve.prompts")

TIMEOUT_SECONDS: Final = 5.0
"""For one question, from the first DNS look-up to the last byte."""

TRIES: Final = 2
"""A connection that was open may have been closed by the endpoint just before it was used again."""

AT_ONCE: Final = 32
"""How many questions are asked at a time. Who comes while there are so many is not kept waiting."""

PROBE_SECONDS: Final = 5
"""How often an endpoint that does not answer is asked again."""

BUSY_SECONDS: Final = 1
"""When a submit may be sent again that found too many waiting."""

HARMLESS: Final[Texts] = {"prompt": "A kitten running in the moonlight"}


@dataclass(frozen=True, slots=True)
class ModerationEndpoint:
    """The base of its URLs, an API key, the model, where one is named, and the categories; None: what it flags."""

    url: str
    key: str | None = field(default=None, repr=False)
    model: str | None = None
    categories: Categories | None = None


class _Unanswered(Exception):
    """The endpoint gave no verdict. `permanent`: only another setting, or another endpoint, would change that."""

    def __init__(self, problem: str, *, permanent: bool = False) -> None:
        super().__init__(problem)
        self.permanent = permanent


@dataclass(slots=True)
class EndpointAsker:
    """Asks one endpoint. May be used from any thread, after `begin`."""

    endpoint: ModerationEndpoint
    timeout_s: float = TIMEOUT_SECONDS
    at_once: int = AT_ONCE
    probe_s: float = PROBE_SECONDS
    _thread: LoopThread = field(init=False)
    _transport: httpx.AsyncHTTPTransport = field(init=False)
    _asking: int = field(default=0, init=False)
    _probing: "asyncio.Task[None] | None" = field(default=None, init=False)
    _problem: str | None = field(default=None, init=False)
    """Why it gives no verdict now, and since when; None where it does."""

    def __post_init__(self) -> None:
        self._thread = LoopThread("moderation")
        self._transport = open_transport(httpx.Limits(max_connections=self.at_once + 1))

    def begin(self) -> None:
        """Ask for the first time, with a harmless text. Raises SetupError where only another setting would help."""
        problem = self._thread.run(self._begin()).result()
        if problem is not None:
            raise SetupError(f"moderation: {self.endpoint.url}: {problem}")

    def ask(self, texts: Texts) -> Future[Verdict]:
        """See Moderator."""
        return self._thread.run(self._verdict(texts)) if self._problem is None else already(self._none_yet())

    @property
    def problem(self) -> str | None:
        """Why it gives no verdict now, and since when; None where it does."""
        return self._problem

    def close(self) -> None:
        """End the thread and close the connections. Questions that are still asked get no verdict."""
        self._thread.close(self._transport.aclose())

    def _none_yet(self) -> Verdict:
        return NoVerdict(max(1, round(self.probe_s)))

    async def _begin(self) -> str | None:
        try:
            await self._asked(HARMLESS)
        except _Unanswered as error:
            if error.permanent:
                return str(error)
            self._note_down(error)
            self._probe()
        return None

    async def _verdict(self, texts: Texts) -> Verdict:
        if self._asking >= self.at_once:
            return NoVerdict(BUSY_SECONDS)
        self._asking += 1
        try:
            found = await self._asked(texts)
        except _Unanswered as error:
            log.info("the moderation endpoint gave no verdict: %s", error)
            # One text may be what it cannot answer. Whether it answers at all is asked with another one.
            self._probe()
            return self._none_yet()
        except asyncio.CancelledError:
            # `close` has canceled it, and nobody else does.
            return self._none_yet()
        finally:
            self._asking -= 1
        return next((Refused(name, why) for name, why in zip(texts, found, strict=True) if why is not None), PASSED)

    def _probe(self) -> None:
        """Ask with a harmless text until there is an answer, unless that is being done."""
        if self._probing is None or self._probing.done():
            self._probing = asyncio.get_running_loop().create_task(self._probe_on())

    async def _probe_on(self) -> None:
        while True:
            if self._problem is not None:
                await asyncio.sleep(self.probe_s)
            try:
                await self._asked(HARMLESS)
            except _Unanswered as error:
                self._note_down(error)
                continue
            if self._problem is not None:
                log.info("the moderation endpoint answers again")
            self._problem = None
            return

    def _note_down(self, error: _Unanswered) -> None:
        if self._problem is None:
            since = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            self._problem = f"no verdict since {since}: {error}"
            log.warning("the moderation endpoint gives no verdict, and is asked every %g s: %s", self.probe_s, error)

    async def _asked(self, texts: Texts) -> Sequence[tuple[str, ...] | None]:
        """What refuses each of the texts. Raises _Unanswered."""
        try:
            async with asyncio.timeout(self.timeout_s):
                body = await self._answer(texts)
        except TimeoutError:
            raise _Unanswered(f"no whole answer came within {self.timeout_s:g} s") from None
        try:
            return refusing(body, len(texts), self.endpoint.categories)
        except NoAnswer as error:
            raise _Unanswered(str(error), permanent=True) from error

    async def _answer(self, texts: Texts) -> bytes:
        for left in reversed(range(TRIES)):
            try:
                return await call(self._transport, lambda: self._request(texts), _check)
            except CallFailed as error:
                if not (error.temporary and left):
                    raise _Unanswered(str(error)) from error
        raise AssertionError("the last try returns or raises")

    def _request(self, texts: Texts) -> httpx.Request:
        body: dict[str, object] = {"input": list(texts.values())}
        if self.endpoint.model is not None:
            body["model"] = self.endpoint.model
        return json_request(self.endpoint.url, "moderations", self.endpoint.key, body)


def _check(status: int) -> None:
    if not 200 <= status < 300:
        permanent = status < 500 and status not in TEMPORARY
        raise _Unanswered(f"the endpoint answered with HTTP status {status}", permanent=permanent)
