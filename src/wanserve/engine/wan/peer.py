"""Runs a peer: a process that makes a video together with the worker's child, on a device of its own. See `group`.

A peer ends when its pipe closes, so that it cannot outlive the first rank. It also ends at any error, and then the
first rank ends too.
"""

import logging
import os
import queue
import signal
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import assert_never

from wanserve.engine.wan.library_logging import silence_libraries

silence_libraries()

from wanserve.domain.errors import Canceled, EngineExhausted, SetupError  # noqa: E402 - the libraries are silenced first
from wanserve.engine.wan.device import memory_errors, release_memory  # noqa: E402
from wanserve.engine.wan.engine import reset_pipeline  # noqa: E402
from wanserve.engine.wan.loading import load_pipeline  # noqa: E402
from wanserve.engine.wan.messages import (  # noqa: E402
    Denoise,
    JoinGroup,
    LoadFailed,
    LoadPipeline,
    LogLine,
    PeerCommand,
    PeerReply,
    PipelineLoaded,
    deserialize_embeddings,
)
from wanserve.engine.wan.profiles import Pipeline, prepared  # noqa: E402
from wanserve.engine.wan.ranks import Rank, connect_to_rendezvous, join_group  # noqa: E402
from wanserve.models.sampling import SamplingSettings  # noqa: E402
from wanserve.telemetry import PlainFormatter  # noqa: E402

log = logging.getLogger("wanserve.engine.wan.peer")


class PipeHandler(logging.Handler):
    """Sends each log record to the first rank, so that only one process writes the server's log."""

    def __init__(self, pipe: "Connection[PeerReply, PeerCommand]") -> None:
        super().__init__()
        self.setFormatter(PlainFormatter())
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        """Send the formatted record, with its traceback."""
        with suppress(OSError):
            self._pipe.send(LogLine(record.levelno, record.name, self.format(record)))


class Peer:
    """A rank other than the first, with one model at a time."""

    def __init__(self, rank: Rank) -> None:
        self._rank = rank
        self._loaded: tuple[SamplingSettings, Pipeline] | None = None

    def load(self, command: LoadPipeline) -> PipelineLoaded | LoadFailed:
        """Drop the model that is loaded, and load the transformers and the VAE of this one."""
        self._loaded = None
        release_memory()
        name = command.card.name
        try:
            with memory_errors(f"loading {name} as rank {self._rank.number}"):
                pipeline = load_pipeline(command.card, command.plan, self._rank.device, with_text_encoder=False)
                self._rank.split_attention(pipeline.pipe)
        except (SetupError, EngineExhausted) as error:
            return LoadFailed(str(error), isinstance(error, EngineExhausted))
        self._loaded = command.card.sampling, pipeline
        return PipelineLoaded()

    def denoise(self, command: Denoise) -> None:
        """Run each step together with the other ranks. The first rank decodes the result; this one drops it."""
        assert self._loaded is not None, "the first rank denoises only with a model that all ranks have loaded"
        sampling, pipeline = self._loaded
        embeddings = deserialize_embeddings(command.embeddings, self._rank.device)
        with (
            suppress(Canceled),
            memory_errors(f"denoising as rank {self._rank.number}"),
            prepared(pipeline, sampling, command.generation) as made,
        ):
            self._rank.denoise(pipeline.pipe, made, command.generation, command.framing, embeddings, lambda _: None)
        reset_pipeline(pipeline.pipe)


def read_commands(pipe: "Connection[PeerReply, PeerCommand]", commands: "queue.SimpleQueue[PeerCommand]") -> None:
    """Move commands from the pipe to the queue. End this process when the pipe closes."""
    while True:
        try:
            commands.put(pipe.recv())
        except (EOFError, OSError):
            # The first rank has ended. The main thread may wait for it in a collective operation, for up to 30 minutes.
            os._exit(0)


def run_commands(pipe: "Connection[PeerReply, PeerCommand]") -> None:
    """Run one command after another, without end. Raises whatever goes wrong, except in loading a model."""
    commands: queue.SimpleQueue[PeerCommand] = queue.SimpleQueue()
    threading.Thread(target=read_commands, args=(pipe, commands), name="commands", daemon=True).start()
    peer: Peer | None = None
    while True:
        command = commands.get()
        match command:
            case JoinGroup():
                logging.basicConfig(level=command.log_level, handlers=[PipeHandler(pipe)], force=True)
                rendezvous = connect_to_rendezvous(command.size, command.port)
                peer = Peer(join_group(command.rank, command.size, command.kind, rendezvous))
            case LoadPipeline():
                assert peer is not None, "the first command is JoinGroup"
                pipe.send(peer.load(command))
            case Denoise():
                assert peer is not None, "the first command is JoinGroup"
                peer.denoise(command)
                release_memory()
            case _:
                assert_never(command)


def main() -> None:
    """Serve the pipe whose file descriptor is the only argument, until it closes or anything goes wrong."""
    # Ctrl-C in a terminal goes to the whole process group; the parent decides when this process ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        run_commands(Connection(int(sys.argv[1])))
    except EngineExhausted as error:
        log.error("a peer failed: %s", error)
    except Exception:
        log.exception("a peer failed")
    # Not sys.exit: at an ordinary exit the libraries may wait for the other ranks.
    os._exit(1)


if __name__ == "__main__":
    main()
