"""`wanserve generate`: makes videos, in a child process of this command or through a running server."""

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, NoReturn

from rich.console import Console

from wanserve.cli.bars import Bars, show_bars
from wanserve.cli.options import add_json
from wanserve.cli.pictures import show_first_pictures
from wanserve.cli.remote import generate_through_server
from wanserve.cli.results import Printer, Report, Result, VideoOptions, one_each
from wanserve.cli.standalone import standalone
from wanserve.client.address import client_address
from wanserve.core import new_seed
from wanserve.domain.catalogue import MODELS
from wanserve.domain.choosing import LoraRequest
from wanserve.domain.errors import EngineFailed, InvalidRequest
from wanserve.domain.generation import Chosen, Generation
from wanserve.domain.rules import VideoRequest, check
from wanserve.http.dialects.vendor import read_size
from wanserve.models.availability import Availability, find_availability, model_for_weights
from wanserve.moderation import require_passed
from wanserve.settings import Settings, load

DEFAULT_MODEL: Final = "wan2.2-t2v-plus"

STANDARD_INPUT: Final = "-"

_DECIMAL: Final = re.compile(r"-?\d{1,3}(\.\d{1,6})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class WanOptions:
    """Settings of the wan engine for these videos."""

    weights: str | None = None
    steps: int | None = None
    frames: int | None = None

    def given(self) -> dict[str, str | int]:
        """The settings that the command line has."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def refuse_given(self) -> None:
        """Raise InvalidRequest where the command line has one: a server has its own."""
        for name in self.given():
            raise InvalidRequest(name, "is a setting of the server: leave it out, or leave out --url")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `wanserve generate`."""
    parser.add_argument("prompts", metavar="PROMPT", nargs="*", help="one or several; - for those of standard input")
    parser.add_argument("--file", metavar="FILE", help="a file of prompts, one a line; - for standard input")
    parser.add_argument("-o", "--output", type=Path, default=Path("out.mp4"), metavar="FILE", help=_OUTPUT)
    parser.add_argument("--model", help=f"{', '.join(MODELS)} (the first, or the one that the weights are of)")
    parser.add_argument("--size", metavar="W*H", help="such as 1280*720; the model's own default where left out")
    parser.add_argument("--negative", metavar="TEXT", help="what to leave out")
    parser.add_argument("--seed", type=int, metavar="N", help="the same seed gives the same video")
    parser.add_argument("--engine", help="auto, animatic, wan or remote (auto); without --url only")
    parser.add_argument("--weights", metavar="FOLDER", help="a checkpoint in the diffusers layout; for the wan engine")
    parser.add_argument("--steps", type=int, metavar="N", help=_STEPS)
    parser.add_argument(
        "--guidance-scale", type=_number, metavar="X", help="how strongly the prompt counts; as allowed"
    )
    parser.add_argument("--profile", help="exact, balanced or fast; as allowed")
    parser.add_argument("--lora", type=_lora, action="append", default=[], metavar="NAME[=STRENGTH]", help=_LORA)
    parser.add_argument("--frames", type=int, metavar="N", help="4k+1 frames; for the wan engine")
    parser.add_argument("--url", help="the address of a running server (WANSERVE_URL)")
    parser.add_argument(
        "--key", help="a key of that server (WANSERVE_KEY, which other users of the machine cannot read)"
    )
    add_json(parser)
    parser.set_defaults(run=run_generate, wrong_usage=parser.error)


_STEPS: Final = "denoising steps; through a server or beside --profile as allowed, else for the wan engine"
_LORA: Final = "a LoRA of the owner's list; may be given several times"
_OUTPUT: Final = "where the video goes (out.mp4); several get numbers, such as out-01.mp4"


def run_generate(arguments: argparse.Namespace) -> int:
    """`wanserve generate`: the paths of the videos go to stdout, everything else to stderr. 1 where one failed."""
    prompts = read_prompts(arguments)
    videos = one_each(_options(arguments), prompts)
    wan = WanOptions(arguments.weights, None, arguments.frames)
    _require_folder(arguments.output)
    console, printer = Console(stderr=True), Printer(arguments.json)
    # Options of the engine ask for a video that is made here, also where the environment names a server.
    made_here = arguments.url is None and (arguments.engine or wan.given())
    url, key = ("", "") if made_here else client_address(arguments.url, arguments.key)
    if url:
        wan.refuse_given()
        videos = [replace(video, model=video.model or DEFAULT_MODEL) for video in videos]
        with show_bars(console, named=len(videos) > 1) as bars:
            generate_through_server(url, key, videos, bars, printer.report)
    else:
        _run_here(arguments, wan, videos, console, printer)
    show_first_pictures(console, printer.made)
    return 1 if printer.failed else 0


def _run_here(
    arguments: argparse.Namespace, wan: WanOptions, videos: Sequence[VideoOptions], console: Console, printer: Printer
) -> None:
    """Make the videos in a child process of this command."""
    if arguments.profile is None:
        # Who makes videos here is the owner: any number of steps, as a setting. A profile would bring its own.
        wan = replace(wan, steps=arguments.steps)
        videos = [replace(video, steps=None) for video in videos]
    model, settings = with_settings(arguments.model, arguments.engine, wan)
    availability = find_availability(settings)
    require_wan(wan, availability)
    with show_bars(console, named=len(videos) > 1) as bars:
        made = [replace(video, model=model) for video in videos]
        notes = generate_here(settings, availability, made, bars, printer.report)
    for note in notes:
        console.print(f"note: {note}", markup=False, highlight=False)


def _options(arguments: argparse.Namespace) -> VideoOptions:
    """What the command line says of every video. Raises InvalidRequest."""
    names = [lora.name for lora in arguments.lora]
    for name in names:
        if names.count(name) > 1:
            raise InvalidRequest("lora", f"must name {name} once")
    return VideoOptions(
        "",
        arguments.output,
        arguments.model,
        arguments.size,
        arguments.negative,
        arguments.seed,
        arguments.profile,
        arguments.steps,
        arguments.guidance_scale,
        tuple(arguments.lora),
    )


def _lora(text: str) -> LoraRequest:
    name, equals, strength = text.partition("=")
    if not name or (equals and not _DECIMAL.fullmatch(strength)):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME or NAME=STRENGTH, such as sketch=0.8")
    return LoraRequest(name, float(strength) if equals else None)


def _number(text: str) -> float:
    # Without the NaN and the infinities of float, which no JSON can have.
    if not _DECIMAL.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number, such as 2.5")
    return float(text)


def read_prompts(arguments: argparse.Namespace) -> Sequence[str]:
    """The prompts of the command line, of standard input and of the file, in this order. Wrong usage where there is none.

    Raises InvalidRequest, OSError.
    """
    wrong_usage: Callable[[str], NoReturn] = arguments.wrong_usage
    given: list[str] = []
    for prompt in arguments.prompts:
        given += _lines("standard input", sys.stdin.buffer.read()) if prompt == STANDARD_INPUT else [prompt]
    if arguments.file == STANDARD_INPUT:
        given += _lines("standard input", sys.stdin.buffer.read())
    elif arguments.file is not None:
        given += _lines(arguments.file, Path(arguments.file).read_bytes())
    if not given:
        wrong_usage("there is no prompt: give one, or several, or --file FILE, or - for standard input")
    return given


def _lines(where: str, content: bytes) -> list[str]:
    try:
        return [line.strip() for line in content.decode("utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise InvalidRequest("prompts", f"{where} is not a text in UTF-8") from error


def with_settings(model: str | None, engine: str | None, wan: WanOptions) -> tuple[str, Settings]:
    """The model, and the settings with what the options change of them.

    Weights choose the wan engine, and the model where none is named. Raises InvalidRequest, SetupError.
    """
    settings = load({"engine": engine or (wan.weights and "wan")})
    given = wan.given()
    model = model or (model_for_weights(Path(wan.weights).expanduser()) if wan.weights else DEFAULT_MODEL)
    if given:
        tables = {name: own.model_dump(exclude_none=True) for name, own in settings.models.items()}
        tables[model] = tables.get(model, {}) | given
        settings = load({"engine": settings.engine, "models": tables})
    return model, settings


def require_wan(wan: WanOptions, availability: Availability) -> None:
    """Raise InvalidRequest where an option is of the wan engine, and another engine serves."""
    given = wan.given()
    if given and availability.engine != "wan":
        raise InvalidRequest(
            next(iter(given)), f"only the wan engine has this option, and the engine is {availability.engine} here"
        )


def generate_here(
    settings: Settings, availability: Availability, videos: Sequence[VideoOptions], bars: Bars, report: Report
) -> Sequence[str]:
    """Make the videos with no server, store, lock or ledger; returns what has to be said of them.

    Nothing is made where one of them cannot be. Raises InvalidRequest, ModerationBlocked, ModerationUnavailable,
    SetupError, and EngineFailed where there is one.
    """
    wanted = [(video, check(_request(video), availability.cards, new_seed)) for video in videos]
    require_passed(settings, (generation for _, generation in wanted))
    rows = [bars.add(video.prompt) for video in videos]
    notes: dict[str, None] = {}
    with standalone(settings, availability) as engine:
        for (video, generation), bar in zip(wanted, rows, strict=True):
            try:
                made = engine.make(generation, video.output, bar.tell)
            except EngineFailed as error:
                failed = error
            else:
                bar.tell("done", 1.0)
                notes |= dict.fromkeys(made.notes)
                report(Result(video, recipe=_recipe(generation), scene=json.loads(made.scene) if made.scene else None))
                continue
            _report_failure(report, video, failed, alone=len(videos) == 1)
    return list(notes)


def _report_failure(report: Report, video: VideoOptions, failed: EngineFailed, *, alone: bool) -> None:
    """Report that one of several videos was not made; the error of one that is alone is the command's."""
    if alone:
        raise failed
    report(Result(video, error=str(failed)))


def _request(video: VideoOptions) -> VideoRequest:
    size = None if video.size is None else read_size(video.size)
    return VideoRequest(
        video.model,
        video.prompt,
        video.negative,
        size,
        seed=video.seed,
        steps=video.steps,
        guidance_scale=video.guidance_scale,
        profile=video.profile,
        loras=video.loras,
    )


def _recipe(made: Generation) -> dict[str, object]:
    """The settings of a video, by the names that a server has for them."""
    return {
        "model": made.model,
        "prompt": made.prompt,
        "size": f"{made.width}x{made.height}",
        "seconds": round(made.seconds),
        "negative_prompt": made.negative_prompt,
        "seed": made.seed,
        "prompt_extend": made.prompt_extend,
        "watermark": made.watermark,
        **_chosen(made.chosen),
    }


def _chosen(chosen: Chosen) -> dict[str, object]:
    """What was chosen of how the model is sampled, without what was not."""
    told = {"profile": chosen.profile or None, "steps": chosen.steps, "guidance_scale": chosen.guidance_scale}
    return {
        **{name: value for name, value in told.items() if value is not None},
        **({"loras": {lora.name: lora.strength for lora in chosen.loras}} if chosen.loras else {}),
    }


def _require_folder(output: Path) -> None:
    # Checked before the video is made, so that a misspelt path fails at once.
    folder = output.absolute().parent
    if not folder.is_dir():
        raise InvalidRequest("output", f"there is no folder {folder}")
