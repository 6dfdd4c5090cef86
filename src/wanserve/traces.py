"""Traces, by OpenTelemetry: one for each task, from its submit over its attempts and their stages to its webhooks.

The id of a trace is the task's id without its dashes, so that every process that has to do with the task adds to the same
trace, and none needs to be told. Its root is the submit.
"""

from importlib.util import find_spec
from typing import Final, Protocol

from wanserve.domain.attempt import Outcome
from wanserve.domain.errors import SetupError
from wanserve.domain.progress import StageTimes
from wanserve.domain.task import Task
from wanserve.domain.webhooks import Delivery, Tried

LIBRARIES: Final = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


class Traces(Protocol):
    """Notes what was done for tasks. `seconds` is how long it took until now. May be used from any thread; never raises."""

    def now_s(self) -> float:
        """A reading of a monotonic clock, for `seconds`."""

    def submitted(self, task: Task, seconds: float, dialect: str, caller: str | None) -> None:
        """A request submitted the task. `caller` is the request's header `traceparent`, or None."""

    def canceled(self, task: Task, seconds: float, dialect: str) -> None:
        """A request canceled the task."""

    def attempted(self, task: Task, seconds: float, times: StageTimes, outcome: Outcome | None, problem: str) -> None:
        """An attempt at the task has ended, after the stages in `times`. `problem` is why it failed, or ""."""

    def delivered(self, delivery: Delivery, seconds: float, tried: Tried) -> None:
        """A webhook about the task was tried."""


class NoTraces:
    """The Traces of a server that makes none."""

    def now_s(self) -> float:
        """See Traces."""
        return 0.0

    def submitted(self, task: Task, seconds: float, dialect: str, caller: str | None) -> None:
        """See Traces."""

    def canceled(self, task: Task, seconds: float, dialect: str) -> None:
        """See Traces."""

    def attempted(self, task: Task, seconds: float, times: StageTimes, outcome: Outcome | None, problem: str) -> None:
        """See Traces."""

    def delivered(self, delivery: Delivery, seconds: float, tried: Tried) -> None:
        """See Traces."""


def open_traces(url: str | None, version: str) -> Traces:
    """The Traces that are sent to the OTLP collector at this URL, or none. Raises SetupError where the extra is missing."""
    if url is None:
        return NoTraces()
    # A parent that is missing is looked for before its child.
    if find_spec("opentelemetry") is None or any(find_spec(library) is None for library in LIBRARIES):
        raise SetupError("traces_url: the extra otel is not installed: pip install 'wanserve[otel]'")
    # Imported here because nobody else needs its libraries.
    from wanserve.otel import OtelTraces, collector  # noqa: PLC0415

    return OtelTraces(collector(url), version)
