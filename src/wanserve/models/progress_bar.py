"""Shows how far a download or an import is, on a terminal only."""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import cast

from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]  # theirs to offer


class ProgressBar:
    """One progress bar for all that is done. Through it threads also learn that they should stop."""

    def __init__(self, description: str, total: int, done: int) -> None:
        # disable=None: shown on a terminal only. huggingface_hub's own settings apply too.
        bar = cast("Callable[..., tqdm]", tqdm)
        self._bar = bar(desc=description, total=total, initial=done, unit="B", unit_scale=True, disable=None)
        self._stopped = threading.Event()

    def update(self, more: int) -> None:
        """Add `more` bytes. Raises CancelledError where another file failed or the user stopped the download."""
        if self._stopped.is_set():
            raise CancelledError
        self._bar.update(more)

    def stop(self) -> None:
        """Make every thread end at its next step, and leave the bar where it is."""
        self._stopped.set()
        self._bar.close()
