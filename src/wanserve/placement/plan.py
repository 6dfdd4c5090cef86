"""Decides which actors to start, drain and remove. Pure: it knows nothing of Ray."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """Where an actor is in its life."""

    STARTING = "starting"
    """Ray has not placed it yet, or it has not answered yet."""
    RUNNING = "running"
    DRAINING = "draining"
    """It claims nothing more, and finishes what it runs."""
    ENDED = "ended"
    """It has drained. Its process still holds the GPUs."""
    LOST = "lost"
    """It is dead or could not start; its name or its placement group may be left."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An actor as the cluster shows it.

    `current` says that it runs with the settings of this controller. `problem` says why it is lost.
    """

    number: int
    phase: Phase
    current: bool = True
    problem: str | None = None
    where: str = ""
    """Host and GPUs, for people."""


@dataclass(frozen=True, slots=True)
class Steps:
    """What is to be done next, by the numbers of the actors."""

    start: tuple[int, ...] = ()
    drain: tuple[int, ...] = ()
    remove: tuple[int, ...] = ()


def plan(replicas: int, seen: Sequence[Seen], paused: Collection[int] = ()) -> Steps:
    """The next steps towards `replicas` running actors, which have the numbers 0 to `replicas` - 1.

    Numbers in `paused` are not started now. An actor is replaced in two looks: first what is left of it is removed, and
    once nothing of it is seen any more, it is started. Of the actors with other settings one drains at a time, so that
    the others go on making videos.
    """
    wanted = [each for each in seen if each.number < replicas]
    running = [each for each in seen if each.phase is Phase.RUNNING]
    drain = [each for each in running if each.number >= replicas]
    if len(running) - len(drain) == replicas:
        drain += [each for each in wanted if not each.current][:1]
    start = set(range(replicas)).difference((each.number for each in wanted), paused)
    remove = [each for each in seen if _is_over(each, replicas)]
    return Steps(tuple(sorted(start)), _numbers(drain), _numbers(remove))


def _numbers(actors: Sequence[Seen]) -> tuple[int, ...]:
    return tuple(each.number for each in actors)


def _is_over(actor: Seen, replicas: int) -> bool:
    """Whether nothing runs in it that could still be finished."""
    return actor.phase in (Phase.ENDED, Phase.LOST) or (actor.phase is Phase.STARTING and actor.number >= replicas)
