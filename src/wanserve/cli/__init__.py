"""The command line: one module for each group of commands, loaded when one of its commands is chosen."""

from wanserve.cli.parser import main

__all__ = ["main"]
