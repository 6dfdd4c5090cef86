"""What the scripts share: what they saw goes out as one JSON object."""

import json
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

MODEL = "wan2.2-t2v-plus"
CHOOSABLE = "wanx2.1-t2v-turbo"
"""The model whose owner allows choices."""

CHOICES = {
    "profile": "balanced",
    "num_inference_steps": 8,
    "guidance_scale": 2.5,
    "loras": [{"name": "sketch", "strength": 0.8}, {"name": "ink", "strength": 1}],
}
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def tell(**seen: object) -> None:
    """Write what was seen, once, at the end."""
    json.dump(seen, sys.stdout)


def download(url: str, name: str) -> None:
    """Fetch a link without any header of ours, as a browser would."""
    with urllib.request.urlopen(url, timeout=60) as response:
        Path(name).write_bytes(response.read())


def refusal(call: Callable[[], object], *attributes: str) -> dict[str, Any]:
    """The class of what the call raises, its bases, its text, and these attributes."""
    try:
        call()
    except Exception as error:
        about = {name: getattr(error, name) for name in attributes}
        bases = [kind.__name__ for kind in type(error).__mro__]
        return about | {"class": type(error).__name__, "bases": bases, "text": str(error)}
    return {"class": None}
