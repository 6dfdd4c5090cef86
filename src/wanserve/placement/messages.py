"""What the controller's process and its session, the process that is connected to Ray, say to each other."""

from dataclasses import dataclass

from wanserve.settings import Settings


@dataclass(frozen=True, slots=True)
class RayOptions:
    """What the command line says: the cluster's address, how many workers, and how many GPUs each of them gets."""

    address: str
    replicas: int
    gpus_per_worker: int


@dataclass(frozen=True, slots=True)
class Begin:
    """To the session: connect, and keep the workers of these options. `controller` is the id of this controller.

    `takes_over` says that it was just started, and takes the workers from the one before. A later session of the same
    controller does not, as yet another may have been started meanwhile.
    """

    settings: Settings
    options: RayOptions
    controller: str
    takes_over: bool = True


@dataclass(frozen=True, slots=True)
class Drain:
    """To the session: drain all workers, remove them, and end."""


@dataclass(frozen=True, slots=True)
class Abort:
    """To the session: remove all workers at once, and end. Their leases run out."""


@dataclass(frozen=True, slots=True)
class Alive:
    """From the session: it is connected, and has just looked at the cluster."""


@dataclass(frozen=True, slots=True)
class Refused:
    """From the session: Ray did not let it in, and said why."""

    problem: str


@dataclass(frozen=True, slots=True)
class Finished:
    """From the session: it ends. `replaced` says that another controller has taken over the workers."""

    replaced: bool


Order = Begin | Drain | Abort
Report = Alive | Refused | Finished
