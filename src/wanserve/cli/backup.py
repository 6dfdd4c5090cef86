"""`wanserve backup`: copies the database."""

import argparse
from pathlib import Path

from wanserve.cli.options import add_data_dir, settings_from
from wanserve.core import back_up_database


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `wanserve backup`."""
    add_data_dir(parser)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.set_defaults(run=run_backup)


def run_backup(arguments: argparse.Namespace) -> None:
    """`wanserve backup`: the path of the copy goes to stdout."""
    back_up_database(settings_from(arguments), arguments.file)
    print(arguments.file)
