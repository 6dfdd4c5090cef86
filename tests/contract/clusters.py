"""A cluster in memory, which passes the contract of the one on Ray."""

from dataclasses import dataclass, field, replace

from wanserve.placement.plan import Phase, Seen


@dataclass
class MemoryCluster:
    """A cluster with room for so many actors.

    An actor runs at the look after its start, and ends as soon as it is to drain, unless it is `stubborn`.
    """

    places: int = 10
    actors: dict[int, Seen] = field(default_factory=dict)
    started: list[int] = field(default_factory=list)
    mine: bool = True
    stubborn: bool = False

    def is_mine(self) -> bool:
        return self.mine

    def look(self) -> list[Seen]:
        found = list(self.actors.values())
        for each in found:
            if each.phase is Phase.STARTING and sum(map(_placed, self.actors.values())) < self.places:
                self.become(each.number, Phase.RUNNING)
        return found

    def start(self, number: int) -> None:
        assert number not in self.actors
        self.actors[number] = Seen(number, Phase.STARTING)
        self.started.append(number)

    def drain(self, number: int) -> None:
        self.become(number, Phase.DRAINING if self.stubborn else Phase.ENDED)

    def remove(self, number: int) -> None:
        self.actors.pop(number, None)

    def room(self) -> str:
        return f"{self.places} places"

    def become(self, number: int, phase: Phase, problem: str | None = None) -> None:
        self.actors[number] = replace(self.actors[number], phase=phase, problem=problem, where="a host")


def _placed(actor: Seen) -> bool:
    return actor.phase is not Phase.STARTING
