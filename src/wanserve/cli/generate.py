"""Makes one video from the command line: straight in an engine's child process, or through a running server."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from wanserve.app import child_config
from wanserve.blobs.target import DiskTarget
from wanserve.client import Client
from wanserve.core import new_seed
from wanserve.domain.errors import EngineFailed, InvalidRequest
from wanserve.domain.generation import Generation
from wanserve.domain.rules import VideoRequest, check
from wanserve.domain.task import Video
from wanserve.http.dialects.vendor import read_size
from wanserve.models.availability import Choice, choose, model_of
from wanserve.settings import Settings, load, surroundings
from wanserve.worker import protocol
from wanserve.worker.supervisor import Supervisor

Advance = Callable[[str, float | None], None]
"""Tells the progress bar what is going on, and the fraction done, where that is known."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asked for."""

    prompt: str
    output: Path
    model: str | None
    size: str | None
    negative: str | None
    seed: int | None


DEFAULT_MODEL: Final = "wan2.2-t2v-plus"


@dataclass(frozen=True, slots=True)
class WanFlags:
    """What the command line sets for this one video of the wan engine."""

    weights: str | None = None
    steps: int | None = None
    frames: int | None = None

    def given(self) -> dict[str, str | int]:
        """Those that were written."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def in_force(wish: Wish, engine: str | None, flags: WanFlags) -> tuple[Wish, Settings]:
    """The wish with its model, and the settings with what the flags say.

    Weights choose the engine, and the model where none is named. Raises InvalidRequest, SetupError.
    """
    settings = load({"engine": engine or (flags.weights and "wan")})
    given = flags.given()
    model = wish.model or (model_of(Path(flags.weights).expanduser()) if flags.weights else DEFAULT_MODEL)
    if given:
        tables = {name: own.model_dump(exclude_none=True) for name, own in settings.models.items()}
        tables[model] = tables.get(model, {}) | given
        settings = load({"engine": settings.engine, "models": tables})
        if (choice := choose(settings)).engine != "wan":
            raise InvalidRequest(next(iter(given)), f"only the wan engine takes it, and here it is {choice.engine}")
    return replace(wish, model=model), settings


def generate_locally(wish: Wish, settings: Settings, advance: Advance) -> Video:
    """Make the video with no server, store, lock or ledger. Raises InvalidRequest, SetupError, EngineFailed."""
    choice = choose(settings)
    size = None if wish.size is None else read_size(wish.size)
    request = VideoRequest(wish.model or DEFAULT_MODEL, wish.prompt, wish.negative, size, seed=wish.seed)
    generation = check(request, choice.cards, new_seed)
    _require_folder(wish.output)
    return make(settings, choice, generation, wish.output, advance)


def make(settings: Settings, choice: Choice, generation: Generation, output: Path, advance: Advance) -> Video:
    """Have a child process make one video into a file. Raises EngineFailed."""
    with tempfile.TemporaryDirectory(prefix="wanserve-") as scratch:
        folder = Path(scratch)
        config = replace(child_config(settings, choice), blobs=DiskTarget(folder), scratch=folder, log_level="error")
        child = Supervisor(config, surroundings())
        advance("loading the engine", None)
        child.start()
        child.load(generation.model)
        try:
            video = _made(child, generation, advance)
        finally:
            child.kill()
        shutil.move(Path(scratch) / video.key, output)
    return video


def _made(child: Supervisor, generation: Generation, advance: Advance) -> Video:
    while True:
        match child.next_event(timeout_s=3600.0):
            case protocol.Progress(fraction=fraction):
                advance("generating", fraction)
            case protocol.Loaded():
                child.send(protocol.Generate("generated", 1, generation))
            case protocol.Done(video=video):
                return video
            case protocol.Crashed(message=message):
                raise EngineFailed(message)
            case _:
                raise EngineFailed("the engine reported nothing for an hour")


def generate_through(client: Client, wish: Wish, flags: WanFlags, advance: Advance) -> None:
    """Have a running server make the video, and download it. Raises InvalidRequest, ServerRefused."""
    for name in flags.given():
        raise InvalidRequest(name, "is the server's own to set: leave it out, or leave out --url")
    _require_folder(wish.output)
    parameters = {"size": wish.size, "seed": wish.seed}
    task_id = client.submit(
        {
            "model": wish.model or DEFAULT_MODEL,
            "input": {"prompt": wish.prompt, "negative_prompt": wish.negative},
            "parameters": {name: value for name, value in parameters.items() if value is not None},
        }
    )
    link = client.wait(task_id, lambda status: advance(f"task {task_id} {status}", None))
    client.download(link, wish.output)
    advance("downloaded", 1.0)


def _require_folder(output: Path) -> None:
    # Looked at before the video is made: a minute's work must not end at a misspelt path.
    folder = output.absolute().parent
    if not folder.is_dir():
        raise InvalidRequest("output", f"there is no folder {folder}")


@contextmanager
def progress_bar(console: Console) -> Iterator[Advance]:
    """A bar on a terminal; elsewhere each new step is a line."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        row = bar.add_task("starting", total=None)
        told = ""

        def advance(says: str, fraction: float | None) -> None:
            nonlocal told
            if says != told and not console.is_terminal:
                console.print(says, markup=False, highlight=False)
            told = says
            bar.update(row, description=says, total=None if fraction is None else 1.0, completed=fraction or 0.0)

        yield advance
