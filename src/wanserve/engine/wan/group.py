"""Makes one video on several devices: this process is the first rank, and starts a peer process for each other device.

The ranks end together. When a peer ends, this process ends too, and its parent starts everything again. When this
process ends, in whichever way, the pipes close, and each peer ends at that.
"""

import atexit
import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Final, assert_never

import torch
from diffusers import WanPipeline

from wanserve.domain.errors import Canceled, EngineExhausted, SetupError
from wanserve.domain.generation import Generation
from wanserve.engine.wan.context_parallel import check_gpu_count
from wanserve.engine.wan.loading import load_pipeline
from wanserve.engine.wan.memory import MemoryPlan
from wanserve.engine.wan.messages import (
    Denoise,
    JoinGroup,
    LoadFailed,
    LoadPipeline,
    LogLine,
    PeerCommand,
    PeerReply,
    PipelineLoaded,
    serialize_embeddings,
)
from wanserve.engine.wan.previews import Predicted
from wanserve.engine.wan.profiles import Pipeline
from wanserve.engine.wan.ranks import Rank, join_group, open_rendezvous
from wanserve.models.framing import Framing
from wanserve.models.sampling import SamplingSettings, WanModelCard
from wanserve.models.weights import check_weights

log = logging.getLogger(__name__)

OWN_ERROR_SECONDS: Final = 2.0
"""How long after the end of a peer this rank may still fail by an error of its own, which says more about the cause."""


@dataclass(frozen=True, slots=True)
class PeerProcess:
    """A peer's process, and this end of its pipe."""

    process: "subprocess.Popen[bytes]"
    pipe: "Connection[PeerCommand, PeerReply]"


class Group:
    """The ranks that make one video together. Only one in a process. Not thread-safe: the engine's thread owns it.

    After any error except Canceled, and except a SetupError before the first model, neither the group nor its process
    can be used again.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._rank: Rank | None = None
        self._peers: list[PeerProcess] = []
        self._load_replies: queue.SimpleQueue[PipelineLoaded | LoadFailed] = queue.SimpleQueue()
        self._ending = threading.Event()

    def load(self, card: WanModelCard, plan: MemoryPlan, device: torch.device) -> Pipeline:
        """Load the model on all ranks, and return this rank's pipeline. The first call starts the peers.

        Raises SetupError where the number of devices does not suit this model or is larger than the machine's, and what
        `load_pipeline` raises, here or in a peer.
        """
        checkpoint = check_weights(Path(card.sampling.weights), card.sampling.experts)
        check_gpu_count(card.name, checkpoint.shape.heads, self._size)
        if self._rank is None:
            self._rank = self._start_peers(device.type)
        with self._kill_peers_on_error():
            self._send(LoadPipeline(card, plan))
            pipeline = load_pipeline(card, plan, device)
            self._rank.split_attention(pipeline.pipe)
            self._wait_until_loaded()
        return pipeline

    def denoise(
        self,
        pipe: WanPipeline,
        sampling: SamplingSettings,
        generation: Generation,
        framing: Framing,
        embeddings: tuple[torch.Tensor, torch.Tensor | None],
        report: Callable[[float], None],
        predicted: Predicted | None = None,
    ) -> torch.Tensor:
        """Denoise on all ranks; see `denoise.denoise`.

        A Canceled that `report` raises between two layers is raised only at the end of the step.
        """
        assert self._rank is not None, "a model is loaded before it denoises"
        with self._kill_peers_on_error():
            self._send(Denoise(generation, framing, serialize_embeddings(embeddings)))
            return self._rank.denoise(pipe, sampling, generation, framing, embeddings, report, predicted)

    @contextmanager
    def _kill_peers_on_error(self) -> Iterator[None]:
        """Kill the peers where the block fails, as they wait for this rank in a collective operation.

        A cancel is not a failure: all ranks stop at the same step.
        """
        try:
            yield
        except Canceled:
            raise
        except BaseException:
            self._kill_peers()
            raise

    def _start_peers(self, kind: str) -> Rank:
        """Start the peers, and form a group with them. Raises SetupError where there are fewer devices than ranks."""
        if kind == "cuda" and torch.cuda.device_count() < self._size:
            raise SetupError(f"{self._size} GPUs are to make one video, and there are {torch.cuda.device_count()} here")
        rendezvous, port = open_rendezvous(self._size)
        atexit.register(self._exit)
        for number in range(1, self._size):
            ours, theirs = Pipe()
            process = subprocess.Popen(
                [sys.executable, "-m", "wanserve.engine.wan.peer", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
            # From here on only the peer holds its end: when one of the two processes dies, the other one reads EOF.
            theirs.close()
            self._peers.append(PeerProcess(process, ours))
            ours.send(JoinGroup(number, self._size, kind, port, logging.getLogger().getEffectiveLevel()))
        threading.Thread(target=self._read_replies, name="peers", daemon=True).start()
        return join_group(0, self._size, kind, rendezvous)

    def _send(self, command: LoadPipeline | Denoise) -> None:
        """Send the command to every peer."""
        for peer in self._peers:
            peer.pipe.send(command)

    def _wait_until_loaded(self) -> None:
        """Wait until all peers have loaded the model. Raises the error of the first peer that has not."""
        for _ in self._peers:
            reply = self._load_replies.get()
            if isinstance(reply, LoadFailed):
                raise (EngineExhausted if reply.exhausted else SetupError)(reply.reason)

    def _read_replies(self) -> None:
        """Read the peers' replies, in a thread of its own: the engine's thread may wait for a dead peer forever."""
        pipes = {peer.pipe: number for number, peer in enumerate(self._peers, 1)}
        while True:
            for pipe in wait(pipes):
                assert isinstance(pipe, Connection)
                try:
                    self._handle(pipe.recv())
                except (EOFError, OSError):
                    self._exit_after_peer(pipes[pipe])
                    return

    def _exit_after_peer(self, rank: int) -> None:
        """End this process because a peer has ended, unless it already ends: no rank can work without the others."""
        # The same cause may make this rank fail too, and then its own error is the better report.
        if not self._ending.wait(OWN_ERROR_SECONDS):
            log.error("rank %d of %d ended, and so the whole group ends", rank, self._size)
            os._exit(1)

    def _handle(self, reply: PeerReply) -> None:
        match reply:
            case PipelineLoaded() | LoadFailed():
                self._load_replies.put(reply)
            case LogLine():
                logging.getLogger(reply.logger).log(reply.level, "%s", reply.text)
            case _:
                assert_never(reply)

    def _kill_peers(self) -> None:
        """Kill the peers at once, whatever they are doing."""
        self._ending.set()
        for peer in self._peers:
            peer.process.kill()
        for peer in self._peers:
            peer.process.wait()

    def _exit(self) -> None:
        """Kill the peers and end this process. Runs at exit, when nothing else is left to do."""
        self._kill_peers()
        sys.stdout.flush()
        # An ordinary exit would go on, and libraries may wait for the other ranks in it.
        os._exit(1 if hasattr(sys, "last_value") else 0)
