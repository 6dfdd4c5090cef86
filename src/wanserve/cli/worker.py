"""`wanserve worker`: makes videos for servers on other machines, here or on a Ray cluster."""

import argparse

from wanserve.cli.options import add_data_dir, settings_from
from wanserve.domain.errors import SetupError
from wanserve.machine.environment import colours_wanted
from wanserve.placement.messages import RayOptions
from wanserve.placement.supervise import work_on_ray
from wanserve.server import work
from wanserve.telemetry import start_logging


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `wanserve worker`."""
    add_data_dir(parser)
    parser.add_argument("--host", help="the address of its health and metrics (127.0.0.1)")
    parser.add_argument("--metrics-port", type=int, help="the port of them (8001); 0 takes a free one")
    parser.add_argument("--engine", help="auto, animatic or wan (auto)")
    parser.add_argument("--ray", metavar="ADDRESS", help="run the workers on this Ray cluster: HOST:PORT, or auto")
    parser.add_argument("--replicas", type=int, metavar="R", help="how many workers on the cluster (1)")
    parser.add_argument("--gpus-per-worker", type=int, metavar="N", help="how many GPUs each of them gets (1)")
    parser.set_defaults(run=run_worker)


def run_worker(arguments: argparse.Namespace) -> None:
    """`wanserve worker`."""
    settings = settings_from(arguments)
    counts = {"--replicas": arguments.replicas, "--gpus-per-worker": arguments.gpus_per_worker}
    for option, count in counts.items():
        if arguments.ray is None and count is not None:
            raise SetupError(f"{option} needs --ray ADDRESS")
    start_logging(settings.log_level, settings.log_format, colours=colours_wanted())
    if arguments.ray is None:
        work(settings)
        return
    replicas, gpus = (1 if count is None else count for count in counts.values())
    work_on_ray(settings, RayOptions(arguments.ray, replicas, gpus))
