"""Keeps the wanted number of actors alive on a cluster: looks, decides by plan.py, acts, and looks again."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from wanserve.placement.plan import Phase, Seen, plan

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.5
"""The pause between two looks at the cluster."""

GRACE_SECONDS: Final = 5.0
"""How long an actor may take to end in addition to its drain time, before it is killed."""

WAIT_SECONDS: Final = 10.0
"""How long an actor may wait for GPUs, and start, before the log says so."""

STABLE_SECONDS: Final = 60.0
"""An actor that lived longer is replaced at once when it is lost."""

RESTART_SECONDS: Final = (0.0, 1.0, 5.0, 15.0, 60.0)
"""The pause before each further start of an actor that does not stay alive."""


class Cluster(Protocol):
    """The actors of a cluster. Every method may raise an error of the cluster; then the session is over."""

    def is_mine(self) -> bool:
        """Whether this controller is the one that was started last."""
        ...

    def look(self) -> list[Seen]:
        """Every actor that exists, and what is left of those that have died."""
        ...

    def start(self, number: int) -> None:
        """Ask for an actor. It is STARTING until its GPUs are free."""
        ...

    def drain(self, number: int) -> None:
        """Have a running actor claim nothing more. It is ENDED once nothing runs in it."""
        ...

    def remove(self, number: int) -> None:
        """Kill what is left of an actor, and free its GPUs. Does nothing where there is none."""
        ...

    def room(self) -> str:
        """What an actor needs and what the cluster has free, for people."""
        ...


@dataclass(slots=True)
class Controller:
    """Keeps `replicas` actors until it is stopped or replaced. `alive` is called after each look."""

    cluster: Cluster
    replicas: int
    drain_s: float
    alive: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.monotonic
    stop: threading.Event = field(default_factory=threading.Event)
    abort: threading.Event = field(default_factory=threading.Event)
    wake: threading.Event = field(default_factory=threading.Event)
    """Set together with `stop` and `abort`, so that a pause ends."""
    _first_seen: dict[tuple[int, Phase], float] = field(default_factory=dict, init=False)
    _lives: dict[int, int] = field(default_factory=dict, init=False)
    _not_before: dict[int, float] = field(default_factory=dict, init=False)
    _told: set[tuple[int, Phase]] = field(default_factory=set, init=False)

    def run(self) -> bool:
        """Work until all actors have ended after a stop: True; or until another controller has taken over: False."""
        while self.cluster.is_mine():
            if not self.step():
                return True
            self.alive()
            self.wake.wait(LOOK_SECONDS)
            self.wake.clear()
        return False

    def step(self) -> bool:
        """Look once and act. Returns False once it was stopped and no actor is left."""
        seen = self.cluster.look()
        self._note(seen)
        if self.abort.is_set():
            for each in seen:
                self.cluster.remove(each.number)
            # They are looked for once more: a kill takes a moment to arrive.
            return bool(seen)
        self._act(seen)
        return bool(seen) or not self.stop.is_set()

    def _act(self, seen: list[Seen]) -> None:
        """Remove, drain and start what the plan says, and remove what takes too long to drain."""
        now_s = self.clock()
        paused = {number for number, then_s in self._not_before.items() if then_s > now_s}
        steps = plan(0 if self.stop.is_set() else self.replicas, seen, paused)
        overdue = [
            each.number
            for each in seen
            if each.phase is Phase.DRAINING and self._age_s(each) > self.drain_s + GRACE_SECONDS
        ]
        for number in (*steps.remove, *overdue):
            self.cluster.remove(number)
        for number in steps.drain:
            log.info("worker-%d drains", number)
            self.cluster.drain(number)
        for number in steps.start:
            self.cluster.start(number)

    def _age_s(self, actor: Seen) -> float:
        return self.clock() - self._first_seen[actor.number, actor.phase]

    def _note(self, seen: list[Seen]) -> None:
        """Note since when each actor is in its phase, and tell the log what has changed."""
        now_s = self.clock()
        running_since = {n: since for (n, phase), since in self._first_seen.items() if phase is Phase.RUNNING}
        keys = {(each.number, each.phase) for each in seen}
        self._first_seen = {key: self._first_seen.get(key, now_s) for key in keys}
        self._told &= keys
        for each in seen:
            waits = each.phase is Phase.STARTING and self._age_s(each) < WAIT_SECONDS
            if (each.number, each.phase) in self._told or waits:
                continue
            self._told.add((each.number, each.phase))
            self._tell(each)
            if each.phase is Phase.LOST:
                self._set_pause(each.number, now_s - running_since.get(each.number, now_s))

    def _set_pause(self, number: int, lived_s: float) -> None:
        """Decide when a lost actor is started again."""
        lives = 0 if lived_s >= STABLE_SECONDS else self._lives.get(number, 0)
        self._lives[number] = lives + 1
        self._not_before[number] = self.clock() + RESTART_SECONDS[min(lives, len(RESTART_SECONDS) - 1)]

    def _tell(self, actor: Seen) -> None:
        match actor.phase:
            case Phase.STARTING:
                log.warning("worker-%d does not run yet: %s", actor.number, self.cluster.room())
            case Phase.RUNNING:
                log.info("worker-%d runs on %s", actor.number, actor.where)
            case Phase.LOST:
                log.warning("worker-%d is lost: %s", actor.number, actor.problem or "its process has ended")
            case Phase.DRAINING | Phase.ENDED:
                log.info("worker-%d: %s", actor.number, actor.phase.value)
