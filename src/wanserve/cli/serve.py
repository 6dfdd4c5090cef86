"""`wanserve serve`: runs the server."""

import argparse

from wanserve.cli.options import add_data_dir, settings_from
from wanserve.machine.environment import colours_wanted
from wanserve.server import serve
from wanserve.telemetry import start_logging


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `wanserve serve`."""
    add_data_dir(parser)
    parser.add_argument("--host", help="the address to listen at (127.0.0.1)")
    parser.add_argument("--port", type=int, help="the port to listen at (8000); 0 takes a free one")
    parser.add_argument("--engine", help="auto, animatic or wan (auto)")
    parser.add_argument("--no-worker", action="store_true", help="serve HTTP only")
    parser.set_defaults(run=run_serve)


def run_serve(arguments: argparse.Namespace) -> None:
    """`wanserve serve`."""
    settings = settings_from(arguments)
    start_logging(settings.log_level, settings.log_format, colours=colours_wanted())
    serve(settings, with_worker=not arguments.no_worker)
