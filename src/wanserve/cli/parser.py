"""The command line: one small function a command. Exit status 0 done, 1 failed in one clear line, 2 wrong usage."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from wanserve.cli.output import flat, print_rows, time_text
from wanserve.domain.account import Limits
from wanserve.domain.catalog import MODELS
from wanserve.domain.errors import WanserveError
from wanserve.domain.search import Search

if TYPE_CHECKING:
    from wanserve.core import Core
    from wanserve.settings import Settings

# What only some of the commands need is imported by them: the server's libraries take longer than any other command's work.

MARKS: Final = {True: "ok     ", False: "MISSING", None: "-      "}

Arguments = argparse.Namespace
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    arguments = parser().parse_args(argv)
    command: Callable[[Arguments], int | None] = arguments.command
    try:
        return command(arguments) or 0
    except (WanserveError, OSError) as error:
        # An OSError is this machine's own: a folder that may not be written, a disk that is full.
        print(f"wanserve: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("wanserve: stopped", file=sys.stderr)
    return 1


class Version(argparse.Action):
    """Looks the version up only where it is asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, **more: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **more)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print it and end."""
        from wanserve import __version__

        print(f"wanserve {__version__}")
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """What may be written on the command line."""
    top = argparse.ArgumentParser(prog="wanserve", description="A self-hosted server for the Wan text-to-video API.")
    top.add_argument("--version", action=Version, help="print the version and exit")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_generate(commands)
    _add_keys(commands)
    _add_accounts(commands)
    _add_tasks(commands)
    _add_tellers(commands)
    return top


def _add(
    commands: Commands, name: str, does: str, command: Callable[[Arguments], int | None]
) -> argparse.ArgumentParser:
    added = commands.add_parser(name, help=does, description=does)
    added.set_defaults(command=command)
    return added


def _with_data(added: argparse.ArgumentParser) -> argparse.ArgumentParser:
    added.add_argument("--data-dir", type=Path, metavar="DIR", help="where tasks, keys and videos are kept")
    return added


def _with_json(added: argparse.ArgumentParser) -> argparse.ArgumentParser:
    added.add_argument("--json", action="store_true", help="print JSON")
    return added


def _add_serve(commands: Commands) -> None:
    added = _with_data(_add(commands, "serve", "serve the HTTP API and make the videos", run_serve))
    added.add_argument("--host", help="the address to listen at (127.0.0.1)")
    added.add_argument("--port", type=int, help="the port to listen at (8000); 0 takes a free one")
    added.add_argument("--engine", help="auto, animatic or wan (auto)")
    added.add_argument("--no-worker", action="store_true", help="serve HTTP only")


def _add_generate(commands: Commands) -> None:
    added = _add(commands, "generate", "make one video, with no server or through one", run_generate)
    added.add_argument("prompt", metavar="PROMPT")
    added.add_argument("-o", "--output", type=Path, default=Path("out.mp4"), metavar="FILE")
    added.add_argument("--model", help=f"{', '.join(MODELS)} (the first, or the one that the weights are of)")
    added.add_argument("--size", metavar="W*H", help="such as 1280*720; the model's own default where left out")
    added.add_argument("--negative", metavar="TEXT", help="what to leave out")
    added.add_argument("--seed", type=int, metavar="N", help="the same seed gives the same video")
    added.add_argument("--engine", help="auto, animatic or wan (auto); without --url only")
    added.add_argument("--weights", metavar="FOLDER", help="a checkpoint in the diffusers layout; for the wan engine")
    added.add_argument("--steps", type=int, metavar="N", help="denoising steps; for the wan engine")
    added.add_argument("--frames", type=int, metavar="N", help="4k+1 frames; for the wan engine")
    added.add_argument("--url", help="the address of a running server (WANSERVE_URL)")
    added.add_argument(
        "--key", help="a key of that server (WANSERVE_KEY, which other users of the machine cannot read)"
    )


def _add_keys(commands: Commands) -> None:
    keys = commands.add_parser("keys", help="make, list, restrict and revoke keys").add_subparsers(
        required=True, metavar="COMMAND"
    )
    create = _with_data(_add(keys, "create", "make a key and print it, this once", run_keys_create))
    create.add_argument("name", metavar="NAME")
    create.add_argument("--account", default="default", metavar="A", help="whose key it is (default)")
    create.add_argument("--models", metavar="M1,M2", help="the only models that it may use")
    restrict = _with_data(_add(keys, "restrict", "change which models a key may use", run_keys_restrict))
    restrict.add_argument("name", metavar="NAME")
    restrict.add_argument("--models", metavar="M1,M2", help="the only models that it may use; left out: all")
    revoke = _with_data(_add(keys, "revoke", "make a key count no more", run_keys_revoke))
    revoke.add_argument("name", metavar="NAME")
    _with_json(_with_data(_add(keys, "list", "list the keys, without their secrets", run_keys_list)))


def _add_accounts(commands: Commands) -> None:
    accounts = commands.add_parser("accounts", help="list the accounts and limit them").add_subparsers(
        required=True, metavar="COMMAND"
    )
    limit = _with_data(_add(accounts, "set", "set an account's own limits", run_accounts_set))
    limit.add_argument("name", metavar="NAME")
    limits = {
        "--submit-rps": ("R", float, "submits a second"),
        "--query-rps": ("R", float, "polls a second"),
        "--max-queued": ("N", int, "tasks that wait for one model"),
        "--max-running": ("N", int, "tasks of one model that run at a time"),
    }
    for flag, (metavar, number, about) in limits.items():
        # Where it is left out it is not there at all: None stands for the server's own setting.
        says = f"{about}; default: as the server is set"
        limit.add_argument(flag, type=_or_default(number), metavar=metavar, default=argparse.SUPPRESS, help=says)
    limit.set_defaults(misused=limit.error)
    _with_json(_with_data(_add(accounts, "list", "list the accounts with their own limits", run_accounts_list)))


def _add_tasks(commands: Commands) -> None:
    tasks = commands.add_parser("tasks", help="see and cancel what is queued and running").add_subparsers(
        required=True, metavar="COMMAND"
    )
    listing = _with_json(_with_data(_add(tasks, "list", "list what is queued and running", run_tasks_list)))
    listing.add_argument("--all", action="store_true", help="list what has ended too")
    show = _with_json(_with_data(_add(tasks, "show", "tell all about one task", run_tasks_show)))
    show.add_argument("id", metavar="ID")
    cancel = _with_data(_add(tasks, "cancel", "cancel a task that has not ended", run_tasks_cancel))
    cancel.add_argument("id", metavar="ID")


def _add_tellers(commands: Commands) -> None:
    usage = _with_json(_with_data(_add(commands, "usage", "print the ledger: one row a video", run_usage)))
    usage.add_argument("--account", metavar="A", help="of this account only")
    models = _add(commands, "models", "list the models with their settings, or fetch the weights of one", run_models)
    _with_json(_with_data(models))
    pull = _with_data(
        _add(models.add_subparsers(metavar="COMMAND"), "pull", "fetch a model's weights", run_models_pull)
    )
    pull.add_argument("name", metavar="NAME", choices=list(MODELS), help=", ".join(MODELS))
    pull.add_argument("--weights", metavar="HUB_ID", help="another hub id than the setting's")
    backup = _with_data(_add(commands, "backup", "copy the database, also while a server serves", run_backup))
    backup.add_argument("file", type=Path, metavar="FILE")
    doctor = _with_data(_add(commands, "doctor", "tell what this machine can run and what is missing", run_doctor))
    _with_json(doctor)


def run_serve(arguments: Arguments) -> None:
    """`wanserve serve`."""
    from wanserve.server import serve
    from wanserve.telemetry import start_logging

    settings = _settings(arguments)
    start_logging(settings.log_level)
    serve(settings, with_worker=not arguments.no_worker)


def run_generate(arguments: Arguments) -> None:
    """`wanserve generate`: the path of the video goes to stdout, everything else to stderr."""
    from rich.console import Console

    from wanserve.cli.generate import WanFlags, Wish, generate_locally, generate_through, in_force, progress_bar
    from wanserve.client import Client
    from wanserve.settings import client_address

    wish = Wish(arguments.prompt, arguments.output, arguments.model, arguments.size, arguments.negative, arguments.seed)
    console = Console(stderr=True)
    notes: tuple[str, ...] = ()
    with progress_bar(console) as advance:
        flags = WanFlags(arguments.weights, arguments.steps, arguments.frames)
        # What only an engine of this process takes is not for the server that the environment names.
        own = arguments.url is None and (arguments.engine or flags.given())
        url, key = ("", "") if own else client_address(arguments.url, arguments.key)
        if url:
            generate_through(Client(url, key), wish, flags, advance)
        else:
            notes = generate_locally(*in_force(wish, arguments.engine, flags), advance).notes
    for note in notes:
        console.print(f"note: {note}", markup=False, highlight=False)
    print(wish.output)


def run_keys_create(arguments: Arguments) -> None:
    """`wanserve keys create`: the key, alone, on stdout."""
    with closing(_core(arguments)) as core:
        print(core.keys.create(arguments.name, arguments.account, _models(arguments)))


def run_keys_restrict(arguments: Arguments) -> None:
    """`wanserve keys restrict`."""
    with closing(_core(arguments)) as core:
        core.keys.restrict(arguments.name, _models(arguments))


def run_keys_revoke(arguments: Arguments) -> None:
    """`wanserve keys revoke`."""
    with closing(_core(arguments)) as core:
        core.keys.revoke(arguments.name)


def run_keys_list(arguments: Arguments) -> None:
    """`wanserve keys list`."""
    with closing(_core(arguments)) as core:
        rows = [
            {
                "name": key.name,
                "account": key.account,
                "models": sorted(key.models) if key.models is not None else None,
                "created": time_text(key.created_ms),
                "revoked": time_text(key.revoked_ms),
            }
            for key in core.keys.all()
        ]
    print_rows(rows, as_json=arguments.json)


def run_accounts_set(arguments: Arguments) -> None:
    """`wanserve accounts set`."""
    given = {limit.name: getattr(arguments, limit.name) for limit in fields(Limits) if limit.name in arguments}
    if not given:
        arguments.misused("give at least one limit")
    with closing(_core(arguments)) as core:
        core.keys.limit(arguments.name, lambda limits: replace(limits, **given))


def run_accounts_list(arguments: Arguments) -> None:
    """`wanserve accounts list`: a limit that is not the account's own is null in JSON, and `default` in a table."""
    with closing(_core(arguments)) as core:
        accounts = core.keys.accounts()
    other = None if arguments.json else "default"
    rows = [
        {"name": account.name, "created": time_text(account.created_ms)}
        | {name: other if limit is None else limit for name, limit in asdict(account.limits).items()}
        for account in accounts
    ]
    print_rows(rows, as_json=arguments.json)


def run_tasks_list(arguments: Arguments) -> None:
    """`wanserve tasks list`."""
    with closing(_core(arguments)) as core:
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


def run_tasks_show(arguments: Arguments) -> None:
    """`wanserve tasks show`."""
    with closing(_core(arguments)) as core:
        shown = flat(core.tasks.find(arguments.id))
    if arguments.json:
        print(json.dumps(shown, ensure_ascii=False))
        return
    for name, told in shown.items():
        print(f"{name}: {told}")


def run_tasks_cancel(arguments: Arguments) -> None:
    """`wanserve tasks cancel`."""
    with closing(_core(arguments)) as core:
        task = core.tasks.find(arguments.id)
        core.tasks.cancel(task.account, task.id)
    print(f"{task.id} is canceled")


def run_usage(arguments: Arguments) -> None:
    """`wanserve usage`."""
    with closing(_core(arguments)) as core:
        rows = [asdict(row) | {"ended": time_text(row.ended_ms)} for row in core.tasks.usage(arguments.account)]
    print_rows(rows, as_json=arguments.json)


def run_models(arguments: Arguments) -> None:
    """`wanserve models`."""
    from wanserve.models.availability import as_told, choose

    rows = [as_told(offer) for offer in choose(_settings(arguments)).offers]
    if not arguments.json:
        columns = ("name", "engine", "weights", "profile", "steps", "frames", "fps", "sizes")
        rows = [{name: row[name] for name in columns} for row in rows]
    print_rows(rows, as_json=arguments.json)


def run_models_pull(arguments: Arguments) -> int:
    """`wanserve models pull`."""
    from wanserve.models.availability import pull_weights

    return pull_weights(_settings(arguments), arguments.name, arguments.weights)


def run_backup(arguments: Arguments) -> None:
    """`wanserve backup`: the path of the copy goes to stdout."""
    from wanserve.core import back_up_database

    back_up_database(_settings(arguments), arguments.file)
    print(arguments.file)


def run_doctor(arguments: Arguments) -> int:
    """`wanserve doctor`: exit status 1 where something is missing."""
    from wanserve.cli.doctor import examine

    findings = examine(_settings(arguments))
    if arguments.json:
        print(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        for finding in findings:
            print(f"{MARKS[finding.fine]} {finding.about}: {finding.says}")
    return 1 if any(finding.fine is False for finding in findings) else 0


def _settings(arguments: Arguments) -> "Settings":
    from wanserve.settings import load

    given = vars(arguments)
    return load({name: given.get(name) for name in ("data_dir", "host", "port", "engine")})


def _core(arguments: Arguments) -> "Core":
    from wanserve.core import open_core

    return open_core(_settings(arguments))


def _models(arguments: Arguments) -> list[str] | None:
    return None if arguments.models is None else [name.strip() for name in arguments.models.split(",")]


def _or_default(number: type[int] | type[float]) -> Callable[[str], float | None]:
    """Reads a limit; None stands for the server's own setting."""

    def read(text: str) -> float | None:
        try:
            return None if text == "default" else number(text)
        except ValueError as error:
            kind = "a whole number" if number is int else "a number"
            raise argparse.ArgumentTypeError(f"must be {kind} or default, and {text!r} is neither") from error

    return read
