"""`wanserve usage`: prints the ledger."""

import argparse
from contextlib import closing
from dataclasses import asdict

from wanserve.cli.options import add_data_dir, add_json, open_data_dir
from wanserve.cli.output import print_rows, time_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `wanserve usage`."""
    add_data_dir(parser)
    add_json(parser)
    parser.add_argument("--account", metavar="A", help="of this account only")
    parser.set_defaults(run=run_usage)


def run_usage(arguments: argparse.Namespace) -> None:
    """`wanserve usage`."""
    with closing(open_data_dir(arguments)) as core:
        rows = [asdict(row) | {"ended": time_text(row.ended_ms)} for row in core.tasks.usage(arguments.account)]
    print_rows(rows, as_json=arguments.json)
