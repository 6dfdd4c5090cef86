"""Stores the files of a finished video, again and again while a store on another machine takes none.

A video took minutes of a device to make: it is not thrown away because a bucket is down for one of them.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wanserve.domain.blobs import BlobStore, Download
from wanserve.domain.errors import Canceled, RemoteUnavailable

log = logging.getLogger(__name__)

GIVE_UP_SECONDS: Final = 600.0
"""For how long a file that was refused is tried again. After that another machine may have more luck."""

PAUSES_SECONDS: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""The longest pause before each further try; the last one repeats. Half of it at least, so that workers do not try in step."""


@dataclass(frozen=True, slots=True)
class Uploads:
    """Puts files into a blob store.

    `tell` is called before the first try of each file, with None, and after each that failed, with the reason.
    `canceled` is set once a cancel was requested.
    """

    blobs: BlobStore
    tell: Callable[[str | None], None]
    canceled: threading.Event
    give_up_s: float = GIVE_UP_SECONDS

    def put(self, key: str, source: Path, download: Download) -> None:
        """Store the file, and remove the source. Raises Canceled, and BlobUnavailable, which leaves the source.

        A RemoteUnavailable is raised only where a try failed `give_up_s` seconds after the first one that did.
        """
        self.tell(None)
        tries, give_up_at_s = 0, float("inf")
        while not self.canceled.is_set():
            try:
                self.blobs.put(key, source, download)
                break
            except RemoteUnavailable as error:
                give_up_at_s = min(give_up_at_s, time.monotonic() + self.give_up_s)
                if time.monotonic() >= give_up_at_s:
                    raise
                log.warning("%s; the finished video is kept and stored again", error)
                self.tell(str(error))
            pause_s = PAUSES_SECONDS[min(tries, len(PAUSES_SECONDS) - 1)]
            self.canceled.wait(random.uniform(pause_s / 2, pause_s))
            tries += 1
        else:
            raise Canceled("a cancel was requested")
