"""`wanserve usage`: prints the ledger."""

import argparse
from contextlib import closing
from dataclasses import asdict

from wanserve.cli.options import add_data_dir, add_json, open_data_dir
from wanserve.cli.output import print_rows, time_text
from wanserve.domain.task import Usage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `wanserve usage`."""
    add_data_dir(parser)
    add_json(parser)
    parser.add_argument("--account", metavar="A", help="of this account only")
    parser.set_defaults(run=run_usage)


def run_usage(arguments: argparse.Namespace) -> None:
    """`wanserve usage`."""
    with closing(open_data_dir(arguments)) as core:
        rows = [_row(each, as_json=arguments.json) for each in core.tasks.usage(arguments.account)]
    print_rows(rows, as_json=arguments.json)


def _row(usage: Usage, *, as_json: bool) -> dict[str, object]:
    chosen = asdict(usage.chosen) if as_json else usage.chosen.description
    return asdict(usage) | {"chosen": chosen, "ended": time_text(usage.ended_ms)}
