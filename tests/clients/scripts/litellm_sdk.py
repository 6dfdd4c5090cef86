"""litellm by one of its providers: `PROVIDER VIDEO_ID`."""

import os
import sys
import time
from functools import partial
from pathlib import Path

import litellm
from saying import MODEL, UNKNOWN, refusal, tell

provider, other_id = sys.argv[1:]
litellm.suppress_debug_info = True
where = {"api_base": os.environ["OPENAI_BASE_URL"], "api_key": os.environ["OPENAI_API_KEY"]}
of = {"custom_llm_provider": provider, **where}
generate = partial(litellm.video_generation, model=f"{provider}/{MODEL}", **where)
status = partial(litellm.video_status, **of)
# What a vLLM server takes beyond OpenAI's fields.
extra = {"seed": 5, "negative_prompt": "text"} if provider == "hosted_vllm" else {}


def error(call: object) -> dict:
    """What the call raises."""
    return refusal(call, "status_code")


def done(video: object) -> object:
    """Ask until it is."""
    while video.status in {"queued", "in_progress"}:
        time.sleep(0.5)
        video = status(video.id)
    return video


first = generate(prompt=f"a 猫 by {provider}", size="832x480", seconds="5", **extra)
video = done(first)
for variant in ("video", "thumbnail", "spritesheet"):
    Path(variant).write_bytes(litellm.video_content(video.id, variant=variant, **of))
remix = done(litellm.video_remix(video.id, prompt="in the rain", **of))
unknown = f"video_{UNKNOWN.replace('-', '')}"
tell(
    first=first.model_dump(),
    video=video.model_dump(),
    remix=remix.model_dump(),
    other=status(other_id).model_dump(),
    listed=litellm.video_list(limit=100, **of)["data"],
    size=error(partial(generate, prompt="a cat", size="1x1")),
    unknown=error(partial(status, unknown)),
    key=error(partial(generate, prompt="a cat", api_key="sk-wrong")),
)
