"""The use cases of tasks, for the endpoints (submit to delete) and for the workers (claim to settle).

Every policy is here: who waits, who may run, what is tried again and for how long a task is known.
"""

import json
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from hashlib import sha256
from typing import Final, assert_never

from wanserve.domain import rules
from wanserve.domain.account import Key
from wanserve.domain.attempt import Fault
from wanserve.domain.catalog import ModelCard
from wanserve.domain.errors import (
    BlobNotFound,
    InvalidRequest,
    ModelDenied,
    StoreUncertain,
    TaskNotFound,
    VideoNotReady,
    WanserveError,
    WrongState,
)
from wanserve.domain.ports import Clock, TaskStore
from wanserve.domain.repeats import Refusals
from wanserve.domain.search import Found, Search
from wanserve.domain.task import LIVE, Counted, Failure, Named, Once, Repeat, Sent, State, Task, Usage, Variant, Video

ONCE_KEY_CHARACTERS: Final = 255
END_OF_TIME_MS: Final = 2**62

RETRIES_MAX: Final = 1_000_000
"""A client that says to have sent something more often counts as one that does not count."""

SLICE: Final = 200
"""So many rows are removed in one write at most: submits that wait behind it are held up by some milliseconds."""

Asked = rules.VideoRequest | rules.RemixRequest
"""What a submit may ask for."""


def file_key(task_id: str, attempt: int, variant: Variant = Variant.VIDEO) -> str:
    """The key of an attempt's file: no two attempts share one, so a late one overwrites nothing."""
    return f"videos/{task_id}/{attempt}.{variant}"


def unfinished_name(task_id: str, attempt: int, variant: Variant = Variant.VIDEO) -> str:
    """The name of an attempt's file while it is made."""
    return f"{task_id}.{attempt}.{variant}"


def files_of(task: Task) -> list[str]:
    """The keys of all files of the task's newest attempt."""
    return [file_key(task.id, task.attempt, variant) for variant in Variant]


@dataclass(frozen=True, slots=True)
class Policy:
    """The server's own limits. `max_queued` and `max_running` count one account's tasks of one model.

    `max_attempts` is how many attempts a task may spend, `max_losses` how many it may lose through no fault of its own.
    `run_length` is how many tasks of one model a device serves in a row while others wait for another model.
    `once_ms` is for how long an idempotency key counts, `again_ms` for how long a client may try to send the same.
    """

    max_queued: int = 500
    max_running: int | None = None
    max_attempts: int = 3
    max_losses: int = 10
    lease_ms: int = 15_000
    retention_ms: int = 24 * 3600 * 1000
    run_length: int = 10
    once_ms: int = 24 * 3600 * 1000
    again_ms: int = 60_000


@dataclass(frozen=True, slots=True)
class Run:
    """What a device that holds one model at a time serves: how many tasks of which model, one after another."""

    model: str | None = None
    served: int = 0

    def followed_by(self, model: str) -> "Run":
        """The run after one more task, which is the first of a new run where its model is another."""
        return Run(model, self.served + 1 if model == self.model else 1)


@dataclass(frozen=True, slots=True)
class Tasks:
    """What can be done with tasks.

    `new_id` gives a fresh UUID's text, `new_seed` the seed of requests that name none. `retention_clock` tells by
    which time tasks are past their retention, where that is not `clock`.
    """

    store: TaskStore
    models: Mapping[str, ModelCard]
    clock: Clock
    new_id: Callable[[], str]
    new_seed: Callable[[], int]
    policy: Policy
    retention_clock: Clock | None = None
    _refusals: Refusals = field(default_factory=Refusals, init=False)

    def submit(self, key: Key, asked: Asked, repeat: Repeat = None) -> Future[Task]:
        """Let a request in; its task, once that is on disk: nobody may be told before.

        A submit that `repeat` knows to be an earlier one's repetition gets that one's task, as it now is, also where
        it would be refused as a new one. Raises InvalidRequest, or ModelDenied where the key is restricted to other
        models; for a remix TaskNotFound, and VideoNotReady where its source has made no video. The future fails as
        `TaskStore.add` says.
        """
        once = self._once(key.account, asked, repeat)
        try:
            task = self._remixed(key, asked) if isinstance(asked, rules.RemixRequest) else self._admitted(key, asked)
        except WanserveError as refusal:
            if once is None or (isinstance(once, Counted) and once.follows is None):
                raise
            # What was accepted stays accepted, also where it would be refused by now.
            return self.store.repeat(key.account, once, refusal)
        added = self.store.add(task, self.policy.max_queued, once)
        if isinstance(once, Counted):
            added.add_done_callback(partial(self._note_if_refused, key.account, once))
        return added

    def turned_away(self, account: str, asked: Asked, repeat: Repeat) -> None:
        """Note that a submit was refused before it came here: its repeat is new work, and no earlier task's."""
        once = self._once(account, asked, repeat) if isinstance(repeat, Sent) else None
        if isinstance(once, Counted):
            self._note_refusal(account, once)

    def _remixed(self, key: Key, asked: rules.RemixRequest) -> Task:
        source = self.get(key.account, asked.source_id)
        if source.state is not State.SUCCEEDED:
            raise VideoNotReady(source.id, source.state)
        made = source.generation
        request = rules.VideoRequest(
            model=made.model,
            prompt=asked.prompt,
            negative_prompt=made.negative_prompt,
            size=(made.width, made.height),
            seed=made.seed,
            prompt_extend=made.prompt_extend,
            watermark=made.watermark,
            seconds=round(made.seconds),
        )
        return replace(self._admitted(key, request), remixed_from=source.id)

    def get(self, account: str, task_id: str) -> Task:
        """The task. Raises TaskNotFound where it is unknown, another account's, or past its retention."""
        task = self._known(account, task_id)
        if task is None:
            raise TaskNotFound(task_id)
        return task

    def find(self, task_id: str) -> Task:
        """The task, whoever has it: for the server's owner, never for a door. Raises TaskNotFound."""
        task = self.store.find(task_id)
        if task is None:
            raise TaskNotFound(task_id)
        return task

    def made(self, account: str, task_id: str) -> Task:
        """The task with its video. Raises TaskNotFound, or VideoNotReady where it has none."""
        task = self.get(account, task_id)
        if task.video is None:
            raise VideoNotReady(task.id, task.state)
        return task

    def search(self, account: str | None, search: Search) -> Found:
        """The tasks that are searched for and still known; of one account, or of all where it is None.

        Raises InvalidRequest where the task to begin behind is unknown.
        """
        if account is not None and search.after is not None and self._known(account, search.after) is None:
            raise InvalidRequest("after", "must be the id of one of your own")
        known = replace(search, ended_since_ms=self.kept_since())
        # One more than is asked for tells whether there are more, and costs less than to count them all.
        found = self.store.search(account, replace(known, limit=search.limit + 1))
        total = self.store.count(account, known) if search.counted and account is not None else None
        return Found(search, found[: search.limit], len(found) > search.limit, total)

    def cancel(self, account: str, task_id: str, states: Collection[State] = LIVE) -> Task:
        """Cancel a task that is in one of these states; a running engine stops at its next step.

        Raises TaskNotFound, or WrongState where the task is in another.
        """
        task = self.get(account, task_id)
        if task.state not in states:
            raise WrongState(f"task {task.id} is {task.state} and cannot become CANCELED")
        canceled = task.canceled(self.clock())
        if self.store.cancel(canceled, states):
            return canceled
        now = self.get(account, task_id)
        raise WrongState(f"task {task.id} is {now.state} by now and cannot become CANCELED")

    def delete(self, account: str, task_id: str) -> None:
        """Forget a task; one that has not ended is canceled by that. Its files follow with the next sweep.

        Raises TaskNotFound.
        """
        task = self.get(account, task_id)
        if not self.store.remove(account, task.id):
            raise TaskNotFound(task.id)

    def usage(self, account: str | None) -> list[Usage]:
        """The ledger, oldest first; of one account, or of all where it is None."""
        return self.store.usage(account)

    def next_model(self, models: Collection[str], run: Run) -> str | None:
        """The model that a device which holds one at a time should serve next, or None where no task waits.

        Loading a model takes as long as making a video, so the run goes on while it may; then the model comes
        whose task would be claimed first.
        """
        waiting = self.store.waiting(models, self.policy.max_running)
        others = [model for model in waiting if model != run.model]
        if run.model in waiting and (run.served < self.policy.run_length or not others):
            return run.model
        return others[0] if others else None

    def claim(self, models: Collection[str]) -> Task | None:
        """Take the next waiting task of these models for one attempt, or None where none may run."""
        now = self.clock()
        return self.store.claim(models, now, now + self.policy.lease_ms, self.policy.max_running)

    def renew(self, task: Task, progress: float) -> bool:
        """The heartbeat of an attempt; False means stop: it was canceled, or the task is another attempt's now."""
        return self.store.renew(task, self.clock() + self.policy.lease_ms, progress)

    def succeed(self, task: Task, video: Video) -> bool:
        """End the attempt with its video, and bill it; False where it came too late and nothing was written."""
        return self.store.settle(task.succeeded(self.clock(), video))

    def fail(self, task: Task, failure: Failure, *, retryable: bool, fault: Fault = Fault.TASK) -> bool:
        """End the attempt badly: the task waits again while it may be tried, else it has FAILED.

        Only an attempt that ended by the task's own fault is spent; the others are counted against a higher limit,
        which stops a task that takes its worker or its machine with it each time. False where it came too late and
        nothing was written.
        """
        return self.store.settle(self._after_loss(task, failure, fault, retryable=retryable))

    def give_back(self, task: Task) -> bool:
        """End the attempt because this worker stops; the task waits again and the attempt does not count."""
        return self.store.settle(task.requeued())

    def overdue(self) -> list[Task]:
        """The tasks whose lease has run out."""
        return self.store.expired(self.clock())

    def take_back(self, task: Task, *, whatever_its_lease: bool = False) -> Task | None:
        """Take the task from an attempt whose lease has run out, or where no worker can be alive; as it then is.

        None where the attempt has renewed its lease or ended meanwhile.
        """
        lost = Failure("worker_lost", "the worker that made this video was lost")
        taken = self._after_loss(task, lost, Fault.WORKER, retryable=True)
        return taken if self.store.settle(taken, None if whatever_its_lease else self.clock()) else None

    def running(self) -> list[Task]:
        """What runs now."""
        return self.store.expired(END_OF_TIME_MS)

    def kept_since(self) -> int:
        """When a task ended at the earliest that is still known, in milliseconds since 1970."""
        return (self.retention_clock or self.clock)() - self.policy.retention_ms

    def forget_old(self, ended_before_ms: int) -> list[Task]:
        """Remove some of the tasks that ended before this time and give them back, so that their files can follow.

        None are left where it gives none.
        """
        return self.store.forget(min(ended_before_ms, self.kept_since()), SLICE)

    def forget_old_keys(self) -> None:
        """Remove the idempotency keys that count no more, some at a time."""
        while self.store.forget_keys(self.clock() - self.policy.once_ms, SLICE) == SLICE:
            pass

    def owner(self, key: str) -> Task:
        """The task whose video's file has this key. Raises BlobNotFound where no task has it."""
        owner = self._owner(key)
        if owner is None or owner.video is None or owner.video.key != key or owner.ended_before(self.kept_since()):
            raise BlobNotFound(f"no file is stored as {key!r}")
        return owner

    def is_orphan(self, key: str) -> bool:
        """Whether no task has, or may still come to have, the stored file of this key (see `file_key`)."""
        owner = self._owner(key)
        return owner is None or owner.state not in (State.RUNNING, State.SUCCEEDED) or key not in files_of(owner)

    def is_left_over(self, name: str) -> bool:
        """Whether no attempt that runs makes the unfinished file of this name (see `unfinished_name`)."""
        task_id, _, _ = name.partition(".")
        maker = self.store.find(task_id)
        if maker is None or maker.state is not State.RUNNING:
            return True
        return name not in {unfinished_name(maker.id, maker.attempt, variant) for variant in Variant}

    def waiting_or_running(self) -> list[Task]:
        """What is queued and running now, newest first."""
        return self.store.search(None, Search(LIVE))

    def _owner(self, key: str) -> Task | None:
        parts = key.split("/")
        return self.store.find(parts[1]) if len(parts) == 3 else None

    def _admitted(self, key: Key, request: rules.VideoRequest) -> Task:
        generation = rules.check(request, self.models, self.new_seed)
        if not key.may_use(generation.model):
            raise ModelDenied(f"this key may not use {generation.model}")
        return Task(self.new_id(), key.account, generation, self.clock())

    def _once(self, account: str, asked: Asked, repeat: Repeat) -> Once | Counted | None:
        match repeat:
            case None:
                return None
            case Named(name):
                if not 0 < len(name) <= ONCE_KEY_CHARACTERS or not name.isascii() or not name.isprintable():
                    problem = f"must be 1 to {ONCE_KEY_CHARACTERS} printable ASCII characters"
                    raise InvalidRequest("Idempotency-Key", problem)
                return Once(name, fingerprint(asked), self.clock() - self.policy.once_ms, self.kept_since())
            case Sent(retries):
                if retries > RETRIES_MAX:
                    return None
                same, now = fingerprint(asked), self.clock()
                follows = self._refusals.follows(account, same, retries, now)
                return Counted(same, retries, now - self.policy.again_ms, follows)
            case _:
                assert_never(repeat)

    def _note_if_refused(self, account: str, once: Counted, added: Future[Task]) -> None:
        """Note a try that left nothing behind; one whose client went away before it was written is such a try too."""
        error = None if added.cancelled() else added.exception()
        if added.cancelled() or (error is not None and not isinstance(error, StoreUncertain)):
            self._note_refusal(account, once)

    def _note_refusal(self, account: str, once: Counted) -> None:
        self._refusals.note(account, once, self.clock() + self.policy.again_ms)

    def _after_loss(self, task: Task, failure: Failure, fault: Fault, *, retryable: bool) -> Task:
        spent, limit = task.attempts_spent, self.policy.max_attempts
        if fault is not Fault.TASK:
            spent, limit = task.losses, self.policy.max_losses
        if retryable and spent + 1 < limit:
            return task.requeued(fault)
        return task.failed(self.clock(), failure, fault)

    def _known(self, account: str, task_id: str) -> Task | None:
        """The account's task, unless it is past its retention."""
        task = self.store.get(account, task_id)
        # A task that has not ended needs no clock, and polls are many.
        return None if task is None or (task.ended_ms and task.ended_before(self.kept_since())) else task


def fingerprint(asked: Asked) -> str:
    """The SHA-256 of what was asked, as 64 hex digits: of the request as it was sent, before any default is filled in."""
    return sha256(json.dumps([asdict(asked), None]).encode()).hexdigest()
