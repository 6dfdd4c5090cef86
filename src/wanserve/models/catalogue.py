"""The models that are served now: those of the registered workers, or of the settings where no worker is registered."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from wanserve.domain.catalogue import ModelCard
from wanserve.domain.errors import StoreUnavailable
from wanserve.domain.ports import TaskStore
from wanserve.domain.worker import SEEN_SECONDS

log = logging.getLogger(__name__)

CACHE_SECONDS: Final = 1.0
"""How long the workers that were read are used: submits are frequent, and workers seldom change."""

POLL_MS: Final = {"animatic": 1000, "wan": 5000, "remote": 5000}
"""How long clients should wait between two polls, by engine, in milliseconds: a fraction of what a video takes."""


@dataclass(frozen=True, slots=True)
class Served:
    """Which models are served, by name, and by which engines."""

    models: Mapping[str, ModelCard]
    engines: frozenset[str]


@dataclass(slots=True)
class Catalogue:
    """Finds what is served now. `settings` is what this process's settings serve; `now_s` is a monotonic clock."""

    store: TaskStore
    settings: Served
    now_s: Callable[[], float]
    _read: tuple[float, Served] | None = field(default=None, init=False)

    def models(self) -> Mapping[str, ModelCard]:
        """The models that may be asked for, by name."""
        return self.served().models

    def poll_ms(self) -> int:
        """How long a client should wait between two polls, in milliseconds; by the fastest engine."""
        return min((POLL_MS[engine] for engine in self.served().engines), default=max(POLL_MS.values()))

    def served(self) -> Served:
        """The models and engines. Where the table cannot be read, they are as they last were."""
        now_s = self.now_s()
        if self._read is None or now_s - self._read[0] >= CACHE_SECONDS:
            known = self.settings if self._read is None else self._read[1]
            self._read = now_s, self._from_workers(known)
        return self._read[1]

    def _from_workers(self, known: Served) -> Served:
        try:
            workers = self.store.workers(SEEN_SECONDS)
        except StoreUnavailable as error:
            log.error("the workers cannot be read, and the catalogue stays as it is: %s", error)
            return known
        if not workers:
            return self.settings
        models = {name: card for worker in workers for name, card in worker.models.items()}
        return Served(models, frozenset(worker.engine for worker in workers))
