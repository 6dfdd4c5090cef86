"""Knows what all ranks of a group do alike: they join, split a model's attention among them, and denoise in lock step.

The split is Ulysses: each rank has the whole transformer and an equal part of the video's tokens; for its self-attention
each gathers all tokens of an equal part of the heads. It is diffusers' own, with what that lacks mended here.
"""

import socket
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
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
from wanserve.engine.wan.denoise import denoise
from wanserve.engine.wan.profiles import transformers_of
from wanserve.engine.wan.shares import is_even
from wanserve.machine.environment import set_defaults
from wanserve.models.framing import Framing
from wanserve.models.sampling import SamplingSettings

LOOPBACK: Final = "127.0.0.1"
PATIENCE: Final = timedelta(minutes=30)
"""How long a rank waits for another: at the first step while blocks are compiled. The server's own watch is shorter."""

BACKENDS: Final = {"cuda": "cpu:gloo,cuda:nccl", "cpu": "gloo"}
"""What carries the tensors. Those of a GPU go between GPUs; whether to stop is a number that never was on one."""

MESH: Final = ("ring", "ulysses")
"""The dimensions that diffusers asks for; the first is of one rank."""


@dataclass(frozen=True, slots=True)
class Rank:
    """This process's place in its group. All ranks call the same methods in the same order, or all wait for ever."""

    number: int
    size: int
    device: torch.device
    mesh: DeviceMesh
    store: Store

    def split(self, pipe: WanPipeline) -> None:
        """Split the self-attention of the pipeline's transformers among the ranks; nothing is waited for.

        Raises SetupError where the attention kernel cannot be split.
        """
        for transformer in transformers_of(pipe):
            try:
                transformer.enable_parallelism(config=ContextParallelConfig(ulysses_degree=self.size, mesh=self.mesh))
            except ValueError as error:
                raise SetupError(f"several GPUs cannot make one video here: {str(error).splitlines()[0]}") from error
            # Its hook, which takes this rank's part of the tokens, cannot be traced: this block is left uncompiled.
            transformer.blocks[0]._compiled_call_impl = None

    def denoise(
        self,
        pipe: WanPipeline,
        sampling: SamplingSettings,
        generation: Generation,
        framing: Framing,
        embeddings: tuple[torch.Tensor, torch.Tensor | None],
        report: Callable[[float], None],
    ) -> torch.Tensor:
        """As `denoise.denoise`, on all ranks. Where `report` raises Canceled on the first, all do after the same step."""
        asked: Canceled | None = None

        def listen(done: float) -> None:
            nonlocal asked
            try:
                report(done)
            except Canceled as error:
                # Between two layers the others would wait for this rank in vain: the step is made to its end.
                asked = error

        def at_step(done: float) -> None:
            listen(done)
            if self._agreed(stop=asked is not None):
                raise asked or Canceled("the first rank stops")

        even = is_even(framing, generation.frames, self.size)
        for transformer in transformers_of(pipe):
            transformer._parallel_config.context_parallel_config.ulysses_anything = not even
        # Unequal parts are asked for as they come, which cannot be compiled.
        with nullcontext() if even else torch.compiler.set_stance("force_eager"):
            return denoise(pipe, sampling, generation, framing, embeddings, at_step, listen)

    def _agreed(self, *, stop: bool) -> bool:
        """What the first rank says to `stop`, on all ranks."""
        word = torch.tensor([stop])
        dist.broadcast(word, 0)
        return bool(word.item())


def open_store(size: int) -> tuple[Store, int]:
    """The rendezvous of a group of this size, kept by this process, and its port, a free one of the loopback."""
    listener = socket.create_server((LOOPBACK, 0))
    port = listener.getsockname()[1]
    # Opened by itself it would listen on every interface.
    store = TCPStore(
        LOOPBACK,
        port,
        size,
        is_master=True,
        timeout=PATIENCE,
        wait_for_workers=False,
        master_listen_fd=listener.detach(),
    )
    return store, port


def find_store(size: int, port: int) -> Store:
    """The rendezvous that the first rank keeps."""
    return TCPStore(LOOPBACK, port, size, is_master=False, timeout=PATIENCE)


def join(number: int, size: int, kind: str, store: Store) -> Rank:
    """Become this rank; returns once all ranks have joined. To be called once in a process."""
    loopback = next((name for _, name in socket.if_nameindex() if name.startswith("lo")), None)
    if loopback is not None:
        # By themselves they take the interface of the host's name: all ranks are on this machine.
        set_defaults({"GLOO_SOCKET_IFNAME": loopback, "NCCL_SOCKET_IFNAME": loopback})
    device = torch.device(kind)
    if kind == "cuda":
        torch.cuda.set_device(number)
        torch.cuda.init()  # type: ignore[no-untyped-call]
        device = torch.device(kind, number)
    else:
        # diffusers counts the accelerators to choose one, and divides by their number, which is 0.
        torch.accelerator.device_count = lambda: 1
        torch.set_num_threads(max(1, torch.get_num_threads() // size))
    warnings.filterwarnings("ignore", category=FutureWarning, module="diffusers.hooks.context_parallel")
    diffusers.hooks.context_parallel._all_gather_anything = gathered
    dist.init_process_group(BACKENDS[kind], store=store, rank=number, world_size=size, timeout=PATIENCE)
    mesh = init_device_mesh(kind, (1, size), mesh_dim_names=MESH)
    # Made here, where all wait for one another anyway; diffusers asks for it with each model, which then costs nothing.
    mesh[MESH]._flatten()
    return Rank(number, size, device, mesh, store)


def gathered(part: torch.Tensor, dim: int, group: dist.ProcessGroup) -> torch.Tensor:
    """The ranks' parts, whose lengths in dimension `dim` may differ, as one. Sent at one length: gloo takes no other."""
    lengths = gather_size_by_comm(part.shape[dim], group)
    longest = list(part.shape)
    longest[dim] = max(lengths)
    padded = part.new_zeros(longest)
    padded.narrow(dim, 0, part.shape[dim]).copy_(part)
    parts = [torch.empty_like(padded) for _ in lengths]
    dist.all_gather(parts, padded, group=group)
    return torch.cat([each.narrow(dim, 0, length) for each, length in zip(parts, lengths, strict=True)], dim)
