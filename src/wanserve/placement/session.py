"""The process that is connected to Ray: `python -m wanserve.placement.session FD`.

It is apart from the controller's process because Ray ends a process that has lost its head or its node.
"""

import logging
import os
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import assert_never

from wanserve.domain.errors import SetupError
from wanserve.machine.environment import colours_wanted, prepare_for_ray
from wanserve.placement.controller import Controller
from wanserve.placement.fleet_actor import order_of
from wanserve.placement.messages import Abort, Alive, Begin, Drain, Finished, Order, Refused, Report
from wanserve.placement.ray_errors import one_line
from wanserve.telemetry import start_logging

log = logging.getLogger(__name__)


def main(pipe: "Connection[Report, Order]") -> None:
    """Connect, keep the workers, and say how it ended. An error of Ray is reported, and ends the process."""
    prepare_for_ray()
    begin = pipe.recv()
    assert isinstance(begin, Begin)
    start_logging(begin.settings.log_level, begin.settings.log_format, colours=colours_wanted())
    try:
        replaced = _keep_workers(pipe, begin)
    # Ray raises errors of many types, and SystemExit where nobody answers.
    except (Exception, SystemExit) as error:
        log.debug("the session with Ray failed", exc_info=error)
        pipe.send(Refused(one_line(error)))
    else:
        pipe.send(Finished(replaced))


def _keep_workers(pipe: "Connection[Report, Order]", begin: Begin) -> bool:
    """Returns whether another controller has taken over."""
    # Ray is an extra, and takes a second to import.
    try:
        from wanserve.placement.ray_cluster import RayCluster, connect  # noqa: PLC0415
    except ImportError as error:
        raise SetupError(f"{error.name} is not installed: pip install 'wanserve[ray]'") from None
    settings, options = begin.settings, begin.options
    connect(options.address)
    cluster = RayCluster(begin.controller, order_of(settings, options.gpus_per_worker), options.gpus_per_worker)
    if begin.takes_over:
        cluster.take_over()
    controller = Controller(cluster, options.replicas, settings.drain_seconds, lambda: pipe.send(Alive()))
    threading.Thread(target=_obey, args=(pipe, controller), name="orders", daemon=True).start()
    return not controller.run()


def _obey(pipe: "Connection[Report, Order]", controller: Controller) -> None:
    """Take orders until the controller's process has ended; then end without touching the actors, which go on."""
    while True:
        try:
            order = pipe.recv()
        except (EOFError, OSError):
            os._exit(1)
        match order:
            case Drain():
                controller.stop.set()
            case Abort():
                controller.abort.set()
            case Begin():
                raise AssertionError(order)
            case _:
                assert_never(order)
        controller.wake.set()


if __name__ == "__main__":
    # The controller's process has the signals, and tells us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main(Connection(int(sys.argv[1])))
    # Ray's own end takes seconds, and has nothing left to do.
    os._exit(0)
