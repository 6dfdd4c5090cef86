"""The synchronous client: does the steps of the flows with blocking calls."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import sleep
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
class Video(VideoInfo):
    """A video, as the server told of it last: see VideoInfo."""

    wan: "Wan" = field(repr=False, compare=False)

    def save(self, path: str | Path) -> Path:
        """Download it to a path: see `Wan.download`."""
        return self.wan.download(self, path)


OnProgress = Callable[[Video], object]
"""Called with the video whenever something new is told of it."""


class Wan:
    """The client of a running server. It is safe to use from several threads, and `with` closes it.

    `url` is the server's address and `key` an API key of it; without them, WANSERVE_URL and WANSERVE_KEY of the
    environment, or http://127.0.0.1:8000. A request that is not answered, or that the server is too busy for, is sent
    again for `retry_seconds`; for 3 seconds as long as the server has never answered. `http` is an httpx2 client of
    your own, which stays yours to close: with a proxy, certificates, or a transport for tests.

    All methods raise WanError: see `wanserve.client.errors`.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        retry_seconds: float = RETRY_SECONDS,
        http: httpx2.Client | None = None,
    ) -> None:
        self._target = Target.at(url, key)
        self._retries = flows.Retries(retry_seconds)
        # With trust_env it would send requests for 127.0.0.1 to the environment's proxy too.
        self._http = http or httpx2.Client(trust_env=False)
        self._owned = http is None

    def generate(
        self,
        prompt: str,
        *,
        on_progress: OnProgress | None = None,
        timeout: float | None = None,
        idempotency_key: str | None = None,
        **settings: Unpack[VideoSettings],
    ) -> Video:
        """Make a video and return it once it is made: `submit`, then `wait`, within `timeout` seconds together."""
        deadline_s = self._deadline_s(timeout)
        request = requests.create(prompt, idempotency_key or str(uuid4()), **settings)
        video = self._run(flows.submitting(request, self._retries, deadline_s))
        return self._wait(video.id, video, on_progress, timeout, deadline_s)

    def submit(self, prompt: str, *, idempotency_key: str | None = None, **settings: Unpack[VideoSettings]) -> Video:
        """Submit a video and return it at once; it is made later.

        `settings` are `model`, `size` ("832*480"), `negative_prompt`, `seconds`, `seed`, `prompt_extend`, `watermark`,
        and where the server's owner allows it `profile`, `steps`, `guidance_scale` and `loras` ({"sketch": 0.8}). The
        request has an idempotency key, a new one unless it is given, so it can be sent again without making two videos.
        """
        request = requests.create(prompt, idempotency_key or str(uuid4()), **settings)
        return self._video(self._run(flows.submitting(request, self._retries)))

    def wait(self, video: Video | str, *, on_progress: OnProgress | None = None, timeout: float | None = None) -> Video:
        """Wait for a video, or for the one with this id, and return it once it is made.

        `on_progress` is called whenever something new is told of it; an error of it ends the wait. After `timeout`
        seconds WaitTimeout is raised, and the video is still being made. Raises VideoFailed and VideoCanceled.
        """
        known = video if isinstance(video, Video) else None
        return self._wait(_id(video), known, on_progress, timeout, self._deadline_s(timeout))

    def get(self, video_id: str) -> Video:
        """The video with this id. Raises NotFound."""
        return self._video(self._run(flows.getting(video_id, self._retries)))

    def list(self, *, limit: int | None = None, after: Video | str | None = None) -> Iterator[Video]:
        """The account's videos, newest first: `limit` of them or all, those that follow `after` where it is given.

        They are fetched page by page as you go on.
        """
        cursor = flows.Cursor(None if after is None else _id(after), limit)
        while cursor.goes_on:
            yield from map(self._video, self._run(flows.listing(cursor, self._retries)).videos)

    def cancel(self, video: Video | str) -> Video:
        """Cancel a video that has not ended; a running engine stops at its next step.

        Cancelling twice is not an error. Raises NotFound, and RequestRefused for one that has ended otherwise.
        """
        return self._video(self._run(flows.canceling(_id(video), self._retries)))

    def delete(self, video: Video | str) -> None:
        """Delete a video with its file; one that has not ended is canceled by that. Raises NotFound."""
        self._run(flows.deleting(_id(video), self._retries))

    def download(self, video: Video | str, path: str | Path) -> Path:
        """Download a video to a path, which has the whole video in the end or stays as it was; returns the path.

        What has arrived is in `PATH.part`, and a connection that breaks goes on from there. Raises NotFound for a
        video that is not made yet, and OSError.
        """
        return self._run(downloading(_id(video), Path(path), self._retries))

    def close(self) -> None:
        """Close the connections."""
        if self._owned:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wait(
        self,
        video_id: str,
        known: VideoInfo | None,
        on_progress: OnProgress | None,
        timeout: float | None,
        deadline_s: float | None,
    ) -> Video:
        flow = waiting(video_id, known and VideoInfo(**facts_of(known)), self._retries, timeout, deadline_s)
        return self._video(self._run(flow, on_progress))

    def _deadline_s(self, timeout: float | None) -> float | None:
        return None if timeout is None else self._retries.now_s() + timeout

    def _video(self, info: VideoInfo) -> Video:
        return Video(**facts_of(info), wan=self)

    def _run(self, flow: flows.Flow[T], on_progress: OnProgress | None = None) -> T:
        """Do the steps of a flow to its end."""

        def tell(info: VideoInfo) -> None:
            if on_progress is not None:
                on_progress(self._video(info))

        steps = _Steps(self._http, self._target, tell)
        run = flows.Run(flow)
        try:
            while run.step is not None:
                try:
                    outcome = steps.do(run.step)
                except (httpx2.RequestError, httpx2.InvalidURL) as error:
                    run.failed(problem_of(error, self._target))
                else:
                    run.done(outcome)
            return run.result
        finally:
            run.close()
            steps.close()


class _Steps:
    """Does the steps of one flow, and holds its open answer."""

    def __init__(self, http: httpx2.Client, target: Target, tell: Callable[[VideoInfo], None]) -> None:
        self._http = http
        self._target = target
        self._tell = tell
        self._opened = ExitStack()
        self._content: Iterator[bytes] = iter(())

    def do(self, step: flows.Step) -> object:
        """Do a step and return its outcome. Raises httpx2.RequestError, and what a function of the caller raises."""
        match step:
            case flows.Send():
                with self._http.stream(**self._target.call(step.request, step.seconds)) as response:
                    return replace(head_of(response), content=response.read())
            case flows.Open():
                return self._open(step)
            case flows.NextBytes():
                return next(self._content, b"")
            case flows.Close():
                self.close()
            case flows.Pause():
                sleep(step.seconds)
            case flows.Tell():
                self._tell(step.video)
            case flows.OnDisk():
                return step.run()
            case _:
                assert_never(step)
        return None

    def close(self) -> None:
        """Close the open answer where there is one."""
        self._content = iter(())
        self._opened.close()

    def _open(self, step: flows.Open) -> Answer:
        response = self._opened.enter_context(self._http.stream(**self._target.call(step.request, step.seconds)))
        head = head_of(response)
        if head.refused:
            head = replace(head, content=response.read())
            self.close()
        else:
            self._content = response.iter_bytes()
        return head


def _id(video: Video | str) -> str:
    return video if isinstance(video, str) else video.id
