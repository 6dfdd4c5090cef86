"""Keeps the libraries from writing to stderr by themselves, where the server's own log goes."""

import logging
from typing import Final

from wanserve.machine.environment import set_defaults

NOISY_LOGGERS: Final = ("torch.utils._pytree", "diffusers", "transformers", "cache_dit")


def silence_libraries() -> None:
    """Let the libraries log errors only, and show no progress bars. Call it before they are imported."""
    set_defaults(
        {
            "TORCH_LOGS": "-torch",
            "CACHE_DIT_LOG_LEVEL": "error",
            "DIFFUSERS_VERBOSITY": "error",
            "TRANSFORMERS_VERBOSITY": "error",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }
    )
    for name in NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
