"""What the preview engine understood of a prompt, as rows for people."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from wanserve.domain.task import Task

WORLD: Final = ("place", "time", "weather", "style")
"""What the scene says of the whole picture, in the order in which it is shown."""


def understood(task: Task) -> list[tuple[str, str]]:
    """Rows of the name of a text and a value; none where the engine does not tell."""
    if task.video is None or not task.video.scene:
        return []
    scene: Mapping[str, Any] = json.loads(task.video.scene)
    return list(_rows(scene))


def _rows(scene: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for lead in scene.get("leads", ()):
        yield "understood.lead", _lead(lead)
    for name in WORLD:
        if value := scene.get(name):
            yield f"understood.{name}", str(value)
    looks = [str(value) for value in scene.get("camera", {}).values() if value != "none"]
    if looks:
        yield "understood.camera", ", ".join(looks)
    for name in ("without", "unknown"):
        if values := scene.get(name):
            yield f"understood.{name}", ", ".join(map(str, values))


def _lead(lead: Mapping[str, Any]) -> str:
    """A lead as some words: how many, in which colour, and what it does."""
    count = f"{lead['count']} " if lead.get("count", 1) > 1 else ""
    who = " ".join(str(lead[name]) for name in ("color", "name") if lead.get(name))
    does = [str(lead[name]) for name in ("motion", "direction", "action", "holds") if lead.get(name)]
    return f"{count}{who}{': ' if does else ''}{', '.join(does)}"
