"""A process beside the worker's child: one of the further devices that make a video with it. See `group`.

It ends when its pipe closes, so that none outlives the first rank, and at any error, which ends the first rank too.
"""

import gc
import logging
import os
import queue
import signal
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import assert_never

from wanserve.engine.wan.quiet import silence_libraries

silence_libraries()

import torch  # noqa: E402 - silence comes before the libraries
from diffusers import WanPipeline  # noqa: E402

from wanserve.domain.errors import Canceled, EngineExhausted, SetupError  # noqa: E402
from wanserve.engine.wan.engine import clean  # noqa: E402
from wanserve.engine.wan.loading import load_pipeline  # noqa: E402
from wanserve.engine.wan.machine import told_where  # noqa: E402
from wanserve.engine.wan.orders import Answer, Denoise, Join, LoadShare, Order, Ready, Refused, Told, unpacked  # noqa: E402
from wanserve.engine.wan.ranks import Rank, find_store, join  # noqa: E402
from wanserve.models.sampling import SamplingSettings  # noqa: E402
from wanserve.telemetry import PlainLines  # noqa: E402

log = logging.getLogger("wanserve.engine.wan.peer")


class Upward(logging.Handler):
    """Sends what is logged to the first rank: one process writes the server's log."""

    def __init__(self, pipe: "Connection[Answer, Order]") -> None:
        super().__init__()
        self.setFormatter(PlainLines())
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        """Send the line, its trace included."""
        with suppress(OSError):
            self._pipe.send(Told(record.levelno, record.name, self.format(record)))


class Peer:
    """One further rank, with its share of one model at a time."""

    def __init__(self, rank: Rank) -> None:
        self._rank = rank
        self._loaded: tuple[SamplingSettings, WanPipeline] | None = None

    def load(self, order: LoadShare) -> Ready | Refused:
        """Load this rank's share of the model in the place of the one before."""
        self._loaded = None
        rest()
        name, sampling = order.card.name, order.card.sampling
        try:
            with told_where(f"loading {name} as rank {self._rank.number}"):
                pipe = load_pipeline(sampling, order.plan, self._rank.device, reads=False)
                self._rank.split(pipe)
        except (SetupError, EngineExhausted) as error:
            return Refused(str(error), isinstance(error, EngineExhausted))
        self._loaded = sampling, pipe
        return Ready()

    def denoise(self, order: Denoise) -> None:
        """Make each step with the others. What comes of it is the first rank's to decode."""
        assert self._loaded is not None, "the first rank orders no video of a model that is not ready"
        sampling, pipe = self._loaded
        embeddings = unpacked(order.embeddings, self._rank.device)
        with suppress(Canceled), told_where(f"denoising as rank {self._rank.number}"):
            self._rank.denoise(pipe, sampling, order.generation, order.framing, embeddings, lambda _: None)
        clean(pipe)


def rest() -> None:
    """Give back the memory that nobody holds any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def read(pipe: "Connection[Answer, Order]", orders: "queue.SimpleQueue[Order]") -> None:
    """Take the orders from the pipe until it ends, and this process with it."""
    while True:
        try:
            orders.put(pipe.recv())
        except (EOFError, OSError):
            # The first rank is gone. The main thread may wait for it in a collective, for half an hour.
            os._exit(0)


def serve(pipe: "Connection[Answer, Order]") -> None:
    """Obey orders for ever. Raises whatever goes wrong beside a load."""
    orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
    threading.Thread(target=read, args=(pipe, orders), name="inbox", daemon=True).start()
    peer: Peer | None = None
    while True:
        order = orders.get()
        match order:
            case Join():
                logging.basicConfig(level=order.log_level, handlers=[Upward(pipe)], force=True)
                peer = Peer(join(order.rank, order.size, order.kind, find_store(order.size, order.port)))
            case LoadShare():
                assert peer is not None, "the first order is to join"
                pipe.send(peer.load(order))
            case Denoise():
                assert peer is not None, "the first order is to join"
                peer.denoise(order)
                rest()
            case _:
                assert_never(order)


def main() -> None:
    """Serve the pipe whose file descriptor is the only argument, until it closes or anything goes wrong."""
    # Ctrl-C in a terminal goes to the whole group; the parent decides when this process ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        serve(Connection(int(sys.argv[1])))
    except EngineExhausted as error:
        log.error("a peer failed: %s", error)
    except Exception:
        log.exception("a peer failed")
    # Not by an ordinary end, at which libraries may wait for the other ranks.
    os._exit(1)


if __name__ == "__main__":
    main()
