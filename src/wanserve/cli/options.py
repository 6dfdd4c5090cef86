"""Adds the arguments that several commands share, and opens what those arguments name."""

import argparse
from collections.abc import Callable
from pathlib import Path

from wanserve.core import Core, open_core
from wanserve.settings import Settings, load

Run = Callable[[argparse.Namespace], int | None]
"""Runs a command. Returns its exit status, or None for 0."""


class Subcommands:
    """The commands below a command, such as `create` below `keys`."""

    def __init__(self, parser: argparse.ArgumentParser, *, required: bool = True) -> None:
        self._commands = parser.add_subparsers(required=required, metavar="COMMAND")

    def add(self, name: str, does: str, run: Run) -> argparse.ArgumentParser:
        """Add a command, and return its parser for its arguments."""
        added = self._commands.add_parser(name, help=does, description=does)
        added.set_defaults(run=run)
        return added


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    """Add `--data-dir`, which `settings_from` reads."""
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="where tasks, keys and videos are kept")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def settings_from(arguments: argparse.Namespace) -> Settings:
    """The settings, with what the command line says of them. Raises SetupError."""
    given = vars(arguments)
    return load({name: given.get(name) for name in ("data_dir", "host", "port", "metrics_port", "engine")})


def open_data_dir(arguments: argparse.Namespace) -> Core:
    """Open the database of the data directory, also while a server serves it. Raises SetupError."""
    return open_core(settings_from(arguments))
