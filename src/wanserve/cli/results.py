"""What `wanserve generate` was asked for, and what it prints of each video: its path, or a line of JSON."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from wanserve.domain.choosing import LoraRequest


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """A video that the command line asks for."""

    prompt: str
    output: Path
    model: str | None
    size: str | None
    negative: str | None
    seed: int | None
    profile: str | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    loras: tuple[LoraRequest, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """How a video ended: with its file, or with an error. The id is the server's, where one made it.

    `scene` is what the engine understood of the prompt, where it tells.
    """

    video: VideoOptions
    id: str | None = None
    recipe: Mapping[str, object] = field(default_factory=dict)
    scene: Mapping[str, object] | None = None
    error: str | None = None


Report = Callable[[Result], None]
"""Called with each video as it ends."""


@dataclass(slots=True)
class Printer:
    """Prints each result as it comes: what scripts read to stdout, errors to stderr too.

    `failed` counts the errors, and `made` has the files of the videos.
    """

    as_json: bool
    failed: int = 0
    made: list[Path] = field(default_factory=list)

    def report(self, result: Result) -> None:
        """Print a result."""
        if result.error is not None:
            self.failed += 1
            print(f"wanserve: {result.video.output}: {result.error}", file=sys.stderr)
        else:
            self.made.append(result.video.output)
        if self.as_json:
            print(json.dumps(_row(result), ensure_ascii=False), flush=True)
        elif result.error is None:
            print(result.video.output, flush=True)


def _row(result: Result) -> dict[str, object]:
    return {
        "prompt": result.video.prompt,
        "file": None if result.error is not None else str(result.video.output),
        "id": result.id,
        "recipe": result.recipe,
        "scene": result.scene,
        "error": result.error,
    }


def one_each(video: VideoOptions, prompts: Sequence[str]) -> list[VideoOptions]:
    """The same video for each prompt. Several have a number in their names: `out.mp4` becomes `out-01.mp4`, `out-02.mp4`."""
    if len(prompts) == 1:
        return [replace(video, prompt=prompts[0])]
    digits = max(2, len(str(len(prompts))))
    return [
        replace(video, prompt=prompt, output=video.output.with_stem(f"{video.output.stem}-{number:0{digits}d}"))
        for number, prompt in enumerate(prompts, 1)
    ]
