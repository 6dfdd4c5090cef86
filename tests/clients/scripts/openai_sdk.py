"""openai.OpenAI: `made VIDEO_ID` where videos are made, `queued FAILED_ID` where they are not, `resent` where answers get lost, `moderated WORD`."""

import sys
import warnings
from functools import partial
from pathlib import Path

import openai
from saying import CHOICES, CHOOSABLE, MODEL, UNKNOWN, refusal, tell

# The vendor has ended its own service of videos; its clients warn of that.
warnings.simplefilter("ignore", DeprecationWarning)
client = openai.OpenAI()
stranger = openai.OpenAI(api_key="sk-wrong")
unknown = f"video_{UNKNOWN.replace('-', '')}"


ONE_LORA = {"lora": {"name": "sketch", "scale": 0.5}}
"""By vLLM-Omni's names."""


def error(call: object) -> dict:
    """What the call raises."""
    return refusal(call, "status_code", "code", "param", "type", "request_id")


def made(video_id: str) -> None:
    """Make a video and another of the same settings, fetch all that there is of it, and be refused."""
    videos = client.videos
    extra = {"seed": 7, "negative_prompt": "text", "prompt_extend": False, "watermark": False}
    video = videos.create_and_poll(model=MODEL, prompt="an 猫 by openai", size="832x480", seconds="5", extra_body=extra)
    for variant in ("video", "thumbnail", "spritesheet"):
        videos.download_content(video.id, variant=variant).write_to_file(variant)
    with videos.with_streaming_response.download_content(video.id) as response:
        response.stream_to_file("streamed")
    chosen = [videos.create(model=CHOOSABLE, prompt="chosen", extra_body=choices).id for choices in (CHOICES, ONE_LORA)]
    short = videos.create(model=MODEL, prompt="four seconds", size="832x480", seconds="4")
    remix = videos.poll(videos.remix(video.id, prompt="in the rain").id, poll_interval_ms=300)
    short = videos.poll(short.id, poll_interval_ms=300)
    videos.download_content(short.id).write_to_file("short")
    tell(
        version=openai.__version__,
        video=video.model_dump(),
        retrieved=videos.retrieve(video.id).model_dump(),
        other=videos.retrieve(video_id).model_dump(),
        kind=response.headers["content-type"],
        bytes=len(Path("video").read_bytes()),
        short=short.model_dump(),
        remix=remix.model_dump(),
        chosen=[videos.retrieve(each).model_dump() for each in chosen],
        deleted=videos.delete(remix.id).model_dump(),
        gone=error(partial(videos.retrieve, remix.id)),
        models=[model.model_dump() for model in client.models.list()],
        model=client.models.retrieve(MODEL).model_dump(),
        unknown_model=error(partial(client.models.retrieve, "wan9")),
        unknown=error(partial(videos.retrieve, unknown)),
        size=error(partial(videos.create, prompt="a cat", size="1x1")),
        named=error(partial(videos.create, prompt="a cat", model="wan9")),
        seconds=error(partial(videos.create, prompt="a cat", seconds="12")),
        blank=error(partial(videos.create, prompt=" ")),
        seed=error(partial(videos.create, prompt="a cat", extra_body={"seed": "many"})),
        lora=error(partial(videos.create, model=CHOOSABLE, prompt="a cat", extra_body={"lora": "oil"})),
        picture=error(partial(videos.create, prompt="a cat", input_reference=b"a picture")),
        edit=error(partial(videos.edit, prompt="a cat", video=b"a video")),
        character=error(partial(videos.get_character, "char_1")),
        key=error(stranger.videos.list),
        key_of_create=error(partial(stranger.videos.create, prompt="a cat")),
    )


def queued(failed_id: str) -> None:
    """Leaf through a queue, send a submit twice under one name, and look at a video that failed."""
    videos = client.videos
    five = [videos.create(prompt=f"number {number}") for number in range(5)]
    once = {"Idempotency-Key": f"once-{openai.__version__}"}
    named = [videos.create(prompt="only once", extra_headers=once).id for _ in range(2)]
    waiting = five[0].id
    tell(
        first=five[0].model_dump(),
        five=[video.id for video in five],
        newest=[video.id for video in videos.list(limit=2)],
        oldest=[video.id for video in videos.list(limit=3, order="asc", after=waiting)],
        page=len(videos.list(limit=2).data),
        named=named,
        misnamed=error(partial(videos.create, prompt="another", extra_headers=once)),
        early=error(partial(videos.download_content, waiting)),
        early_remix=error(partial(videos.remix, waiting, prompt="in the rain")),
        deleted=videos.delete(waiting).model_dump(),
        gone=error(partial(videos.retrieve, waiting)),
        failed=videos.poll(failed_id).model_dump(),
    )


def resent(prompt: str) -> None:
    """Create one video; the client itself sends it again where the answer gets lost."""
    tell(video=client.videos.create(prompt=prompt).model_dump())


def moderated(word: str) -> None:
    """Create videos that the server's rules do not allow."""
    create = client.videos.create
    negative = {"negative_prompt": f"no {word}"}
    tell(
        prompt=error(partial(create, prompt=f"some {word}")),
        negative_prompt=error(partial(create, prompt="a cat", extra_body=negative)),
    )


{"made": made, "queued": queued, "resent": resent, "moderated": moderated}[sys.argv[1]](sys.argv[2])
