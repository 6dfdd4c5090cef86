"""A worker as the task table knows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from wanserve.domain.catalog import ModelCard


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """Who claims and runs attempts on one device or group of devices.

    `installation` is the data directory whose server started it: the next start of that server takes back what this
    worker ran. `devices` are the names that its driver gives them, none where the worker uses what it finds. `models`
    are the models that it serves, by name. `seen_ms` is its last heartbeat, in milliseconds since 1970 by the store's
    clock; the store writes it.
    """

    id: str
    installation: str
    host: str
    devices: tuple[str, ...]
    engine: str
    models: Mapping[str, ModelCard] = field(default_factory=dict)
    seen_ms: int = 0
