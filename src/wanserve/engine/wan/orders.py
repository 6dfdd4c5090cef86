"""The whole protocol between the ranks of a group, beside the tensors. Plain values, pickled over a pipe for each peer.

Down go orders: a Join once, then LoadShare and Denoise. Up come answers: Ready or Refused to each LoadShare, and Told at any time.
The pipe's end means the end of whoever reads it: the ranks live and die together.
"""

from dataclasses import dataclass

import safetensors.torch
import torch

from wanserve.domain.generation import Generation
from wanserve.engine.wan.memory import MemoryPlan
from wanserve.models.framing import Framing
from wanserve.models.sampling import WanModelCard


@dataclass(frozen=True, slots=True)
class Join:
    """Become this rank of the group whose first rank keeps the rendezvous at this port of the loopback.

    `kind` is the machine's: a peer of kind `cuda` takes the device of its rank's number. `log_level` is logging's.
    """

    rank: int
    size: int
    kind: str
    port: int
    log_level: int


@dataclass(frozen=True, slots=True)
class LoadShare:
    """Let go of the model before, and load your share of this one as planned."""

    card: WanModelCard
    plan: MemoryPlan


@dataclass(frozen=True, slots=True)
class Denoise:
    """Denoise this video with the others, until the last step or the one after which the first rank stops all.

    `embeddings` are `packed`.
    """

    generation: Generation
    framing: Framing
    embeddings: bytes


@dataclass(frozen=True, slots=True)
class Ready:
    """The ordered model is loaded."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The ordered model did not load, in one line. `exhausted`: memory ran out, else it is the set-up."""

    line: str
    exhausted: bool


@dataclass(frozen=True, slots=True)
class Told:
    """A line for the log, which the first rank writes: its level and its logger's name."""

    level: int
    logger: str
    line: str


Order = Join | LoadShare | Denoise
Answer = Ready | Refused | Told


def packed(embeddings: tuple[torch.Tensor, torch.Tensor | None]) -> bytes:
    """The prompt's embeddings, and the negative prompt's where there are any, to the bit."""
    named = {"prompt": embeddings[0], "negative": embeddings[1]}
    there = {name: each.cpu().contiguous() for name, each in named.items() if each is not None}
    return bytes(safetensors.torch.save(there))


def unpacked(embeddings: bytes, device: torch.device) -> tuple[torch.Tensor, torch.Tensor | None]:
    """What was `packed`, on the device."""
    there = {name: each.to(device) for name, each in safetensors.torch.load(embeddings).items()}
    return there["prompt"], there.get("negative")
