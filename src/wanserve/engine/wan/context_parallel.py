"""Says how many GPUs can make one video together, and whether they can split it evenly. Does not import torch.

The GPUs split the work by context parallelism in the form named Ulysses; see `ranks`.
"""

from wanserve.domain.errors import SetupError
from wanserve.models.framing import STEP, Framing


def allowed_gpu_counts(heads: int) -> list[int]:
    """The numbers of GPUs, from 2 on, that divide the attention heads: each GPU computes the same number of heads."""
    return [count for count in range(2, heads + 1) if heads % count == 0]


def check_gpu_count(model: str, heads: int, gpus: int) -> None:
    """Raise SetupError, naming the numbers that are allowed, where this number of GPUs does not divide the heads."""
    if gpus > 1 and gpus not in allowed_gpu_counts(heads):
        *numbers, last = [1, *allowed_gpu_counts(heads)]
        choice = f"{', '.join(map(str, numbers))} or {last}" if numbers else str(last)
        raise SetupError(f"{model} has {heads} attention heads, which {gpus} GPUs cannot share evenly; {choice} can")


def splits_evenly(framing: Framing, frames: int, gpus: int) -> bool:
    """Whether this number of GPUs divides the video's tokens. One token is 16 x 16 pixels of four frames."""
    return ((frames - 1) // 4 + 1) * (framing.width // STEP) * (framing.height // STEP) % gpus == 0
