"""Stores the previews of a running attempt, beside its engine: a slow store delays no step."""

import logging
import threading
from dataclasses import dataclass, field
from pathlib import Path

from wanserve.domain.blobs import BlobStore
from wanserve.domain.errors import WanserveError
from wanserve.domain.files import download_of, file_key, unfinished_name
from wanserve.domain.marks import Origin
from wanserve.domain.progress import Picture
from wanserve.domain.task import Variant
from wanserve.media.errors import media_errors
from wanserve.media.marks.marker import labelled
from wanserve.media.preview import png

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Previews:
    """The previews of one attempt. While one is being stored, others are left out."""

    blobs: BlobStore
    scratch: Path
    origin: Origin
    attempt: int
    stored: int = field(default=0, init=False)
    """The step of the newest one that is stored; 0: none."""

    _thread: threading.Thread | None = field(default=None, init=False)

    def offer(self, step: int, picture: Picture) -> None:
        """Store the picture of this step, unless an earlier one is not stored yet."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._store, args=(step, picture), name="preview", daemon=True)
            self._thread.start()

    def _store(self, step: int, picture: Picture) -> None:
        unfinished = self.scratch / unfinished_name(self.origin.task_id, self.attempt, Variant.PREVIEW)
        try:
            with media_errors(f"cannot write {unfinished.name}"):
                self.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
                unfinished.write_bytes(labelled(png(picture), Variant.PREVIEW, self.origin))
            key = file_key(self.origin.task_id, self.attempt, Variant.PREVIEW)
            self.blobs.put(key, unfinished, download_of(self.origin.task_id, Variant.PREVIEW))
        except WanserveError as error:
            # The video matters, and not its preview.
            log.info("a preview was not stored: %s", error)
        else:
            self.stored = step
