"""Has a running server make the videos of `wanserve generate`: all are submitted at once, and told of as they go on."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

from wanserve.cli.bars import Bar, Bars
from wanserve.cli.results import Report, Result, VideoOptions
from wanserve.client import AsyncVideo, AsyncWan, VideoInfo, WanError
from wanserve.domain.errors import WanserveError

AT_ONCE: Final = 32
"""How many videos are waited for at a time: each has a connection for its stream."""


class ServerRefused(WanserveError):
    """The server refused the request or could not be reached, or the video ended without being made."""

    code = "server_refused"


def generate_through_server(url: str, key: str, videos: Sequence[VideoOptions], bars: Bars, report: Report) -> None:
    """Have a running server make the videos, and download each as it is made. Raises ServerRefused where there is one."""
    try:
        asyncio.run(_generate(url, key, videos, bars, report))
    except WanError as error:
        raise ServerRefused(str(error)) from error


async def _generate(url: str, key: str, videos: Sequence[VideoOptions], bars: Bars, report: Report) -> None:
    async with AsyncWan(url, key) as wan:
        rows = [bars.add(video.prompt) for video in videos]
        free = asyncio.Semaphore(AT_ONCE)

        async def one(video: VideoOptions, bar: Bar, submitted: asyncio.Future[None]) -> None:
            try:
                await _make(wan, video, bar, free, submitted, report)
            except (WanError, OSError) as error:
                if len(videos) == 1:
                    raise
                report(Result(video, error=str(error)))
            finally:
                if not submitted.done():
                    submitted.set_result(None)

        tasks = []
        for video, bar in zip(videos, rows, strict=True):
            # One after the other, so that the server's queue has them in this order.
            submitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            tasks.append(asyncio.create_task(one(video, bar, submitted)))
            await submitted
        await asyncio.gather(*tasks)


async def _make(
    wan: AsyncWan,
    video: VideoOptions,
    bar: Bar,
    free: asyncio.Semaphore,
    submitted: asyncio.Future[None],
    report: Report,
) -> None:
    accepted = await wan.submit(
        video.prompt,
        model=video.model,
        size=video.size,
        negative_prompt=video.negative,
        seed=video.seed,
        profile=video.profile,
        steps=video.steps,
        guidance_scale=video.guidance_scale,
        loras={lora.name: lora.strength for lora in video.loras} or None,
    )
    submitted.set_result(None)
    _tell(bar, accepted)
    async with free:
        made = await wan.wait(accepted, on_progress=partial(_tell, bar))
        await made.save(video.output)
    bar.tell("downloaded", 1.0)
    report(Result(video, id=made.id, recipe=made.recipe))


def _tell(bar: Bar, video: AsyncVideo | VideoInfo) -> None:
    stage = video.state if video.ended else video.stage or video.state
    bar.tell(f"{video.id} {stage}", video.progress, video.seconds_left)
