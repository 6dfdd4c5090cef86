"""Parses the command line and runs the chosen command. Exit status: 0 done, 1 failed in one clear line, 2 wrong usage.

Only the names of the commands are here. The module of a command is imported when the command is chosen, because the
server's libraries take longer to import than most commands take to run.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final

import wanserve
from wanserve.domain.errors import WanserveError

COMMANDS: Final = {
    "serve": "serve the HTTP API and make the videos",
    "worker": "make the videos of servers on the same database and bucket",
    "workers": "list the workers with what they run",
    "watch": "show the queue and the workers, live",
    "generate": "make videos, with no server or through one",
    "keys": "create, list, restrict and revoke keys",
    "accounts": "list the accounts and set their limits",
    "tasks": "list and cancel tasks",
    "webhooks": "have URLs told how videos end",
    "usage": "print the ledger: one row for each video",
    "verify": "tell what a file says of where it comes from, and whether it was altered",
    "models": "list the models with their settings, or fetch the weights of one",
    "backup": "copy the database, also while a server serves",
    "migrate": "move an installation from SQLite to PostgreSQL",
    "doctor": "print what this machine can run and what is missing",
    "completion": "print the completion of a shell",
}
"""Every command with its one-line help. `wanserve.cli.<name>` has its arguments and runs it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    arguments = parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int | None] = arguments.run
    try:
        return run(arguments) or 0
    except (WanserveError, OSError) as error:
        # An OSError is about this machine: a folder without write permission, a full disk.
        print(f"wanserve: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("wanserve: stopped", file=sys.stderr)
    return 1


def parser() -> "CommandParser":
    """The parser of the whole command line. Each command adds its arguments when it is chosen."""
    top = CommandParser(prog="wanserve", description="A self-hosted server for the Wan text-to-video API.")
    top.add_argument("--version", action=PrintVersion, help="print the version and exit")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for name, does in COMMANDS.items():
        top.commands.append(commands.add_parser(name, help=does, description=does, module=f"wanserve.cli.{name}"))
    return top


def complete_parser() -> "CommandParser":
    """The same parser with the arguments of every command."""
    top = parser()
    for command in top.commands:
        command.load()
    return top


class CommandParser(argparse.ArgumentParser):
    """A parser that gets its arguments from `add_arguments` of a module when it is first used.

    Without `module` it is an ordinary parser.
    """

    def __init__(self, *, module: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.commands: list[CommandParser] = []
        self._module = module

    def load(self) -> None:
        """Import the module and add its arguments. The second call does nothing."""
        module, self._module = self._module, None
        if module is not None:
            import_module(module).add_arguments(self)

    def parse_known_args(self, *arguments: Any, **options: Any) -> Any:
        """See ArgumentParser, which calls this of a command that was chosen."""
        self.load()
        return super().parse_known_args(*arguments, **options)

    def format_help(self) -> str:
        """See ArgumentParser."""
        self.load()
        return super().format_help()


class PrintVersion(argparse.Action):
    """Looks the version up only for `--version`: that takes as long as the rest of the start."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print the version and exit."""
        print(f"wanserve {wanserve.__version__}")
        parser.exit()
