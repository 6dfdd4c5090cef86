"""`wanserve tasks`: shows and cancels tasks."""

import argparse
import json
import time
from contextlib import closing
from dataclasses import asdict, fields
from typing import Final

from wanserve.cli.options import Subcommands, add_data_dir, add_json, open_data_dir
from wanserve.cli.output import print_rows, time_text
from wanserve.domain.generation import Chosen
from wanserve.domain.search import Search
from wanserve.domain.task import Task, Video
from wanserve.outlook import Outlook, Outlooks


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands below `wanserve tasks`."""
    commands = Subcommands(parser)
    listing = commands.add("list", "list what is queued and running", run_list)
    add_data_dir(listing)
    add_json(listing)
    listing.add_argument("--all", action="store_true", help="list what has ended too")
    show = commands.add("show", "show all fields of one task", run_show)
    add_data_dir(show)
    add_json(show)
    show.add_argument("id", metavar="ID")
    cancel = commands.add("cancel", "cancel a task that has not ended", run_cancel)
    add_data_dir(cancel)
    cancel.add_argument("id", metavar="ID")


def run_list(arguments: argparse.Namespace) -> None:
    """`wanserve tasks list`."""
    with closing(open_data_dir(arguments)) as core:
        found = core.tasks.search(None, Search()).tasks if arguments.all else core.tasks.unfinished()
    rows = [
        {
            "id": task.id,
            "state": task.state,
            "account": task.account,
            "model": task.generation.model,
            "submitted": time_text(task.submitted_ms),
            "progress": f"{task.progress:.0%}",
            "prompt": task.generation.prompt[:60],
        }
        for task in found
    ]
    print_rows(rows, as_json=arguments.json)


def run_show(arguments: argparse.Namespace) -> None:
    """`wanserve tasks show`."""
    with closing(open_data_dir(arguments)) as core:
        task = core.tasks.find(arguments.id)
        shown = _flat(task, Outlooks(core.tasks.store, core.times, time.monotonic).of(task))
    if arguments.json:
        print(json.dumps(shown, ensure_ascii=False))
        return
    for name, text in shown.items():
        print(f"{name}: {text}")


def run_cancel(arguments: argparse.Namespace) -> None:
    """`wanserve tasks cancel`."""
    with closing(open_data_dir(arguments)) as core:
        task = core.tasks.find(arguments.id)
        core.tasks.cancel(task.account, task.id)
    print(f"{task.id} is canceled")


_CHOSEN: Final = tuple(each.name for each in fields(Chosen))


def _flat(task: Task, outlook: Outlook | None) -> dict[str, object]:
    """All fields of a task by name, with its generation's fields and what is to come of it beside its own."""
    shown: dict[str, object] = {
        name: field for name, field in asdict(task).items() if name not in ("generation", "video", "failure")
    }
    # What was chosen is apart: a task has steps of its own, those of its stage.
    made = asdict(task.generation)
    shown |= {name: value for name, value in made.items() if name not in _CHOSEN}
    shown["chosen"] = {name: made[name] for name in _CHOSEN}
    if outlook is not None:
        shown |= {"stage": outlook.stage, "place": outlook.place, "seconds_left": outlook.seconds_left}
    shown["video"] = task.video and asdict(task.video) | {"scene": _scene(task.video)}
    shown["failure"] = task.failure and asdict(task.failure)
    return shown


def _scene(video: Video) -> object:
    """What the engine understood of the prompt, as an object; None where it does not tell."""
    return json.loads(video.scene) if video.scene else None
