"""Knows how to keep the libraries from writing to stderr by themselves: that is where the server's log goes."""

import logging
import os
from typing import Final

CHATTY: Final = ("torchao", "torch.utils._pytree", "diffusers", "transformers", "cache_dit", "peft")


def silence_libraries() -> None:
    """Leave of their messages only errors, and no progress bars. To be called before they are imported."""
    os.environ.setdefault("TORCH_LOGS", "-torch")
    os.environ.setdefault("CACHE_DIT_LOG_LEVEL", "error")
    for family in ("DIFFUSERS", "TRANSFORMERS"):
        os.environ.setdefault(f"{family}_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
