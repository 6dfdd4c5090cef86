"""A worker as the task table has it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from wanserve.domain.catalogue import ModelCard

SEEN_SECONDS: Final = 20.0
"""A worker whose last heartbeat is older than this is ignored."""

KEPT_SECONDS: Final = 24 * 3600.0
"""How long a worker is listed after its last heartbeat."""


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """The state of a worker at its last heartbeat.

    `problem` says why it cannot make videos now, or is None. `unloadable` are the models that did not load at the last
    attempt, each with the reason. `upstreams` are those that get no task now, each with the reason.
    """

    loaded: bool
    problem: str | None
    unloadable: Mapping[str, str] = field(default_factory=dict)
    upstreams: Mapping[str, str] = field(default_factory=dict)


NEW: WorkerHealth = WorkerHealth(loaded=False, problem="the engine is not loaded yet")
"""The state of a worker that was just registered."""


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """Who claims and runs attempts on one device or group of devices.

    `installation` is the data directory whose server started it: the next start of that server takes back what this
    worker ran. `device` is the name of its device or group for people, such as "gpu 0,1"; `devices` are the names that the
    driver gives them, none where the worker uses what it finds. `models` are the models that it serves, by name.
    `seen_ms` is its last heartbeat, in milliseconds since 1970 by the store's clock; the store writes it.
    """

    id: str
    installation: str
    host: str
    device: str
    devices: tuple[str, ...]
    engine: str
    models: Mapping[str, ModelCard] = field(default_factory=dict)
    health: WorkerHealth = NEW
    seen_ms: int = 0


@dataclass(frozen=True, slots=True)
class UpstreamUse:
    """What an upstream does now: how many tasks it has, whether it gets more, and how many attempts it has failed."""

    running: int
    gets_tasks: bool
    failed: int
