"""`wanserve accounts`: lists the accounts, sets their own limits, and says which is the server's owner."""

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
    limit = commands.add("set", "set an account's own limits, or make it the server's owner", run_set)
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
    limit.add_argument(
        "--owner",
        action=argparse.BooleanOptionalAction,
        default=argparse.SUPPRESS,
        help="the account is the server's owner: its web page shows every account",
    )
    limit.set_defaults(wrong_usage=limit.error)
    listing = commands.add("list", "list the accounts with their own limits, and which is the owner's", run_list)
    add_data_dir(listing)
    add_json(listing)


def run_set(arguments: argparse.Namespace) -> None:
    """`wanserve accounts set`."""
    names = [limit.name for limit in fields(Limits)]
    given = {name: value for name, value in vars(arguments).items() if name in names}
    owner: bool | None = vars(arguments).get("owner")
    if not given and owner is None:
        arguments.wrong_usage("give at least one limit, or --owner or --no-owner")
    with closing(open_data_dir(arguments)) as core:
        # First the limits: where one is wrong, nothing is changed.
        if given:
            core.keys.limit(arguments.name, lambda limits: replace(limits, **given))
        if owner is not None:
            core.keys.set_owner(arguments.name, owner=owner)


def run_list(arguments: argparse.Namespace) -> None:
    """`wanserve accounts list`.

    A limit that is not the account's own is null in JSON, and `default` in a table.
    """
    with closing(open_data_dir(arguments)) as core:
        accounts = core.keys.accounts()
    other = None if arguments.json else "default"
    rows = [
        {"name": account.name, "created": time_text(account.created_ms)}
        | {name: other if limit is None else limit for name, limit in asdict(account.limits).items()}
        | {"owner": account.owner if arguments.json else ("yes" if account.owner else "no")}
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
