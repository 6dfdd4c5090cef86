"""Defines what each rank of a group does: join it, split a model's attention with the others, denoise in lock step.

The split is Ulysses: each rank has the whole transformer and an equal part of the video's tokens; for its
self-attention it gathers all tokens of an equal part of the heads. diffusers implements it, and this module works
around its gaps.
"""

import socket
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

import diffusers.hooks.context_parallel
import torch
import torch.distributed as dist
from diffusers import ContextParallelConfig, WanPipeline
from diffusers.models._modeling_parallel import gather_size_by_comm
from torch._C._distributed_c10d import Store, TCPStore
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

from wanserve.domain.errors import Canceled, SetupError
from wanserve.domain.generation import Generation
from wanserve.engine.wan.context_parallel import splits_evenly
from wanserve.engine.wan.denoise import denoise
from wanserve.engine.wan.previews import Predicted
from wanserve.engine.wan.profiles import transformers_of
from wanserve.machine.environment import set_defaults
from wanserve.models.framing import Framing
from wanserve.models.sampling import SamplingSettings

LOOPBACK: Final = "127.0.0.1"
COLLECTIVE_TIMEOUT: Final = timedelta(minutes=30)
"""How long a rank waits for another; the first step includes compilation. The worker's own stall limit is shorter."""

BACKENDS: Final = {"cuda": "cpu:gloo,cuda:nccl", "cpu": "gloo"}
"""What transfers the tensors. Tensors of a GPU go from GPU to GPU; the flag that stops all ranks stays on the CPU."""

MESH_DIMENSIONS: Final = ("ring", "ulysses")
"""The dimensions that diffusers expects. The first one has size 1: ring attention is not used."""


@dataclass(frozen=True, slots=True)
class Rank:
    """This process's place in its group.

    All ranks must call the same methods in the same order: each of them is a collective operation, in which a rank
    waits for the others. `rendezvous` is only kept open.
    """

    number: int
    size: int
    device: torch.device
    mesh: DeviceMesh
    rendezvous: Store

    def split_attention(self, pipe: WanPipeline) -> None:
        """Split the self-attention of the pipeline's transformers among the ranks. Waits for no other rank.

        Raises SetupError where the attention kernel cannot be split.
        """
        for transformer in transformers_of(pipe):
            try:
                transformer.enable_parallelism(config=ContextParallelConfig(ulysses_degree=self.size, mesh=self.mesh))
            except ValueError as error:
                raise SetupError(f"several GPUs cannot make one video here: {str(error).splitlines()[0]}") from error
            # diffusers' hook on the first block, which takes this rank's part of the tokens, cannot be traced. So this
            # block is not compiled.
            transformer.blocks[0]._compiled_call_impl = None

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

        Where `report` raises Canceled on the first rank, all ranks raise it after the same step.
        """
        noted = _NotedCancel()

        def at_step(done: float) -> None:
            noted.call(report, done)
            if self._broadcast_stop(stop=noted.error is not None):
                raise noted.error or Canceled("the first rank stops")

        at_layer = partial(noted.call, report)
        note_prediction = None if predicted is None else partial(noted.call, predicted)
        even = splits_evenly(framing, generation.frames, self.size)
        for transformer in transformers_of(pipe):
            transformer._parallel_config.context_parallel_config.ulysses_anything = not even
        # With uneven parts the ranks exchange their lengths in each layer, which cannot be compiled.
        with nullcontext() if even else torch.compiler.set_stance("force_eager"):
            return denoise(pipe, sampling, generation, framing, embeddings, at_step, at_layer, note_prediction)

    def _broadcast_stop(self, *, stop: bool) -> bool:
        """Send the first rank's `stop` to all ranks, and return it."""
        flag = torch.tensor([stop])
        dist.broadcast(flag, 0)
        return bool(flag.item())


@dataclass(slots=True)
class _NotedCancel:
    """Keeps a cancel until the end of the step: if one rank stopped between two layers, the others would wait forever."""

    error: Canceled | None = None

    def call(self, function: Callable[..., None], *arguments: object) -> None:
        """Call the function, and note a Canceled that it raises."""
        try:
            function(*arguments)
        except Canceled as error:
            self.error = error


def open_rendezvous(size: int) -> tuple[Store, int]:
    """Open the rendezvous of a group in this process. Returns it and its port, a free one of the loopback interface."""
    listener = socket.create_server((LOOPBACK, 0))
    port = listener.getsockname()[1]
    # TCPStore is given a socket because one that it opens itself listens on every interface.
    store = TCPStore(
        LOOPBACK,
        port,
        size,
        is_master=True,
        timeout=COLLECTIVE_TIMEOUT,
        wait_for_workers=False,
        master_listen_fd=listener.detach(),
    )
    return store, port


def connect_to_rendezvous(size: int, port: int) -> Store:
    """Connect to the rendezvous that the first rank has opened."""
    return TCPStore(LOOPBACK, port, size, is_master=False, timeout=COLLECTIVE_TIMEOUT)


def join_group(number: int, size: int, kind: str, rendezvous: Store) -> Rank:
    """Become this rank; returns once all ranks have joined. Call it once in a process."""
    loopback = next((name for _, name in socket.if_nameindex() if name.startswith("lo")), None)
    if loopback is not None:
        # By default gloo and NCCL use the interface of the host's name. All ranks are on this machine.
        set_defaults({"GLOO_SOCKET_IFNAME": loopback, "NCCL_SOCKET_IFNAME": loopback})
    device = torch.device(kind)
    if kind == "cuda":
        torch.cuda.set_device(number)
        torch.cuda.init()  # type: ignore[no-untyped-call]
        device = torch.device(kind, number)
    else:
        # diffusers divides by the number of accelerators to choose one, and without a GPU this number is 0.
        torch.accelerator.device_count = lambda: 1
        torch.set_num_threads(max(1, torch.get_num_threads() // size))
    warnings.filterwarnings("ignore", category=FutureWarning, module="diffusers.hooks.context_parallel")
    diffusers.hooks.context_parallel._all_gather_anything = all_gather_uneven
    dist.init_process_group(BACKENDS[kind], store=rendezvous, rank=number, world_size=size, timeout=COLLECTIVE_TIMEOUT)
    mesh = init_device_mesh(kind, (1, size), mesh_dim_names=MESH_DIMENSIONS)
    # Flattening is a collective operation whose result is cached. It is done here, where all ranks wait for one another
    # anyway: diffusers flattens the mesh for each model, and then waits for nobody.
    mesh[MESH_DIMENSIONS]._flatten()
    return Rank(number, size, device, mesh, rendezvous)


def all_gather_uneven(part: torch.Tensor, dim: int, group: dist.ProcessGroup) -> torch.Tensor:
    """Concatenate the ranks' parts, whose lengths in dimension `dim` may differ.

    The parts are padded to one length for the transfer, because gloo accepts only parts of equal size.
    """
    lengths = gather_size_by_comm(part.shape[dim], group)
    longest = list(part.shape)
    longest[dim] = max(lengths)
    padded = part.new_zeros(longest)
    padded.narrow(dim, 0, part.shape[dim]).copy_(part)
    parts = [torch.empty_like(padded) for _ in lengths]
    dist.all_gather(parts, padded, group=group)
    return torch.cat([each.narrow(dim, 0, length) for each, length in zip(parts, lengths, strict=True)], dim)
