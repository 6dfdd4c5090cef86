"""The command line: one module for each group of commands. A command imports only what it needs."""

from wanserve.cli.parser import main

__all__ = ["main"]
