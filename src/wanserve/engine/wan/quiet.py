"""Knows how to keep the libraries from writing to stderr by themselves: that is where the server's log goes."""

import logging
from typing import Final

from wanserve.machine.environment import set_defaults

CHATTY: Final = ("torchao", "torch.utils._pytree", "diffusers", "transformers", "cache_dit", "peft")


def silence_libraries() -> None:
    """Leave of their messages only errors, and no progress bars. To be called before they are imported."""
    set_defaults(
        {
            "TORCH_LOGS": "-torch",
            "CACHE_DIT_LOG_LEVEL": "error",
            "DIFFUSERS_VERBOSITY": "error",
            "TRANSFORMERS_VERBOSITY": "error",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }
    )
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
