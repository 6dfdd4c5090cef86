"""`wanserve accounts`: lists the accounts and sets their own limits."""

import argparse
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, fields, replace

from wanserve.cli.options import Subcommands, add_data_dir, add_json, open_data_dir
from wanserve.cli.output import print_rows, time_text
from wanserve.domain.account import Limits


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands below `wanserve accounts`."""
    commands = Subcommands(parser)
    limit = commands.add("set", "set an account's own limits", run_set)
    add_data_dir(limit)
    limit.add_argument("name", metavar="NAME")
    limits = {
        "--submit-rps": ("R", float, "submits a second"),
        "--query-rps": ("R", float, "polls a second"),
        "--max-queued": ("N", int, "tasks that wait for one model"),
        "--max-running": ("N", int, "tasks of one model that run at a time"),
    }
    for flag, (metavar, number, about) in limits.items():
        # SUPPRESS: a flag that is left out sets no attribute, and None means the server's own setting.
        says = f"{about}; default: as the server is set"
        limit.add_argument(flag, type=_or_default(number), metavar=metavar, default=argparse.SUPPRESS, help=says)
    limit.set_defaults(wrong_usage=limit.error)
    listing = commands.add("list", "list the accounts with their own limits", run_list)
    add_data_dir(listing)
    add_json(listing)


def run_set(arguments: argparse.Namespace) -> None:
    """`wanserve accounts set`."""
    names = [limit.name for limit in fields(Limits)]
    given = {name: value for name, value in vars(arguments).items() if name in names}
    if not given:
        arguments.wrong_usage("give at least one limit")
    with closing(open_data_dir(arguments)) as core:
        core.keys.limit(arguments.name, lambda limits: replace(limits, **given))


def run_list(arguments: argparse.Namespace) -> None:
    """`wanserve accounts list`: a limit that is not the account's own is null in JSON, and `default` in a table."""
    with closing(open_data_dir(arguments)) as core:
        accounts = core.keys.accounts()
    other = None if arguments.json else "default"
    rows = [
        {"name": account.name, "created": time_text(account.created_ms)}
        | {name: other if limit is None else limit for name, limit in asdict(account.limits).items()}
        for account in accounts
    ]
    print_rows(rows, as_json=arguments.json)


def _or_default(number: type[int] | type[float]) -> Callable[[str], float | None]:
    """Make a reader of a limit: a number, or None for `default`."""

    def read(text: str) -> float | None:
        try:
            return None if text == "default" else number(text)
        except ValueError as error:
            kind = "a whole number" if number is int else "a number"
            raise argparse.ArgumentTypeError(f"must be {kind} or default, and {text!r} is neither") from error

    return read
