"""Knows several devices that make one video: this process is the first rank, and starts a peer for each further device.

The ranks live and die together. A peer that ends takes this process with it, whose parent then starts all anew; and
when this process ends, however that is, the peers read the end of their pipes.
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
from wanserve.engine.wan.loading import load_pipeline
from wanserve.engine.wan.memory import MemoryPlan
from wanserve.engine.wan.orders import Answer, Denoise, Join, LoadShare, Order, Ready, Refused, Told, packed
from wanserve.engine.wan.ranks import Rank, join, open_store
from wanserve.engine.wan.shares import check_shares
from wanserve.models.framing import Framing
from wanserve.models.sampling import SamplingSettings, WanModelCard
from wanserve.models.weights import check_weights

log = logging.getLogger(__name__)

GRACE_S: Final = 2.0
"""How long this rank has to fail by itself once a peer has ended."""


@dataclass(frozen=True, slots=True)
class Member:
    """A peer's process, and this end of its pipe."""

    process: "subprocess.Popen[bytes]"
    pipe: "Connection[Order, Answer]"


class Group:
    """The ranks that make one video together. One to a process; not thread-safe: the engine's thread owns it.

    After any error but Canceled, or SetupError before the first model, it is of no more use, nor is its process.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._rank: Rank | None = None
        self._members: list[Member] = []
        self._answers: queue.SimpleQueue[Ready | Refused] = queue.SimpleQueue()
        self._ending = threading.Event()

    def load(self, card: WanModelCard, plan: MemoryPlan, device: torch.device) -> WanPipeline:
        """This rank's pipeline of the model, once all ranks have theirs; the peers are started where there are none.

        Raises SetupError where the devices cannot share this model or are too few, and what `load_pipeline` raises,
        here or in a peer.
        """
        checkpoint = check_weights(Path(card.sampling.weights), card.sampling.experts)
        check_shares(card.name, checkpoint.shape.heads, self._size)
        if self._rank is None:
            self._rank = self._start(device.type)
        with self._all_or_none():
            self._tell(LoadShare(card, plan))
            pipe = load_pipeline(card.sampling, plan, device)
            self._rank.split(pipe)
            self._await()
        return pipe

    def denoise(
        self,
        pipe: WanPipeline,
        sampling: SamplingSettings,
        generation: Generation,
        framing: Framing,
        embeddings: tuple[torch.Tensor, torch.Tensor | None],
        report: Callable[[float], None],
    ) -> torch.Tensor:
        """As `denoise.denoise`, but that a Canceled which `report` raises between the layers is raised after the step."""
        assert self._rank is not None, "a model is loaded before it draws"
        with self._all_or_none():
            self._tell(Denoise(generation, framing, packed(embeddings)))
            return self._rank.denoise(pipe, sampling, generation, framing, embeddings, report)

    @contextmanager
    def _all_or_none(self) -> Iterator[None]:
        """End the peers where the block fails: they wait for this rank in a collective. A cancel they hear themselves."""
        try:
            yield
        except Canceled:
            raise
        except BaseException:
            self._end()
            raise

    def _start(self, kind: str) -> Rank:
        """Start the peers and join them. Raises SetupError where there are not as many devices as ranks."""
        if kind == "cuda" and torch.cuda.device_count() < self._size:
            raise SetupError(f"{self._size} GPUs are to make one video, and there are {torch.cuda.device_count()} here")
        store, port = open_store(self._size)
        atexit.register(self._leave)
        for number in range(1, self._size):
            ours, theirs = Pipe()
            process = subprocess.Popen(
                [sys.executable, "-m", "wanserve.engine.wan.peer", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
            # Only the peer holds its end now: when it dies, our end reads EOF; when we die, its end does.
            theirs.close()
            self._members.append(Member(process, ours))
            ours.send(Join(number, self._size, kind, port, logging.getLogger().getEffectiveLevel()))
        threading.Thread(target=self._listen, name="peers", daemon=True).start()
        return join(0, self._size, kind, store)

    def _tell(self, order: LoadShare | Denoise) -> None:
        for member in self._members:
            member.pipe.send(order)

    def _await(self) -> None:
        """Wait until the peers have loaded. Raises what the first of them says that does not."""
        for _ in self._members:
            answer = self._answers.get()
            if isinstance(answer, Refused):
                raise (EngineExhausted if answer.exhausted else SetupError)(answer.line)

    def _listen(self) -> None:
        """Take the peers' answers, in a thread of its own: the engine's may wait for a dead peer for ever."""
        pipes = {member.pipe: number for number, member in enumerate(self._members, 1)}
        while True:
            for pipe in wait(pipes):
                assert isinstance(pipe, Connection)
                try:
                    self._heard(pipe.recv())
                except (EOFError, OSError):
                    self._mourn(pipes[pipe])
                    return

    def _mourn(self, rank: int) -> None:
        """End this process after a peer has ended, if nothing else does: nobody can go on without it."""
        # What broke the peer may break this rank too, which can tell more of it than its death does.
        if not self._ending.wait(GRACE_S):
            log.error("rank %d of %d ended: the whole group does", rank, self._size)
            os._exit(1)

    def _heard(self, answer: Answer) -> None:
        match answer:
            case Ready() | Refused():
                self._answers.put(answer)
            case Told():
                logging.getLogger(answer.logger).log(answer.level, "%s", answer.line)
            case _:
                assert_never(answer)

    def _end(self) -> None:
        """End the peers at once, whatever they do."""
        self._ending.set()
        for member in self._members:
            member.process.kill()
        for member in self._members:
            member.process.wait()

    def _leave(self) -> None:
        """End the peers and then this process, which has nothing left to do."""
        self._end()
        sys.stdout.flush()
        # Not by the rest of an ordinary end, at which libraries may wait for the other ranks.
        os._exit(1 if hasattr(sys, "last_value") else 0)
