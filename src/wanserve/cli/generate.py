"""`wanserve generate`: makes one video, in a child process of this command or through a running server."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from wanserve.cli.standalone import OnProgress, make_video
from wanserve.client import Video as RemoteVideo
from wanserve.client import Wan, WanError
from wanserve.client.address import client_address
from wanserve.core import new_seed
from wanserve.domain.catalogue import MODELS
from wanserve.domain.errors import InvalidRequest, WanserveError
from wanserve.domain.rules import VideoRequest, check
from wanserve.domain.task import Video
from wanserve.http.dialects.vendor import read_size
from wanserve.models.availability import find_availability, model_for_weights
from wanserve.settings import Settings, load

DEFAULT_MODEL: Final = "wan2.2-t2v-plus"


class ServerRefused(WanserveError):
    """The server refused the request or could not be reached, or the video ended without being made."""

    code = "server_refused"


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """The video that the command line asks for."""

    prompt: str
    output: Path
    model: str | None
    size: str | None
    negative: str | None
    seed: int | None


@dataclass(frozen=True, slots=True)
class WanOptions:
    """Settings of the wan engine for this one video."""

    weights: str | None = None
    steps: int | None = None
    frames: int | None = None

    def given(self) -> dict[str, str | int]:
        """The settings that the command line has."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `wanserve generate`."""
    parser.add_argument("prompt", metavar="PROMPT")
    parser.add_argument("-o", "--output", type=Path, default=Path("out.mp4"), metavar="FILE")
    parser.add_argument("--model", help=f"{', '.join(MODELS)} (the first, or the one that the weights are of)")
    parser.add_argument("--size", metavar="W*H", help="such as 1280*720; the model's own default where left out")
    parser.add_argument("--negative", metavar="TEXT", help="what to leave out")
    parser.add_argument("--seed", type=int, metavar="N", help="the same seed gives the same video")
    parser.add_argument("--engine", help="auto, animatic, wan or remote (auto); without --url only")
    parser.add_argument("--weights", metavar="FOLDER", help="a checkpoint in the diffusers layout; for the wan engine")
    parser.add_argument("--steps", type=int, metavar="N", help="denoising steps; for the wan engine")
    parser.add_argument("--frames", type=int, metavar="N", help="4k+1 frames; for the wan engine")
    parser.add_argument("--url", help="the address of a running server (WANSERVE_URL)")
    parser.add_argument(
        "--key", help="a key of that server (WANSERVE_KEY, which other users of the machine cannot read)"
    )
    parser.set_defaults(run=run_generate)


def run_generate(arguments: argparse.Namespace) -> None:
    """`wanserve generate`: the path of the video goes to stdout, everything else to stderr."""
    video = VideoOptions(
        arguments.prompt, arguments.output, arguments.model, arguments.size, arguments.negative, arguments.seed
    )
    wan = WanOptions(arguments.weights, arguments.steps, arguments.frames)
    console = Console(stderr=True)
    notes: tuple[str, ...] = ()
    with progress_bar(console) as on_progress:
        # Options of the engine ask for a video that is made here, also where the environment names a server.
        made_here = arguments.url is None and (arguments.engine or wan.given())
        url, key = ("", "") if made_here else client_address(arguments.url, arguments.key)
        if url:
            generate_through_server(url, key, video, wan, on_progress)
        else:
            notes = generate_here(*with_settings(video, arguments.engine, wan), on_progress).notes
    for note in notes:
        console.print(f"note: {note}", markup=False, highlight=False)
    print(video.output)


def with_settings(video: VideoOptions, engine: str | None, wan: WanOptions) -> tuple[VideoOptions, Settings]:
    """The options with their model, and the settings with what the options change of them.

    Weights choose the wan engine, and the model where none is named. Raises InvalidRequest, SetupError.
    """
    settings = load({"engine": engine or (wan.weights and "wan")})
    given = wan.given()
    model = video.model or (model_for_weights(Path(wan.weights).expanduser()) if wan.weights else DEFAULT_MODEL)
    if given:
        tables = {name: own.model_dump(exclude_none=True) for name, own in settings.models.items()}
        tables[model] = tables.get(model, {}) | given
        settings = load({"engine": settings.engine, "models": tables})
        if (availability := find_availability(settings)).engine != "wan":
            raise InvalidRequest(
                next(iter(given)), f"only the wan engine has this option, and the engine is {availability.engine} here"
            )
    return replace(video, model=model), settings


def generate_here(video: VideoOptions, settings: Settings, on_progress: OnProgress) -> Video:
    """Make the video with no server, store, lock or ledger. Raises InvalidRequest, SetupError, EngineFailed."""
    availability = find_availability(settings)
    size = None if video.size is None else read_size(video.size)
    request = VideoRequest(video.model or DEFAULT_MODEL, video.prompt, video.negative, size, seed=video.seed)
    generation = check(request, availability.cards, new_seed)
    _require_folder(video.output)
    return make_video(settings, availability, generation, video.output, on_progress)


def generate_through_server(url: str, key: str, video: VideoOptions, wan: WanOptions, on_progress: OnProgress) -> None:
    """Have a running server make the video, and download it. Raises InvalidRequest, ServerRefused."""
    for name in wan.given():
        raise InvalidRequest(name, "is a setting of the server: leave it out, or leave out --url")
    _require_folder(video.output)
    try:
        with Wan(url, key) as server:
            server.generate(
                video.prompt,
                model=video.model,
                size=video.size,
                negative_prompt=video.negative,
                seed=video.seed,
                on_progress=lambda told: on_progress(_says(told), told.progress),
            ).save(video.output)
    except WanError as error:
        raise ServerRefused(str(error)) from error
    on_progress("downloaded", 1.0)


def _says(video: RemoteVideo) -> str:
    stage = video.stage if video.state in ("pending", "running") else None
    return f"{video.id} {stage or video.state}"


def _require_folder(output: Path) -> None:
    # Checked before the video is made, so that a misspelt path fails at once.
    folder = output.absolute().parent
    if not folder.is_dir():
        raise InvalidRequest("output", f"there is no folder {folder}")


@contextmanager
def progress_bar(console: Console) -> Iterator[OnProgress]:
    """Show a bar on a terminal; elsewhere print each new step as a line."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        row = bar.add_task("starting", total=None)
        printed = ""

        def on_progress(says: str, fraction: float | None) -> None:
            nonlocal printed
            if says != printed and not console.is_terminal:
                console.print(says, markup=False, highlight=False)
            printed = says
            bar.update(row, description=says, total=None if fraction is None else 1.0, completed=fraction or 0.0)

        yield on_progress
