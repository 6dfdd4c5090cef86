"""dashscope.VideoSynthesis: `made TASK_ID` where videos are made, `queued FAILED_ID` where they are not, `moderated WORD`."""

import sys

from dashscope import VideoSynthesis
from saying import CHOICES, CHOOSABLE, MODEL, UNKNOWN, download, tell


def made(task_id: str) -> None:
    """Make a video, look at a task of another dialect, and be refused."""
    video = VideoSynthesis.call(
        model=MODEL, prompt="a 猫 by v1", negative_prompt="text", size="832*480", seed=1, n=1, prompt_extend=False
    )
    download(video.output.video_url, "video.mp4")
    tell(
        video=video,
        fetched=VideoSynthesis.fetch(video),
        other=VideoSynthesis.wait(task_id),
        unknown=VideoSynthesis.fetch(UNKNOWN),
        listed=VideoSynthesis.list(page_size=100, model_name=MODEL, status="SUCCEEDED"),
        chosen=VideoSynthesis.async_call(model=CHOOSABLE, prompt="chosen", **CHOICES),
        lora=VideoSynthesis.async_call(model=CHOOSABLE, prompt="a cat", loras=["oil"]),
        late=VideoSynthesis.cancel(video),
        size=VideoSynthesis.async_call(model=MODEL, prompt="a cat", size="1*1"),
        model=VideoSynthesis.async_call(model="wan9", prompt="a cat"),
        key=VideoSynthesis.async_call(model=MODEL, prompt="a cat", api_key="sk-wrong"),
        key_of_list=VideoSynthesis.list(api_key="sk-wrong"),
    )


def queued(failed_id: str) -> None:
    """Cancel a task that waits, and look at one that failed."""
    task = VideoSynthesis.async_call(model=MODEL, prompt="v1 waits")
    pending = VideoSynthesis.fetch(task)
    canceled = VideoSynthesis.cancel(task)
    tell(
        task=task,
        pending=pending,
        canceled=canceled,
        waited=VideoSynthesis.wait(task),
        again=VideoSynthesis.cancel(task),
        listed=VideoSynthesis.list(status="CANCELED", page_size=1),
        failed=VideoSynthesis.wait(failed_id),
    )


def moderated(word: str) -> None:
    """Submit tasks that the server's rules do not allow."""
    tell(
        prompt=VideoSynthesis.async_call(model=MODEL, prompt=f"some {word}"),
        negative_prompt=VideoSynthesis.async_call(model=MODEL, prompt="a cat", negative_prompt=f"no {word}"),
    )


{"made": made, "queued": queued, "moderated": moderated}[sys.argv[1]](sys.argv[2])
