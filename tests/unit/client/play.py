"""Plays a flow with outcomes that are given, by a clock that only pauses move."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from wanserve.client import flows
from wanserve.client.answers import Answer
from wanserve.client.errors import ServerUnreachable
from wanserve.client.info import VideoInfo
from wanserve.client.requests import Request

T = TypeVar("T")
BROKEN = ServerUnreachable("the connection broke")
Outcome = Answer | ServerUnreachable | bytes


@dataclass
class Player:
    """What a flow did: the requests that it sent, its pauses, and what it told."""

    outcomes: list[Outcome] = field(default_factory=list)
    now_s: float = 0.0
    sent: list[Request] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    told: list[VideoInfo] = field(default_factory=list)
    open: bool = False

    def retries(self, seconds: float = 60.0, *, answered: bool = True) -> flows.Retries:
        """Retries by this clock."""
        return flows.Retries(seconds, lambda: self.now_s, answered)

    def play(self, flow: flows.Flow[T], outcomes: Iterable[Outcome]) -> T:
        """The result of the flow. An outcome of bytes takes a second to come."""
        self.outcomes = list(outcomes)
        run = flows.Run(flow)
        while run.step is not None:
            try:
                outcome = self._do(run.step)
            except ServerUnreachable as error:
                run.failed(error)
            else:
                run.done(outcome)
        assert not self.outcomes
        assert not self.open
        return run.result

    def _do(self, step: flows.Step) -> object:
        match step:
            case flows.Send() | flows.Open():
                self.sent.append(step.request)
                return self._next(isinstance(step, flows.Open))
            case flows.NextBytes():
                assert self.open
                self.now_s += 1
                return self._next(opens=True)
            case flows.Close():
                self.open = False
            case flows.Pause():
                self.pauses.append(step.seconds)
                self.now_s += step.seconds
            case flows.Tell():
                self.told.append(step.video)
            case flows.OnDisk():
                return step.run()
        return None

    def _next(self, opens: bool) -> object:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, ServerUnreachable):
            raise outcome
        self.open = opens and not (isinstance(outcome, Answer) and outcome.refused)
        return outcome
