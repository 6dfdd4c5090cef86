"""`wanserve migrate`: moves an installation from SQLite to PostgreSQL."""

import argparse

from wanserve.cli.options import add_data_dir, add_json, settings_from
from wanserve.cli.output import print_rows
from wanserve.core import move_installation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `wanserve migrate`."""
    add_data_dir(parser)
    add_json(parser)
    parser.add_argument(
        "--from", dest="source", metavar="URL", help="sqlite:///FILE (the data directory's wanserve.db)"
    )
    parser.add_argument("--to", dest="target", metavar="URL", help="postgresql://… ($WANSERVE_DATABASE_URL)")
    parser.set_defaults(run=run_migrate)


def run_migrate(arguments: argparse.Namespace) -> None:
    """`wanserve migrate`: prints how many rows of each table were moved."""
    moved = move_installation(settings_from(arguments), arguments.source, arguments.target)
    print_rows([{"table": table, "rows": rows} for table, rows in moved.items()], as_json=arguments.json)
