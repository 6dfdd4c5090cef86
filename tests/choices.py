"""A wanserve.toml whose owner allows choices, for the tests that make them over the network."""

from pathlib import Path
from typing import Final

MODEL: Final = "wanx2.1-t2v-turbo"
SETTINGS: Final = f"""
[models."{MODEL}"]
distill = {{ file = "/nowhere/fast.safetensors" }}
[models."{MODEL}".requests]
profiles = ["exact", "balanced", "fast"]
steps = [4, 60]
guidance_scale = [1.0, 8.0]
max_loras = 2
loras.sketch = {{ file = "/nowhere/sketch.safetensors", strength = 0.8, strengths = [0.0, 1.5] }}
loras.ink = {{ file = "/nowhere/ink.safetensors" }}
"""
CHOSEN: Final = {
    "profile": "balanced",
    "num_inference_steps": 8,
    "guidance_scale": 2.5,
    "loras": [{"name": "sketch", "strength": 0.8}, {"name": "ink", "strength": 1.0}],
}
"""A choice of everything, as OpenAI's dialect tells it."""

IN_ROWS: Final = {
    "profile": "balanced",
    "steps": 8,
    "guidance_scale": 2.5,
    "loras": [{"name": "sketch", "strength": 0.8}, {"name": "ink", "strength": 1.0}],
}
"""The same, as the command line tells it."""


def write_settings(folder: Path) -> Path:
    """Write the file into a folder, in which a server or a command is then to run; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "wanserve.toml").write_text(SETTINGS)
    return folder
