"""The child process: builds one engine, loads the models and makes the videos that the parent asks for.

It knows no store and no HTTP. It ends when its pipe closes, so that none outlives its parent.
"""

import errno
import logging
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Final

from wanserve.blobs.target import open_blobs
from wanserve.domain.errors import (
    Canceled,
    EngineExhausted,
    MachineFailed,
    MarksFailed,
    SetupError,
    UpstreamBusy,
    WanserveError,
)
from wanserve.domain.ports import Engine
from wanserve.engine.animatic.engine import AnimaticEngine
from wanserve.engine.remote.engine import RemoteEngine
from wanserve.engine.wan.library_logging import silence_libraries
from wanserve.machine.environment import colours_wanted
from wanserve.media.marks.marker import Marker
from wanserve.prompts.chat import PromptExtender
from wanserve.telemetry import bind_task_id, start_logging
from wanserve.worker.jobs import JobRunner, Result
from wanserve.worker.pipe import CommandReader, EventSender
from wanserve.worker.protocol import RESTART_CODES, ChildConfig, Command, Crashed, Event, Generate

log = logging.getLogger("wanserve.worker.child")


def animatic(config: ChildConfig) -> Engine:  # noqa: ARG001 - it has nothing to set
    """The preview engine."""
    return AnimaticEngine()


def wan(config: ChildConfig) -> Engine:
    """The real models. Raises SetupError where their libraries are not installed."""
    # Imported here and in no other place: torch and diffusers take seconds, and a laptop has neither.
    silence_libraries()
    try:
        from wanserve.engine.wan.engine import WanEngine  # noqa: PLC0415
    except ImportError as error:
        raise SetupError(
            f"a library of the wan engine is missing: {error}; install it by pip install 'wanserve[wan]'"
        ) from error
    return WanEngine(config.cards, config.gpus, config.preview_steps)


def remote(config: ChildConfig) -> Engine:
    """The engine that has other servers make the videos."""
    return RemoteEngine(config.upstreams)


ENGINES: Final[dict[str, Callable[[ChildConfig], Engine]]] = {"animatic": animatic, "wan": wan, "remote": remote}
MACHINE_ERRNOS: Final = frozenset(
    {
        errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EAGAIN,
        errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOBUFS,
    }
)  # fmt: skip
"""What the system says of itself, whatever the video: full, broken or read-only disks, and its own limits."""


def result_of(job: Callable[[], Result]) -> Result | Crashed:
    """Run the job and return the event of its end. The outermost frame of this process: no error leaves it."""
    try:
        return job()
    except Canceled as error:
        return Crashed(error.code, str(error), error.retryable)
    except WanserveError as error:
        log.warning("%s: %s", error.code, error)
        retry_after_s = error.retry_after_s if isinstance(error, UpstreamBusy) else None
        return Crashed(error.code, str(error), error.retryable, error.fault, error.said, retry_after_s)
    except MemoryError:
        log.exception("out of memory")
        return Crashed(EngineExhausted.code, "the engine ran out of memory", EngineExhausted.retryable)
    except Exception as error:
        log.exception("an unexpected error")
        if problem := machine_problem(error):
            return Crashed(MachineFailed.code, problem, MachineFailed.retryable, MachineFailed.fault)
        return Crashed(WanserveError.code, "the engine stopped at an unexpected error", retryable=True)


def machine_problem(error: BaseException | None) -> str | None:
    """The limit of this machine that caused the error, or an error that led to it; None where there is none."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in MACHINE_ERRNOS:
            return f"this machine stopped the engine: {os.strerror(error.errno)}"
        if isinstance(error, RuntimeError) and str(error) == "can't start new thread":
            return "this machine stopped the engine: it may start no more threads"
        error = error.__cause__ or error.__context__
    return None


def main() -> None:
    """Serve the pipe whose file descriptor is the only argument, until it closes or the engine must be replaced."""
    # Ctrl-C in a terminal and a supervisor's SIGTERM may go to a whole group; the parent decides when this process ends.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    pipe: Connection[Event, Command] = Connection(int(sys.argv[1]))
    config = pipe.recv()
    assert isinstance(config, ChildConfig), "the parent sends the configuration first"
    start_logging(config.log_level, config.log_format, colours=colours_wanted())
    sender = EventSender(pipe)
    commands = CommandReader(sender)
    commands.start()
    try:
        engine, blobs = ENGINES[config.engine](config), open_blobs(config.blobs)
        marker = Marker.by(config.marks)
        # Before a task is claimed, as no video could be made without its marks.
        marker.try_out()
    except (SetupError, MarksFailed) as error:
        sender.send(Crashed(error.code, str(error), error.retryable))
        return
    extender = PromptExtender(config.llm) if config.llm else None
    runner = JobRunner(sender, commands, engine, blobs, config, marker, extender)
    while run_next(runner):
        pass


def run_next(runner: JobRunner) -> bool:
    """Run one job and send how it ended; False where this process must be replaced by a new one."""
    job = runner.commands.next_job()
    with bind_task_id(job.task_id if isinstance(job, Generate) else None):
        event = result_of(partial(runner.run, job))
    # Only now is the error released, and with it the stack frames that held the generation.
    runner.engine.clean_up()
    runner.sender.send(event)
    return not (isinstance(event, Crashed) and event.code in RESTART_CODES)


if __name__ == "__main__":
    main()
