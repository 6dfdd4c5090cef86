"""The remote engine: has an upstream make each video, and stops there what is canceled here."""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from wanserve.domain.errors import Canceled, SetupError, Superseded, WanserveError
from wanserve.domain.generation import Generation
from wanserve.domain.marks import DigitalSource
from wanserve.domain.ports import Fetched, Order, RemoteVideo, Report
from wanserve.domain.progress import Progress, Stage
from wanserve.engine.remote.answers import KeyTaken, Transient
from wanserve.engine.remote.fetching import DEFAULT_PACE, Fetching, Pace
from wanserve.engine.remote.transport import DEFAULT_LIMITS, Limits
from wanserve.machine.coroutines import DeadlineExceeded, run_coroutine
from wanserve.models.upstream import Upstream

log = logging.getLogger("wanserve.remote")

TICK_SECONDS: Final = 0.2
"""How often a cancel is looked for, whatever the upstream does."""

CANCEL_SECONDS: Final = 4.0
"""How long the upstream may take to cancel a task; the worker waits for that."""

UNLIMITED: Final = float("inf")


class RemoteEngine:
    """Satisfies Engine. Every wait for an upstream has a limit of its own, so reports never stop coming."""

    name = "remote"
    digital_source = DigitalSource.TRAINED

    def __init__(
        self, upstreams: Mapping[str, Upstream], pace: Pace = DEFAULT_PACE, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self._upstreams = upstreams
        self._pace = pace
        self._limits = limits

    def load(self, model: str) -> None:
        """See Engine. Nothing is loaded here."""
        self._choose(model, None)

    def generate(self, generation: Generation, report: Report) -> RemoteVideo:
        """See Engine. Nothing is sent before the file is fetched."""
        return RemoteVideo(partial(self._fetch, generation, report))

    def clean_up(self) -> None:
        """See Engine. Nothing remains of a video."""

    def _fetch(self, generation: Generation, report: Report, order: Order, path: Path) -> Fetched:
        """See RemoteVideo."""
        upstream = self._choose(generation.model, order.upstream)
        fetching = Fetching(upstream, generation, order, self._pace, self._limits)
        try:
            return run_coroutine(
                fetching.run(path), lambda: report(Progress(fetching.progress, Stage.DENOISE)), UNLIMITED, TICK_SECONDS
            )
        except Superseded:
            raise
        except Canceled:
            self._cancel(fetching, lambda: None)
            raise

    def _cancel(self, fetching: Fetching, tick: Callable[[], None]) -> None:
        """Cancel at the upstream, if it can be done soon: the task is canceled here, whatever comes of it."""
        try:
            run_coroutine(fetching.cancel(), tick, CANCEL_SECONDS, TICK_SECONDS)
        except (Transient, KeyTaken, WanserveError, DeadlineExceeded) as error:
            problem = str(error) or f"no answer within {CANCEL_SECONDS:g} s"
            log.warning("upstream %s did not cancel its task: %s", fetching.upstream.name, problem)

    def _choose(self, model: str, name: str | None) -> Upstream:
        """The upstream of this name, else the first that makes videos of the model. Raises SetupError."""
        serving = [upstream for upstream in self._upstreams.values() if model in upstream.models]
        chosen = next((upstream for upstream in serving if name in (None, upstream.name)), None)
        if chosen is None:
            raise SetupError(f"no upstream {name or ''} makes videos of {model}")
        return chosen
