"""Makes one video from the command line: straight in an engine's child process, or through a running server."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from wanserve.app import choose_engine, new_seed
from wanserve.client import Client
from wanserve.domain.catalog import MODELS
from wanserve.domain.errors import EngineFailed, InvalidRequest
from wanserve.domain.generation import Generation
from wanserve.domain.rules import VideoRequest, check
from wanserve.domain.task import Video
from wanserve.http.dialects.pixazo import read_size
from wanserve.settings import Settings
from wanserve.worker import events
from wanserve.worker.supervisor import Supervisor

Advance = Callable[[str, float | None], None]
"""Tells the progress bar what is going on, and the fraction done, where that is known."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asked for."""

    prompt: str
    output: Path
    model: str
    size: str | None
    negative: str | None
    seed: int | None


def generate_locally(wish: Wish, settings: Settings, advance: Advance) -> Video:
    """Make the video with no server, store, lock or ledger. Raises InvalidRequest, EngineFailed."""
    size = None if wish.size is None else read_size(wish.size)
    generation = check(VideoRequest(wish.model, wish.prompt, wish.negative, size, seed=wish.seed), MODELS, new_seed)
    _require_folder(wish.output)
    return make(choose_engine(settings).name, generation, wish.output, advance)


def make(engine: str, generation: Generation, output: Path, advance: Advance) -> Video:
    """Have a child process make one video into a file. Raises EngineFailed."""
    with tempfile.TemporaryDirectory(prefix="wanserve-") as scratch:
        child = Supervisor(events.Charge(engine, Path(scratch), Path(scratch), "error"))
        advance("loading the engine", None)
        child.start()
        try:
            video = _made(child, generation, advance)
        finally:
            child.kill()
        shutil.move(Path(scratch) / video.key, output)
    return video


def _made(child: Supervisor, generation: Generation, advance: Advance) -> Video:
    while True:
        match child.next_event(timeout_s=3600.0):
            case events.Progress(fraction=fraction):
                advance("generating", fraction)
            case events.Done(video=None):
                child.send(events.Generate("generated", 1, generation))
            case events.Done(video=video) if video:
                return video
            case events.Crashed(message=message):
                raise EngineFailed(message)
            case _:
                raise EngineFailed("the engine reported nothing for an hour")


def generate_through(client: Client, wish: Wish, advance: Advance) -> None:
    """Have a running server make the video, and download it. Raises InvalidRequest, ServerRefused."""
    _require_folder(wish.output)
    parameters = {"size": wish.size, "seed": wish.seed}
    task_id = client.submit(
        {
            "model": wish.model,
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
