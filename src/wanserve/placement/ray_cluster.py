"""The cluster of actors on Ray: the only module that imports it."""

import time
from typing import Any, Final

import ray
from ray.exceptions import ActorUnavailableError, RayActorError
from ray.util import list_named_actors, placement_group, placement_group_table, remove_placement_group
from ray.util.placement_group import get_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from wanserve.placement.fleet_actor import ActorOrder, ActorState, FleetActor
from wanserve.placement.plan import Phase, Seen
from wanserve.placement.ray_errors import one_line

NAMESPACE: Final = "wanserve"
PREFIX: Final = "worker-"
ANSWER_SECONDS: Final = 0.5
"""How long a look waits for answers. What has not answered by then is asked again at the next look."""

CALL_SECONDS: Final = 20.0
"""How long another call may take, before the session ends and a new one connects."""


class RayFleetActor(FleetActor):
    """The fleet on the GPUs that Ray gives to its actor."""

    def __init__(self, order: ActorOrder, name: str) -> None:
        super().__init__(order, name, tuple(ray.get_runtime_context().get_accelerator_ids().get("GPU", ())))


class Owner:
    """Remembers which controller was started last."""

    def __init__(self) -> None:
        self._controller: str | None = None

    def take(self, controller: str) -> None:
        """Make this controller the last one."""
        self._controller = controller

    def controller(self) -> str | None:
        """The last one, or None if this actor was restarted since."""
        return self._controller


def connect(address: str) -> None:
    """Connect this process. Raises what Ray raises, or ends the process, as Ray does where nobody answers."""
    ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, configure_logging=False)


class RayCluster:
    """See Cluster. The actors are found by their names, so that a new controller keeps those of a former one."""

    def __init__(self, controller: str, order: ActorOrder, gpus_per_worker: int) -> None:
        self._controller, self._order, self._gpus = controller, order, gpus_per_worker
        self._handles: dict[int, Any] = {}
        self._asked: dict[int, Any] = {}
        self._states: dict[int, ActorState] = {}
        self._problems: dict[int, str] = {}
        self._owner: Any = (
            ray.remote(Owner)
            .options(name="controller", lifetime="detached", num_cpus=0, max_restarts=-1, get_if_exists=True)
            .remote()
        )

    def take_over(self) -> None:
        """Make this controller the one that was started last."""
        until_s = time.monotonic() + CALL_SECONDS
        while True:
            try:
                ray.get(self._owner.take.remote(self._controller), timeout=CALL_SECONDS)
            except ActorUnavailableError:
                # The node that it was on is lost, and Ray restarts it elsewhere.
                if time.monotonic() >= until_s:
                    raise
                time.sleep(ANSWER_SECONDS)
            else:
                return

    def is_mine(self) -> bool:
        """See Cluster. Where Ray lost the answer with a node, the first to ask takes over."""
        try:
            last: str | None = ray.get(self._owner.controller.remote(), timeout=CALL_SECONDS)
        except ActorUnavailableError:
            # It is being restarted elsewhere.
            return True
        if last is None:
            self.take_over()
        return last in (None, self._controller)

    def look(self) -> list[Seen]:
        """See Cluster."""
        named = {_number(name) for name in list_named_actors() if name.startswith(PREFIX)}
        for number in named - self._handles.keys():
            try:
                self._handles[number] = ray.get_actor(f"{PREFIX}{number}")
            except ValueError:
                # It has died since the list was made.
                continue
        for number in self._handles.keys() - self._asked.keys() - self._problems.keys():
            self._asked[number] = self._handles[number].state.remote()
        self._hear()
        known = named | self._handles.keys() | _groups()
        return [self._seen(number) for number in sorted(known)]

    def _hear(self) -> None:
        """Take the answers that have come."""
        if not self._asked:
            return
        ready, _ = ray.wait(list(self._asked.values()), num_returns=len(self._asked), timeout=ANSWER_SECONDS)
        for number in [number for number, asked in self._asked.items() if asked in ready]:
            try:
                self._states[number] = ray.get(self._asked.pop(number))
            except ActorUnavailableError:
                # Its node does not answer just now. Ray decides in the end whether it is dead.
                continue
            except RayActorError as error:
                self._problems[number] = one_line(error)

    def _seen(self, number: int) -> Seen:
        state, problem = self._states.get(number), self._problems.get(number)
        if problem is not None or number not in self._handles:
            return Seen(number, Phase.LOST, problem=problem)
        if state is None:
            return Seen(number, Phase.STARTING)
        current = state.fingerprint == self._order.fingerprint
        return Seen(number, state.phase, current, state.problem, state.where)

    def start(self, number: int) -> None:
        """See Cluster."""
        name = f"{PREFIX}{number}"
        where: Any = "DEFAULT"
        if self._gpus > 1:
            group = placement_group([{"GPU": self._gpus}], strategy="STRICT_PACK", name=name, lifetime="detached")
            where = PlacementGroupSchedulingStrategy(group)
        options = {
            "name": name,
            "lifetime": "detached",
            "num_gpus": self._gpus,
            # Without GPUs they are spread by CPUs, else all of them come to one node.
            "num_cpus": 0 if self._gpus else 1,
            "scheduling_strategy": where,
            # The task table decides what is made again, and the controller which actor is.
            "max_restarts": 0,
            "max_task_retries": 0,
        }
        self._handles[number] = ray.remote(RayFleetActor).options(**options).remote(self._order, name)

    def drain(self, number: int) -> None:
        """See Cluster."""
        self._handles[number].drain.remote()

    def remove(self, number: int) -> None:
        """See Cluster."""
        handle = self._handles.pop(number, None)
        for kept in (self._asked, self._states, self._problems):
            kept.pop(number, None)
        if handle is not None:
            ray.kill(handle, no_restart=True)
        if number in _groups():
            remove_placement_group(get_placement_group(f"{PREFIX}{number}"))

    def room(self) -> str:
        """See Cluster."""
        there = ray.cluster_resources()  # type: ignore[no-untyped-call]
        free = ray.available_resources()  # type: ignore[no-untyped-call]
        kind, needed = ("GPU", self._gpus) if self._gpus else ("CPU", 1)
        return f"it needs {needed} {kind} of one node; {free.get(kind, 0):g} of {there.get(kind, 0):g} in the cluster are free"


def _number(name: str) -> int:
    digits = name.removeprefix(PREFIX)
    return int(digits) if digits.isdecimal() else -1


def _groups() -> set[int]:
    """The numbers of the actors that have a placement group."""
    names = [group["name"] for group in placement_group_table().values() if group["state"] != "REMOVED"]
    return {_number(name) for name in names if name.startswith(PREFIX)}
