"""Knows among how many devices the work on one video can be shared out. Pure."""

from wanserve.domain.errors import SetupError
from wanserve.models.framing import STEP, Framing


def allowed(heads: int) -> list[int]:
    """The numbers of devices that can make one video together: each takes as many of the attention heads as the others."""
    return [count for count in range(2, heads + 1) if heads % count == 0]


def check_shares(model: str, heads: int, gpus: int) -> None:
    """Raise SetupError, with the numbers that are allowed, where the model's heads do not divide by that of the GPUs."""
    if gpus > 1 and gpus not in allowed(heads):
        *numbers, last = [1, *allowed(heads)]
        choice = f"{', '.join(map(str, numbers))} or {last}" if numbers else str(last)
        raise SetupError(f"{model} has {heads} attention heads, which {gpus} GPUs cannot share evenly; {choice} can")


def is_even(framing: Framing, frames: int, size: int) -> bool:
    """Whether the video's tokens, one for each 16 x 16 pixels of four frames, divide by the number of devices."""
    return ((frames - 1) // 4 + 1) * (framing.width // STEP) * (framing.height // STEP) % size == 0
