"""`wanserve worker`: makes videos for servers on other machines."""

import argparse

from wanserve.cli.options import add_data_dir, settings_from
from wanserve.server import work
from wanserve.telemetry import start_logging


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `wanserve worker`."""
    add_data_dir(parser)
    parser.add_argument("--host", help="the address of its health and metrics (127.0.0.1)")
    parser.add_argument("--metrics-port", type=int, help="the port of them (8001); 0 takes a free one")
    parser.add_argument("--engine", help="auto, animatic or wan (auto)")
    parser.set_defaults(run=run_worker)


def run_worker(arguments: argparse.Namespace) -> None:
    """`wanserve worker`."""
    settings = settings_from(arguments)
    start_logging(settings.log_level)
    work(settings)
