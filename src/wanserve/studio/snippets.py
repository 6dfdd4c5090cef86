"""The code that makes the same video: for curl, Python and JavaScript, against this server's own URL."""

import json
import shlex
from typing import Final

from wanserve.domain.generation import Chosen, Generation

KEY: Final = "YOUR_KEY"
"""In place of the key, which no page shows."""


def snippets(made: Generation, base: str) -> dict[str, str]:
    """The code by the name of its language, in OpenAI's dialect, which is the best known and takes every setting."""
    body = request_body(made)
    text = json.dumps(body, ensure_ascii=False, indent=2)
    return {
        "curl": _CURL.format(url=shlex.quote(f"{base}/v1/videos"), key=KEY, body=shlex.quote(text)),
        "Python": _PYTHON.format(url=f"{base}/v1/videos", key=KEY, body=_python(body)),
        "JavaScript": _JAVASCRIPT.format(url=f"{base}/v1/videos", key=KEY, body=text.replace("\n", "\n  ")),
    }


def request_body(made: Generation) -> dict[str, object]:
    """The request that makes this video again, with its seed."""
    negative = {"negative_prompt": made.negative_prompt} if made.negative_prompt else {}
    return {
        "model": made.model,
        "prompt": made.prompt,
        **negative,
        "size": f"{made.width}x{made.height}",
        "seconds": str(round(made.seconds)),
        "seed": made.seed,
        "prompt_extend": made.prompt_extend,
        "watermark": made.watermark,
        **_chosen(made.chosen),
    }


def _chosen(chosen: Chosen) -> dict[str, object]:
    """What was chosen of how the model is sampled, without what was not."""
    loras = [{"name": lora.name, "strength": lora.strength} for lora in chosen.loras]
    told = {
        "profile": chosen.profile or None,
        "num_inference_steps": chosen.steps,
        "guidance_scale": chosen.guidance_scale,
        "loras": loras or None,
    }
    return {name: value for name, value in told.items() if value is not None}


def _python(body: dict[str, object]) -> str:
    """The body as a literal of Python, a field a line."""
    values = {
        name: json.dumps(value, ensure_ascii=False) if isinstance(value, str) else value for name, value in body.items()
    }
    return "\n".join(["{", *(f'        "{name}": {value},' for name, value in values.items()), "    }"])


_CURL: Final = """curl -X POST {url} \\
  -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
  -d {body}"""

_PYTHON: Final = """import time

import requests

videos = "{url}"
key = {{"Authorization": "Bearer {key}"}}
video = requests.post(
    videos,
    headers=key,
    json={body},
).json()
while video["status"] in ("queued", "in_progress"):
    time.sleep(1)
    video = requests.get(f"{{videos}}/{{video['id']}}", headers=key).json()
with open("video.mp4", "wb") as file:
    file.write(requests.get(f"{{videos}}/{{video['id']}}/content", headers=key).content)"""

_JAVASCRIPT: Final = """import {{ writeFile }} from "node:fs/promises";

const videos = "{url}";
const headers = {{ Authorization: "Bearer {key}", "Content-Type": "application/json" }};
const ask = async (path, more) => (await fetch(videos + path, {{ headers, ...more }}));
let video = await (await ask("", {{
  method: "POST",
  body: JSON.stringify({body}),
}})).json();
while (["queued", "in_progress"].includes(video.status)) {{
  await new Promise((resolve) => setTimeout(resolve, 1000));
  video = await (await ask(`/${{video.id}}`)).json();
}}
await writeFile("video.mp4", await (await ask(`/${{video.id}}/content`)).bytes());"""
