"""The use cases of tasks, for the doors (submit to delete) and for the workers (claim to settle).

Every policy is here: who waits, who may run, what is tried again and for how long a task is known.
"""

import json
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Final, assert_never

from wanserve.domain import rules
from wanserve.domain.account import Key
from wanserve.domain.catalog import ModelCard
from wanserve.domain.errors import (
    BlobNotFound,
    InvalidRequest,
    ModelDenied,
    TaskNotFound,
    VideoNotReady,
    WrongState,
)
from wanserve.domain.ports import Clock, TaskStore
from wanserve.domain.search import Found, Search
from wanserve.domain.task import LIVE, Failure, Named, Once, Repeat, Sent, State, Task, Usage, Variant, Video

ONCE_KEY_CHARACTERS: Final = 255
END_OF_TIME_MS: Final = 2**62

SENT_MARK: Final = "\n"
"""Begins the names that we give; those of clients are printable."""


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

    `run_length` is how many tasks of one model a device serves in a row while others wait for another model.
    `once_ms` is for how long an idempotency key counts, `again_ms` for how long a client may try to send the same.
    """

    max_queued: int = 500
    max_running: int | None = None
    max_attempts: int = 3
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
    """What can be done with tasks. `new_id` gives a fresh UUID's text, `new_seed` a seed for who names none."""

    store: TaskStore
    models: Mapping[str, ModelCard]
    clock: Clock
    new_id: Callable[[], str]
    new_seed: Callable[[], int]
    policy: Policy

    def submit(self, key: Key, request: rules.VideoRequest, repeat: Repeat = None) -> Future[Task]:
        """Let a request in; its task, once that is on disk: nobody may be told before.

        A submit that `repeat` knows to be an earlier one's repetition gets that one's task, as it now is.
        Raises InvalidRequest, or ModelDenied where the key is restricted to other models; the future fails as
        `TaskStore.add` says.
        """
        task = self._admitted(key, request)
        return self.store.add(task, self.policy.max_queued, self._once(repeat, task, request))

    def remix(self, key: Key, source_id: str, prompt: str, repeat: Repeat = None) -> Future[Task]:
        """Let in another prompt for what the source was made with: its model, size, length, seed and all else.

        Raises as `submit` does, TaskNotFound, and VideoNotReady where the source has made no video.
        """
        source = self.get(key.account, source_id)
        if source.state is not State.SUCCEEDED:
            raise VideoNotReady(source.id, source.state)
        made = source.generation
        request = rules.VideoRequest(
            model=made.model,
            prompt=prompt,
            negative_prompt=made.negative_prompt,
            size=(made.width, made.height),
            seed=made.seed,
            prompt_extend=made.prompt_extend,
            watermark=made.watermark,
            seconds=round(made.seconds),
        )
        task = replace(self._admitted(key, request), remixed_from=source.id)
        return self.store.add(task, self.policy.max_queued, self._once(repeat, task, request))

    def get(self, account: str, task_id: str) -> Task:
        """The task. Raises TaskNotFound where it is unknown, another account's, or past its retention."""
        task = self.store.get(account, task_id)
        if task is None or (task.ended_ms is not None and task.ended_ms < self._kept_since()):
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
        if account is not None and search.after is not None and self.store.get(account, search.after) is None:
            raise InvalidRequest("after", "must be the id of one of your own")
        if account is not None and search.task_id is not None and self.store.get(account, search.task_id) is None:
            # Only `get` takes as long for another account's id as for one that nobody has.
            return Found(search, [], 0)
        known = replace(search, ended_since_ms=self._kept_since())
        return Found(search, self.store.search(account, known), self.store.count(account, known))

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

    def fail(self, task: Task, failure: Failure, *, retryable: bool) -> bool:
        """End the attempt badly: the task waits again while it may be tried, else it has FAILED.

        False where it came too late and nothing was written.
        """
        return self.store.settle(self._after_loss(task, failure, retryable=retryable))

    def give_back(self, task: Task) -> bool:
        """End the attempt because this worker stops; the task waits again and the attempt does not count."""
        return self.store.settle(task.requeued(spent=False))

    def overdue(self) -> list[Task]:
        """The tasks whose lease has run out."""
        return self.store.expired(self.clock())

    def take_back(self, task: Task, *, whatever_its_lease: bool = False) -> Task | None:
        """Take the task from an attempt whose lease has run out, or where no worker can be alive; as it then is.

        None where the attempt has renewed its lease or ended meanwhile.
        """
        lost = Failure("worker_lost", "the worker that made this video was lost")
        taken = self._after_loss(task, lost, retryable=True)
        return taken if self.store.settle(taken, None if whatever_its_lease else self.clock()) else None

    def running(self) -> list[Task]:
        """What runs now."""
        return self.store.expired(END_OF_TIME_MS)

    def forget_old(self) -> list[Task]:
        """Remove the tasks past their retention and give them back, so that their files can follow."""
        return self.store.forget(self._kept_since())

    def owner(self, key: str) -> Task:
        """The task whose video's file has this key. Raises BlobNotFound where no task has it."""
        owner = self._owner(key)
        if owner is None or owner.video is None or owner.video.key != key:
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

    def _once(self, repeat: Repeat, task: Task, request: rules.VideoRequest) -> Once | None:
        if repeat is None:
            return None
        asked = json.dumps([asdict(request), task.remixed_from]).encode()
        fingerprint = sha256(asked).hexdigest()
        match repeat:
            case Named(name):
                if not 0 < len(name) <= ONCE_KEY_CHARACTERS or not name.isascii() or not name.isprintable():
                    problem = f"must be 1 to {ONCE_KEY_CHARACTERS} printable ASCII characters"
                    raise InvalidRequest("Idempotency-Key", problem)
                return Once(name, fingerprint, self.clock() - self.policy.once_ms)
            case Sent(again):
                # What was asked is the name: no name of a client's own is like it.
                since_ms = self.clock() - self.policy.again_ms
                return Once(f"{SENT_MARK}{fingerprint}", fingerprint, since_ms, first=not again)
            case _:
                assert_never(repeat)

    def _after_loss(self, task: Task, failure: Failure, *, retryable: bool) -> Task:
        if retryable and task.attempts_spent + 1 < self.policy.max_attempts:
            return task.requeued(spent=True)
        return task.failed(self.clock(), failure)

    def _kept_since(self) -> int:
        return self.clock() - self.policy.retention_ms
