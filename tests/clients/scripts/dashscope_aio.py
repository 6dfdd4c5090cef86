"""AioVideoSynthesis: `made TASK_ID` where videos are made, `queued FAILED_ID` where they are not."""

import asyncio
import sys

from dashscope.aigc.video_synthesis import AioVideoSynthesis
from saying import CHOICES, CHOOSABLE, MODEL, UNKNOWN, download, tell


async def made(task_id: str) -> None:
    """Make a video, look at a task of another dialect, and be refused."""
    video = await AioVideoSynthesis.call(
        model=MODEL, prompt="a 猫 by aio", negative_prompt="text", size="832*480", seed=2, prompt_extend=False
    )
    download(video.output.video_url, "video.mp4")
    tell(
        video=video,
        fetched=await AioVideoSynthesis.fetch(video),
        other=await AioVideoSynthesis.wait(task_id),
        unknown=await AioVideoSynthesis.fetch(UNKNOWN),
        listed=await AioVideoSynthesis.list(page_size=100, model_name=MODEL, status="SUCCEEDED"),
        chosen=await AioVideoSynthesis.async_call(model=CHOOSABLE, prompt="chosen", **CHOICES),
        lora=await AioVideoSynthesis.async_call(model=CHOOSABLE, prompt="a cat", loras=["oil"]),
        late=await AioVideoSynthesis.cancel(video),
        size=await AioVideoSynthesis.async_call(model=MODEL, prompt="a cat", size="1*1"),
        model=await AioVideoSynthesis.async_call(model="wan9", prompt="a cat"),
        key=await AioVideoSynthesis.async_call(model=MODEL, prompt="a cat", api_key="sk-wrong"),
        key_of_list=await AioVideoSynthesis.list(api_key="sk-wrong"),
    )


async def queued(failed_id: str) -> None:
    """Cancel a task that waits, and look at one that failed."""
    task = await AioVideoSynthesis.async_call(model=MODEL, prompt="aio waits")
    pending = await AioVideoSynthesis.fetch(task)
    canceled = await AioVideoSynthesis.cancel(task)
    tell(
        task=task,
        pending=pending,
        canceled=canceled,
        waited=await AioVideoSynthesis.wait(task),
        again=await AioVideoSynthesis.cancel(task),
        listed=await AioVideoSynthesis.list(status="CANCELED", page_size=1),
        failed=await AioVideoSynthesis.wait(failed_id),
    )


asyncio.run({"made": made, "queued": queued}[sys.argv[1]](sys.argv[2]))
