"""`wanserve completion`: prints the completion of a shell, which is made from the commands and their arguments."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import shtab

from wanserve.cli.parser import complete_parser

SHELLS: Final = ("bash", "zsh", "fish")

FOLDERS: Final = frozenset({"data_dir", "weights"})
"""The arguments that name a folder. All others that are paths name a file."""

FILES: Final = frozenset({"file", "output"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `wanserve completion`."""
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))
    parser.set_defaults(run=run_completion)


def run_completion(arguments: argparse.Namespace) -> None:
    """`wanserve completion`."""
    print(script(arguments.shell))


def script(shell: str) -> str:
    """The completion for one of SHELLS."""
    top = complete_parser()
    for action in _actions(top):
        if action.dest in FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif action.dest in FILES or action.type is Path:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    text: str = shtab.complete(top, shell=shell)
    return text


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001 - argparse tells of them in no other way
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for inner in action.choices.values():
                yield from _actions(inner)
        else:
            yield action
