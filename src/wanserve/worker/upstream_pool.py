"""The pool of upstreams: who has room, who is taken out after a failure, and who gets the next task."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from wanserve.domain.attempt import Fault, Outcome
from wanserve.domain.task import Task
from wanserve.domain.worker import UpstreamUse
from wanserve.models.upstream import Upstream
from wanserve.worker.assignments import Assignments
from wanserve.worker.ports import Claim, Claimed
from wanserve.worker.protocol import Crashed

log = logging.getLogger(__name__)

PAUSES_SECONDS: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""The pause before an upstream that was taken out is checked: longer after each failure or check in a row that failed."""

BUSY_SECONDS: Final = 60.0
"""An upstream that says for longer that it is busy is a problem that health has to tell."""

AVOIDED_TASKS: Final = 10_000
"""For how many tasks it is remembered which upstreams have lost them; the oldest are forgotten first."""


@dataclass(slots=True)
class _Member:
    """One upstream and what is known of it. Every `…_s` is a reading of the pool's clock."""

    upstream: Upstream
    running: int = 0
    failures: int = 0
    """Failures in a row, of attempts and of checks. While there are any, it gets one task at a time."""

    failed: int = 0
    """All attempts that failed by its fault, since the start."""

    problem: str | None = None
    """Why it was taken out, None while it is in."""

    check_at_s: float = 0.0
    checking: bool = False
    busy_until_s: float = 0.0
    busy_since_s: float | None = None
    """When it first said that it takes no task, since it last took one."""

    credit: int = 0
    """How much of its weight it has not yet used: the member with the most gets the next task."""

    def is_open(self, now_s: float) -> bool:
        """Whether it may get another task."""
        room = 1 if self.failures else self.upstream.concurrency
        return self.problem is None and now_s >= self.busy_until_s and self.running < room

    def take_out(self, problem: str, now_s: float) -> None:
        """Give it no task until a check passes. Of several attempts that fail at the same time, one counts."""
        if self.problem is None or self.checking:
            self.check_at_s = now_s + PAUSES_SECONDS[min(self.failures, len(PAUSES_SECONDS) - 1)]
            self.failures += 1
        self.problem = problem

    def succeeded(self) -> None:
        """Note that it did what it was asked."""
        self.failures, self.busy_since_s = 0, None

    def was_busy(self, retry_after_s: float, now_s: float) -> None:
        """Note that it takes no task for so many seconds."""
        self.busy_until_s = max(self.busy_until_s, now_s + retry_after_s)
        if self.busy_since_s is None:
            self.busy_since_s = now_s

    def trouble(self, now_s: float) -> str | None:
        """Why nobody can count on it; None where it makes videos, or did until a moment ago."""
        if self.problem is not None:
            return f"is out: {self.problem}"
        if self.busy_since_s is not None and now_s - self.busy_since_s >= BUSY_SECONDS:
            return f"has taken no task for {BUSY_SECONDS:g} s: it says that it is busy"
        return None


def in_thread(work: Callable[[], None]) -> None:
    """Run it in a thread that does not keep the process alive."""
    threading.Thread(target=work, name="upstream-check", daemon=True).start()


class UpstreamPool:
    """The Router of the remote engine, shared by all workers of a process.

    `check` asks an upstream whether it can make videos now: None, or the problem. `problems` are what checks have found
    before, by the upstream's name. `run` runs a check elsewhere. `now_s` is a monotonic clock.
    """

    def __init__(
        self,
        upstreams: Sequence[Upstream],
        assignments: Assignments,
        check: Callable[[Upstream], str | None],
        problems: Mapping[str, str] | None = None,
        run: Callable[[Callable[[], None]], None] = in_thread,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._members = {upstream.name: _Member(upstream) for upstream in upstreams}
        self._assignments = assignments
        self._check = check
        self._run = run
        self._now_s = now_s
        self._avoided: OrderedDict[str, set[str]] = OrderedDict()
        # Of the members, the assignments and the avoided. Never held while something is waited for.
        self._lock = threading.Lock()
        # One claim at a time: between the look for room and the choice nobody else may take it.
        self._claiming = threading.Lock()
        for name, problem in (problems or {}).items():
            self._take_out(self._members[name], problem)

    def claim(self, models: Collection[str], claim: Claim) -> Claimed | None:
        """See Router. Only tasks of models are claimed which an upstream that has room makes."""
        self._start_checks()
        with self._claiming:
            with self._lock:
                now_s = self._now_s()
                open_now = [member for member in self._members.values() if member.is_open(now_s)]
            possible = {model for member in open_now for model in member.upstream.models}.intersection(models)
            task = claim(possible) if possible else None
            if task is None:
                return None
            with self._lock:
                member = self._choose(task, open_now)
                member.running += 1
                self._assignments.note(task.id, member.upstream.name)
                return Claimed(task, member.upstream.name)

    def ended(self, claimed: Claimed, outcome: Outcome | None, crash: Crashed | None) -> None:
        """See Router."""
        assert claimed.upstream is not None, "every task of this router has an upstream"
        with self._lock:
            member = self._members[claimed.upstream]
            member.running -= 1
            if crash is not None:
                self._note_crash(member, claimed.task, crash)
            elif outcome in (Outcome.MADE, Outcome.LATE):
                member.succeeded()
                self._forget(claimed.task.id)
            elif outcome is Outcome.CANCELED:
                self._forget(claimed.task.id)
            # An attempt that a stopping worker gave back keeps its upstream: the next one finds the task there.

    def problem(self) -> str | None:
        """See Router."""
        self._start_checks()
        with self._lock:
            now_s = self._now_s()
            troubles = {name: member.trouble(now_s) for name, member in self._members.items()}
        if any(trouble is None for trouble in troubles.values()):
            return None
        return "; ".join(f"upstream {name} {trouble}" for name, trouble in troubles.items())

    def unavailable(self) -> Mapping[str, str]:
        """See Router."""
        with self._lock:
            now_s = self._now_s()
            out = {name: member.problem for name, member in self._members.items() if member.problem is not None}
            busy = [name for name, member in self._members.items() if member.busy_until_s > now_s]
        return dict.fromkeys(busy, "it takes no task now") | out

    def use(self) -> Mapping[str, UpstreamUse]:
        """See Router. One that has as many tasks as it may have gets tasks all the same."""
        with self._lock:
            now_s = self._now_s()
            return {
                name: UpstreamUse(
                    member.running, member.problem is None and now_s >= member.busy_until_s, member.failed
                )
                for name, member in self._members.items()
            }

    def _choose(self, task: Task, open_then: Sequence[_Member]) -> _Member:
        """The upstream that has the task already, else the next by smooth weighted round robin.

        One that has lost this task is left out where another is open.
        """
        model, now_s = task.generation.model, self._now_s()
        serving = [member for member in open_then if model in member.upstream.models]
        # Where all were taken out since the look, the task was claimed, and one of them has to try.
        serving = [member for member in serving if member.is_open(now_s)] or serving
        has_it = self._assignments.get(task.id)
        lost_it = self._avoided.get(task.id, ())
        for member in serving:
            if member.upstream.name == has_it:
                return member
        serving = [member for member in serving if member.upstream.name not in lost_it] or serving
        for member in serving:
            member.credit += member.upstream.weight
        chosen = max(serving, key=lambda member: member.credit)
        chosen.credit -= sum(member.upstream.weight for member in serving)
        return chosen

    def _note_crash(self, member: _Member, task: Task, crash: Crashed) -> None:
        """Draw the consequences for the upstream, and for where the task goes next."""
        if crash.retry_after_s is not None:
            member.was_busy(crash.retry_after_s, self._now_s())
            self._assignments.forget(task.id)
        elif crash.fault is Fault.UPSTREAM:
            member.failed += 1
            self._take_out(member, crash.message)
            self._avoid(task.id, member.upstream.name)
        elif crash.fault is Fault.TASK:
            member.succeeded()
            self._assignments.forget(task.id)
        # After a fault of this machine or of the child, the upstream still has the task.

    def _take_out(self, member: _Member, problem: str) -> None:
        was_in = member.problem is None
        member.take_out(problem, self._now_s())
        if was_in:
            log.error("upstream %s gets no task: %s", member.upstream.name, problem)

    def _avoid(self, task_id: str, upstream: str) -> None:
        self._assignments.forget(task_id)
        self._avoided.setdefault(task_id, set()).add(upstream)
        if len(self._avoided) > AVOIDED_TASKS:
            self._avoided.popitem(last=False)

    def _forget(self, task_id: str) -> None:
        self._assignments.forget(task_id)
        self._avoided.pop(task_id, None)

    def _start_checks(self) -> None:
        """Check the upstreams that are out and whose pause is over, each in a thread of its own."""
        with self._lock:
            now_s = self._now_s()
            due = [
                member
                for member in self._members.values()
                if member.problem is not None and not member.checking and now_s >= member.check_at_s
            ]
            for member in due:
                member.checking = True
        for member in due:
            self._run(partial(self._check_member, member))

    def _check_member(self, member: _Member) -> None:
        """Let the upstream in again where a check passes, else wait longer."""
        try:
            problem = self._check(member.upstream)
        except Exception:
            # The outermost frame of this thread.
            log.exception("the check of upstream %s failed", member.upstream.name)
            problem = "it could not be checked"
        with self._lock:
            if problem is None:
                member.problem = None
                log.info("upstream %s gets tasks again", member.upstream.name)
            else:
                member.take_out(problem, self._now_s())
            member.checking = False
