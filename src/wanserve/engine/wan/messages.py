"""Defines the messages between the ranks of a group, except tensors: plain values, pickled over one pipe for each peer.

The first rank sends commands: JoinGroup once, then LoadPipeline and Denoise. A peer answers each LoadPipeline with
PipelineLoaded or LoadFailed, and sends a LogLine at any time. A process whose pipe closes ends: the ranks end together.
"""

from dataclasses import dataclass

import safetensors.torch
import torch

from wanserve.domain.generation import Generation
from wanserve.engine.wan.memory import MemoryPlan
from wanserve.models.framing import Framing
from wanserve.models.sampling import WanModelCard


@dataclass(frozen=True, slots=True)
class JoinGroup:
    """Become this rank of the group whose first rank serves the rendezvous at this port of the loopback interface.

    `kind` is the device's: a peer of kind `cuda` takes the GPU with its rank's number. `log_level` is one of logging's.
    """

    rank: int
    size: int
    kind: str
    port: int
    log_level: int


@dataclass(frozen=True, slots=True)
class LoadPipeline:
    """Drop the model that is loaded, and load this one as planned."""

    card: WanModelCard
    plan: MemoryPlan


@dataclass(frozen=True, slots=True)
class Denoise:
    """Denoise this video with the other ranks, to the last step or to the step after which the first rank stops all.

    `embeddings` comes from `serialize_embeddings`.
    """

    generation: Generation
    framing: Framing
    embeddings: bytes


@dataclass(frozen=True, slots=True)
class PipelineLoaded:
    """The model of the last LoadPipeline is loaded."""


@dataclass(frozen=True, slots=True)
class LoadFailed:
    """The model did not load; `reason` is one line. `exhausted`: memory ran out; otherwise the set-up is wrong."""

    reason: str
    exhausted: bool


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that the first rank writes to the log: its level, its logger's name and its text."""

    level: int
    logger: str
    text: str


PeerCommand = JoinGroup | LoadPipeline | Denoise
PeerReply = PipelineLoaded | LoadFailed | LogLine


def serialize_embeddings(embeddings: tuple[torch.Tensor, torch.Tensor | None]) -> bytes:
    """Serialize the embeddings of the prompt and, where there is one, of the negative prompt, without any loss."""
    named = {"prompt": embeddings[0], "negative": embeddings[1]}
    tensors = {name: each.cpu().contiguous() for name, each in named.items() if each is not None}
    return bytes(safetensors.torch.save(tensors))


def deserialize_embeddings(serialized: bytes, device: torch.device) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Read what `serialize_embeddings` wrote, and put it on the device."""
    tensors = {name: each.to(device) for name, each in safetensors.torch.load(serialized).items()}
    return tensors["prompt"], tensors.get("negative")
