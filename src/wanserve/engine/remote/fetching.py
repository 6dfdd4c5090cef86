"""Has an upstream make one video: submits it under an idempotency key, polls until it has ended, downloads its file."""

import asyncio
import logging
import random
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

from wanserve.domain.errors import (
    UpstreamBusy,
    UpstreamFailed,
    UpstreamForgot,
    UpstreamRefused,
    UpstreamTaskFailed,
    WanserveError,
)
from wanserve.domain.generation import Generation
from wanserve.domain.ports import Fetched, Order
from wanserve.engine.remote.answers import (
    ENDED_BADLY,
    Answer,
    Codec,
    KeyTaken,
    RemoteState,
    RemoteTask,
    Transient,
    error_of,
)
from wanserve.engine.remote.dashscope import DashScopeCodec
from wanserve.engine.remote.openai import OpenAICodec
from wanserve.engine.remote.transport import DEFAULT_LIMITS, Limits, Transport
from wanserve.models.upstream import Dialect, Upstream

log = logging.getLogger("wanserve.remote")

GENERATED: Final = 0.95
"""The share of an attempt's progress that the upstream's own is; the download is the rest."""

JITTER: Final = 0.2
"""By how much of itself a pause differs at most, so that many attempts do not poll at the same moment."""

LATE_ANSWER_SECONDS: Final = 3.0
"""How long a canceled attempt waits for the answer to its submit: it has the id by which the upstream's task is canceled."""

_ID: Final = re.compile(r"^[\w-]{1,80}$", re.ASCII)

_CODECS: Final[Mapping[Dialect, Callable[[Upstream], Codec]]] = {
    Dialect.OPENAI: OpenAICodec,
    Dialect.DASHSCOPE: DashScopeCodec,
}


@dataclass(frozen=True, slots=True)
class Pace:
    """Pauses in seconds: between tries of a submit or a download, and between polls from the first to the longest."""

    tries: tuple[float, ...] = (0.5, 1.5)
    first_poll: float = 1.0
    longest_poll: float = 15.0
    growth: float = 1.5


DEFAULT_PACE: Final = Pace()


def codec_for(upstream: Upstream) -> Codec:
    """The codec of the upstream's dialect."""
    return _CODECS[upstream.dialect](upstream)


@dataclass(slots=True)
class Fetching:
    """One attempt of one task at one upstream.

    `progress` is 0.0 to 1.0 and never decreases. `task` is the upstream's task, once it was accepted.
    """

    upstream: Upstream
    generation: Generation
    order: Order
    pace: Pace = DEFAULT_PACE
    limits: Limits = DEFAULT_LIMITS
    progress: float = field(default=0.0, init=False)
    task: RemoteTask | None = field(default=None, init=False)
    _codec: Codec = field(init=False)
    _unanswered: str | None = field(default=None, init=False)
    """The key of a submit that the upstream may have accepted: its answer has not come, or was lost."""

    def __post_init__(self) -> None:
        self._codec = codec_for(self.upstream)

    async def run(self, path: Path) -> Fetched:
        """Make the video and download it to `path`. Raises UpstreamFailed, UpstreamRefused, MediaUnavailable."""
        async with Transport(self.upstream, self.limits) as transport:
            self.task = await self._submit(transport)
            # Only what looks like an id: the log has no other text of somebody else's.
            log.info("upstream %s has the task as %s", self.upstream.name, "".join(_ID.findall(self.task.id)[:1]))
            done = self.task = await self._wait(transport, self.task)
            await self._download(transport, done, path)
        self.progress = 1.0
        return Fetched(actual_prompt=None if done.actual_prompt == self.generation.prompt else done.actual_prompt)

    async def cancel(self) -> None:
        """Cancel the upstream's task, where there may be one; the answer does not matter.

        Raises Transient, UpstreamFailed, UpstreamRefused, KeyTaken.
        """
        if self.task is None and self._unanswered is None:
            return
        async with Transport(self.upstream, self.limits) as transport:
            if self.task is None and self._unanswered is not None:
                # The same submit again, as the same key gives the same task, and so its id.
                self.task = await self._submit_once(transport, self._unanswered)
            if self.task is not None:
                await transport.call(self._codec.cancel(self.task.id))

    async def _submit(self, transport: Transport) -> RemoteTask:
        """The upstream's task for ours: the one of an earlier attempt where that has not ended badly, else a new one.

        Each earlier attempt has used one key at most, so the key with this attempt's number belongs to a new task.
        """
        attempt = self.order.attempt
        for count in range(1, attempt + 2):
            key = self.order.task_id if count == 1 else f"{self.order.task_id}/{count}"
            try:
                task = await self._submit_as(transport, key)
            except KeyTaken:
                continue
            if task.state not in ENDED_BADLY or count >= attempt:
                return task
        raise UpstreamFailed("it refuses every idempotency key of the task")

    async def _submit_as(self, transport: Transport, key: str) -> RemoteTask:
        problem: Transient | None = None
        for pause in (*self.pace.tries, None):
            try:
                return await self._submit_once(transport, key)
            except Transient as error:
                problem = error
            if pause is not None:
                await asyncio.sleep(_jittered(pause))
        raise UpstreamFailed(f"it accepted no task: {problem}") from problem

    async def _submit_once(self, transport: Transport, key: str) -> RemoteTask:
        """Submit. A cancel meanwhile waits a moment for the answer, so that `cancel` has the id of the upstream's task."""
        self._unanswered = key
        sent = asyncio.ensure_future(transport.call(self._codec.submit(self.generation, key)))
        try:
            answer = await asyncio.shield(sent)
        except asyncio.CancelledError:
            with suppress(TimeoutError, Transient, KeyTaken, WanserveError):
                self.task = self._accepted(await asyncio.wait_for(sent, LATE_ANSWER_SECONDS))
            raise
        return self._accepted(answer)

    def _accepted(self, answer: Answer) -> RemoteTask:
        """The task of the answer to a submit. Raises what `error_of` returns, and Transient."""
        if refusal := error_of(self.upstream, answer):
            if not isinstance(refusal, Transient):
                self._unanswered = None
            raise refusal
        task = self._codec.read_submitted(answer)
        self._unanswered = None
        return task

    async def _wait(self, transport: Transport, task: RemoteTask) -> RemoteTask:
        """Poll until the task is done. Raises UpstreamFailed, UpstreamRefused.

        A queue at the upstream is no failure, however long, within `max_s`. Polls that fail are repeated until none
        has succeeded for `outage_s`.
        """
        clock, pause = asyncio.get_running_loop().time, self.pace.first_poll
        begun_s = answered_s = clock()
        while clock() - begun_s < self.upstream.max_s:
            await asyncio.sleep(_jittered(pause))
            pause = min(pause * self.pace.growth, self.pace.longest_poll)
            try:
                task = await self._poll(transport, task.id)
            except UpstreamBusy as error:
                pause = max(pause, error.retry_after_s)
            except Transient as error:
                if clock() - answered_s >= self.upstream.outage_s:
                    raise UpstreamFailed(f"no poll succeeded for {self.upstream.outage_s:g} s: {error}") from error
                continue
            answered_s = clock()
            self.progress = max(self.progress, GENERATED * (task.progress or 0.0))
            if task.state is RemoteState.DONE:
                return task
            if task.state in ENDED_BADLY:
                _raise_end(self.upstream, task)
            pause = self._advised(task, pause)
        with suppress(Transient, UpstreamFailed):
            await transport.call(self._codec.cancel(task.id))
        raise UpstreamFailed(f"it did not finish the task within {self.upstream.max_s:g} s")

    async def _poll(self, transport: Transport, task_id: str) -> RemoteTask:
        """The task as it now is. Raises Transient, UpstreamFailed."""
        answer = await transport.call(self._codec.query(task_id))
        if answer.status == 404:
            raise UpstreamForgot("it no longer has the task that it had accepted")
        match error_of(self.upstream, answer):
            case None:
                return self._codec.read_queried(answer)
            case UpstreamRefused() | KeyTaken():
                raise UpstreamFailed(f"it answered a poll with HTTP status {answer.status}")
            case error:
                raise error

    def _advised(self, task: RemoteTask, pause: float) -> float:
        """The pause before the next poll: the upstream's own advice, within bounds, else the growing one."""
        if task.poll_after_s is None:
            return pause
        return min(max(task.poll_after_s, self.pace.first_poll / 5), self.pace.longest_poll)

    async def _download(self, transport: Transport, task: RemoteTask, path: Path) -> None:
        self.progress = max(self.progress, GENERATED)
        problem: Transient | None = None
        for pause in (*self.pace.tries, None):
            try:
                url = self._codec.content(task)
                answer = await transport.download(url, path, self._downloaded)
                if answer is None:
                    return
                self._refuse_download(answer)
            except Transient as error:
                problem = error
            if pause is not None:
                await asyncio.sleep(_jittered(pause))
        raise UpstreamFailed(f"its video could not be downloaded: {problem}") from problem

    def _downloaded(self, fraction: float) -> None:
        self.progress = max(self.progress, GENERATED + (1 - GENERATED) * min(fraction, 1.0))

    def _refuse_download(self, answer: Answer) -> NoReturn:
        problem = f"HTTP status {answer.status}"
        if answer.status >= 500 or answer.status in (408, 425, 429):
            raise Transient(problem)
        if answer.status in (404, 410):
            raise UpstreamForgot(f"it no longer has the video that it had made: {problem}")
        raise UpstreamFailed(f"its video could not be downloaded: {problem}")


def _raise_end(upstream: Upstream, task: RemoteTask) -> NoReturn:
    """Raise the error for a task that has ended without a video."""
    if task.state is RemoteState.UNKNOWN:
        raise UpstreamForgot("it no longer has the task that it had accepted")
    if task.state is RemoteState.CANCELED:
        raise UpstreamFailed("the task was canceled there, and not by this server")
    said = upstream.masked(f"{task.code}: {task.message}" if task.code and task.message else task.code or task.message)
    raise (UpstreamRefused if task.is_final else UpstreamTaskFailed)("the upstream failed to make the video", said)


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(1 - JITTER, 1 + JITTER)
