"""The asynchronous client: awaits the steps of the flows. Its methods are those of the synchronous one: see `Wan`."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self, TypeVar, Unpack, assert_never
from uuid import uuid4

import httpx2

from wanserve.client import flows, requests
from wanserve.client.answers import Answer
from wanserve.client.downloading import downloading
from wanserve.client.info import VideoInfo, facts_of
from wanserve.client.requests import VideoSettings
from wanserve.client.transport import RETRY_SECONDS, Target, head_of, problem_of
from wanserve.client.waiting import waiting

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncVideo(VideoInfo):
    """A video of an AsyncWan, as the server told of it last: see VideoInfo."""

    wan: "AsyncWan" = field(repr=False, compare=False)

    async def save(self, path: str | Path) -> Path:
        """Download it to a path: see `Wan.download`."""
        return await self.wan.download(self, path)


OnAsyncProgress = Callable[[AsyncVideo], object]
"""Called with the video whenever something new is told of it. What it returns is awaited where it can be."""


class AsyncWan:
    """The client of a running server, for asyncio; `async with` closes it. See `Wan` for the arguments and the methods.

    Cancelling a coroutine of it does not cancel the video: use `cancel`.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        retry_seconds: float = RETRY_SECONDS,
        http: httpx2.AsyncClient | None = None,
    ) -> None:
        self._target = Target.at(url, key)
        self._retries = flows.Retries(retry_seconds)
        # With trust_env it would send requests for 127.0.0.1 to the environment's proxy too.
        self._http = http or httpx2.AsyncClient(trust_env=False)
        self._owned = http is None

    async def generate(
        self,
        prompt: str,
        *,
        on_progress: OnAsyncProgress | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the same as that of Wan; the video goes on all the same
        idempotency_key: str | None = None,
        **settings: Unpack[VideoSettings],
    ) -> AsyncVideo:
        """See `Wan.generate`."""
        deadline_s = self._deadline_s(timeout)
        request = requests.create(prompt, idempotency_key or str(uuid4()), **settings)
        video = await self._run(flows.submitting(request, self._retries, deadline_s))
        return await self._wait(video.id, video, on_progress, timeout, deadline_s)

    async def submit(
        self, prompt: str, *, idempotency_key: str | None = None, **settings: Unpack[VideoSettings]
    ) -> AsyncVideo:
        """See `Wan.submit`."""
        request = requests.create(prompt, idempotency_key or str(uuid4()), **settings)
        return self._video(await self._run(flows.submitting(request, self._retries)))

    async def wait(
        self,
        video: AsyncVideo | str,
        *,
        on_progress: OnAsyncProgress | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> AsyncVideo:
        """See `Wan.wait`."""
        known = video if isinstance(video, AsyncVideo) else None
        return await self._wait(_id(video), known, on_progress, timeout, self._deadline_s(timeout))

    async def get(self, video_id: str) -> AsyncVideo:
        """See `Wan.get`."""
        return self._video(await self._run(flows.getting(video_id, self._retries)))

    async def list(
        self, *, limit: int | None = None, after: AsyncVideo | str | None = None
    ) -> AsyncIterator[AsyncVideo]:
        """See `Wan.list`; for `async for`."""
        cursor = flows.Cursor(None if after is None else _id(after), limit)
        while cursor.goes_on:
            for video in (await self._run(flows.listing(cursor, self._retries))).videos:
                yield self._video(video)

    async def cancel(self, video: AsyncVideo | str) -> AsyncVideo:
        """See `Wan.cancel`."""
        return self._video(await self._run(flows.canceling(_id(video), self._retries)))

    async def delete(self, video: AsyncVideo | str) -> None:
        """See `Wan.delete`."""
        await self._run(flows.deleting(_id(video), self._retries))

    async def download(self, video: AsyncVideo | str, path: str | Path) -> Path:
        """See `Wan.download`."""
        return await self._run(downloading(_id(video), Path(path), self._retries))

    async def aclose(self) -> None:
        """Close the connections."""
        if self._owned:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _wait(
        self,
        video_id: str,
        known: VideoInfo | None,
        on_progress: OnAsyncProgress | None,
        timeout: float | None,  # noqa: ASYNC109 - as above
        deadline_s: float | None,
    ) -> AsyncVideo:
        flow = waiting(video_id, known and VideoInfo(**facts_of(known)), self._retries, timeout, deadline_s)
        return self._video(await self._run(flow, on_progress))

    def _deadline_s(self, timeout: float | None) -> float | None:
        return None if timeout is None else self._retries.now_s() + timeout

    def _video(self, info: VideoInfo) -> AsyncVideo:
        return AsyncVideo(**facts_of(info), wan=self)

    async def _run(self, flow: flows.Flow[T], on_progress: OnAsyncProgress | None = None) -> T:
        """Do the steps of a flow to its end."""

        async def tell(info: VideoInfo) -> None:
            result = on_progress and on_progress(self._video(info))
            if inspect.isawaitable(result):
                await result

        steps = _Steps(self._http, self._target, tell)
        run = flows.Run(flow)
        try:
            while run.step is not None:
                try:
                    outcome = await steps.do(run.step)
                except (httpx2.RequestError, httpx2.InvalidURL) as error:
                    run.failed(problem_of(error, self._target))
                else:
                    run.done(outcome)
            return run.result
        finally:
            run.close()
            await steps.close()


class _Steps:
    """Does the steps of one flow, and holds its open answer."""

    def __init__(self, http: httpx2.AsyncClient, target: Target, tell: Callable[[VideoInfo], Awaitable[None]]) -> None:
        self._http = http
        self._target = target
        self._tell = tell
        self._opened = AsyncExitStack()
        self._content: AsyncIterator[bytes] | None = None

    async def do(self, step: flows.Step) -> object:
        """Do a step and return its outcome. Raises httpx2.RequestError, and what a function of the caller raises."""
        match step:
            case flows.Send():
                async with self._http.stream(**self._target.call(step.request, step.seconds)) as response:
                    return replace(head_of(response), content=await response.aread())
            case flows.Open():
                return await self._open(step)
            case flows.NextBytes():
                return b"" if self._content is None else await anext(self._content, b"")
            case flows.Close():
                await self.close()
            case flows.Pause():
                await asyncio.sleep(step.seconds)
            case flows.Tell():
                await self._tell(step.video)
            case flows.OnDisk():
                return await asyncio.to_thread(step.run)
            case _:
                assert_never(step)
        return None

    async def close(self) -> None:
        """Close the open answer where there is one."""
        self._content = None
        await self._opened.aclose()

    async def _open(self, step: flows.Open) -> Answer:
        response = await self._opened.enter_async_context(
            self._http.stream(**self._target.call(step.request, step.seconds))
        )
        head = head_of(response)
        if head.refused:
            head = replace(head, content=await response.aread())
            await self.close()
        else:
            self._content = response.aiter_bytes()
        return head


def _id(video: AsyncVideo | str) -> str:
    return video if isinstance(video, str) else video.id
