"""`wanserve keys`: makes, lists, restricts and revokes API keys."""

import argparse
from contextlib import closing

from wanserve.cli.options import Subcommands, add_data_dir, add_json, open_data_dir
from wanserve.cli.output import print_rows, time_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands below `wanserve keys`."""
    commands = Subcommands(parser)
    create = commands.add("create", "create a key and print it; it is not shown again", run_create)
    add_data_dir(create)
    create.add_argument("name", metavar="NAME")
    create.add_argument("--account", default="default", metavar="A", help="the account of the key (default)")
    create.add_argument("--models", metavar="M1,M2", help="the only models that it may use")
    restrict = commands.add("restrict", "change which models a key may use", run_restrict)
    add_data_dir(restrict)
    restrict.add_argument("name", metavar="NAME")
    restrict.add_argument("--models", metavar="M1,M2", help="the only models that it may use; left out: all")
    revoke = commands.add("revoke", "revoke a key", run_revoke)
    add_data_dir(revoke)
    revoke.add_argument("name", metavar="NAME")
    listing = commands.add("list", "list the keys, without their secrets", run_list)
    add_data_dir(listing)
    add_json(listing)


def run_create(arguments: argparse.Namespace) -> None:
    """`wanserve keys create`: the key, alone, on stdout."""
    with closing(open_data_dir(arguments)) as core:
        print(core.keys.create(arguments.name, arguments.account, _models(arguments)))


def run_restrict(arguments: argparse.Namespace) -> None:
    """`wanserve keys restrict`."""
    with closing(open_data_dir(arguments)) as core:
        core.keys.restrict(arguments.name, _models(arguments))


def run_revoke(arguments: argparse.Namespace) -> None:
    """`wanserve keys revoke`."""
    with closing(open_data_dir(arguments)) as core:
        core.keys.revoke(arguments.name)


def run_list(arguments: argparse.Namespace) -> None:
    """`wanserve keys list`."""
    with closing(open_data_dir(arguments)) as core:
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


def _models(arguments: argparse.Namespace) -> list[str] | None:
    return None if arguments.models is None else [name.strip() for name in arguments.models.split(",")]
