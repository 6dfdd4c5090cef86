"""dashscope.Client: `made TASK_ID` where videos are made, `queued FAILED_ID` where they are not, `moderated WORD`."""

import sys
from functools import partial

import dashscope
from dashscope.v2.resources._jobs import Job, JobList
from saying import CHOICES, CHOOSABLE, MODEL, UNKNOWN, download, refusal, tell

client = dashscope.Client()


def plain(answer: Job | JobList) -> dict:
    """An answer in JSON's types."""
    return answer.model_dump(mode="json", exclude={"headers"})


def error(call: object) -> dict:
    """What the call raises."""
    return refusal(call, "code", "status_code", "request_id")


def made(task_id: str) -> None:
    """Make a video, look at a task of another dialect, and be refused."""
    video = client.videos.generate(
        model=MODEL, prompt="a 猫 by v2", size="832*480", duration=5, seed=3, prompt_extend=False, watermark=False
    )
    download(video.video_url, "video.mp4")
    jobs = client.videos.jobs
    tell(
        video=plain(video),
        url=video.video_url,
        fetched=plain(jobs.fetch(video.task_id)),
        other=plain(jobs.wait(task_id)),
        unknown=plain(jobs.fetch(UNKNOWN)),
        listed=plain(jobs.list(page_size=100, model_name=MODEL, status="SUCCEEDED")),
        chosen=plain(jobs.create(model=CHOOSABLE, prompt="chosen", parameters=CHOICES)),
        lora=error(partial(jobs.create, model=CHOOSABLE, prompt="a cat", parameters={"loras": ["oil"]})),
        late=error(partial(jobs.cancel, video.task_id)),
        size=error(partial(jobs.create, model=MODEL, prompt="a cat", size="1*1")),
        model=error(partial(jobs.create, model="wan9", prompt="a cat")),
        key=error(partial(jobs.create, model=MODEL, prompt="a cat", api_key="sk-wrong")),
        key_of_list=error(partial(jobs.list, api_key="sk-wrong")),
    )


def queued(failed_id: str) -> None:
    """Cancel a task that waits, and look at one that failed."""
    jobs = client.videos.jobs
    task = jobs.create(model=MODEL, prompt="v2 waits")
    pending = jobs.fetch(task.task_id)
    canceled = jobs.cancel(task.task_id)
    tell(
        task=plain(task),
        pending=plain(pending),
        canceled=plain(canceled),
        fetched=plain(jobs.fetch(task.task_id)),
        waited=error(partial(jobs.wait, task.task_id)),
        again=error(partial(jobs.cancel, task.task_id)),
        listed=plain(jobs.list(status="CANCELED", page_size=1)),
        failed=error(partial(jobs.wait, failed_id)),
    )


def moderated(word: str) -> None:
    """Submit a task that the server's rules do not allow."""
    tell(prompt=error(partial(client.videos.jobs.create, model=MODEL, prompt=f"some {word}")))


{"made": made, "queued": queued, "moderated": moderated}[sys.argv[1]](sys.argv[2])
