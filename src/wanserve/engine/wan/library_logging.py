"""Keeps the libraries from writing to stderr by themselves, where the server's own log goes."""

import logging
import os
from typing import Final

NOISY_LOGGERS: Final = ("torchao", "torch.utils._pytree", "diffusers", "transformers", "cache_dit", "peft")


def silence_libraries() -> None:
    """Let the libraries log errors only, and show no progress bars. Call it before they are imported."""
    os.environ.setdefault("TORCH_LOGS", "-torch")
    os.environ.setdefault("CACHE_DIT_LOG_LEVEL", "error")
    for family in ("DIFFUSERS", "TRANSFORMERS"):
        os.environ.setdefault(f"{family}_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    for name in NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
