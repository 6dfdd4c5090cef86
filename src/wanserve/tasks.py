"""The use cases of tasks, for the endpoints (submit to delete) and for the workers (claim to settle).

Every policy is here: which task waits, which may run, what is tried again and how long a task is kept.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, cast

from wanserve.domain import rules
from wanserve.domain.account import Key
from wanserve.domain.attempt import Fault
from wanserve.domain.catalogue import DEFAULT_MODEL, ModelCard
from wanserve.domain.errors import (
    BlobNotFound,
    InvalidRequest,
    ModelDenied,
    TaskNotFound,
    VideoNotReady,
    WanserveError,
    WrongState,
)
from wanserve.domain.files import files_of, task_of, unfinished_name
from wanserve.domain.idempotency import CountedSubmit, Idempotency, RefusedSubmits, SubmitIdentity
from wanserve.domain.marks import NO_HASHES, Hashes
from wanserve.domain.moderation import Moderator, Texts, Verdict, refusal_of, texts_of
from wanserve.domain.ports import Clock, Refusals, TaskStore
from wanserve.domain.progress import Heartbeat
from wanserve.domain.search import Found, Search
from wanserve.domain.task import (
    UNFINISHED,
    Failed,
    Failure,
    NewTask,
    Requeued,
    Settlement,
    State,
    Succeeded,
    Task,
    Usage,
    Variant,
    Video,
)
from wanserve.domain.webhooks import checked_url
from wanserve.domain.worker import KEPT_SECONDS
from wanserve.machine.futures import after, already, failed
from wanserve.repeats import Repeats

SLICE: Final = 200
"""One write removes at most this many rows, so that submits wait behind it for some milliseconds only."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The server's own limits. `max_queued` and `max_running` count one account's tasks of one model.

    `max_attempts` is how many attempts a task may spend, `max_losses` how many it may lose by no fault of its own.
    `lease_seconds` is how long a worker keeps a task without a heartbeat. `run_length` is how many tasks of one model a
    device serves in a row while tasks of another model wait. `idempotency_ttl_ms` is how long an idempotency key is
    valid, `retry_window_ms` how long a client may retry a submit. `default_model` is the model of a request that names
    none; where it is not served, the first of the catalogue is. `private_webhooks`: the URLs that come with tasks may lead
    to private addresses, and begin with http://. `watermark_always`: every video has the visible watermark. `open_when_down`:
    submits are accepted while moderation gives no verdict.
    """

    max_queued: int = 500
    max_running: int | None = None
    max_attempts: int = 3
    max_losses: int = 10
    lease_seconds: float = 15.0
    retention_ms: int = 24 * 3600 * 1000
    run_length: int = 10
    idempotency_ttl_ms: int = 24 * 3600 * 1000
    retry_window_ms: int = 60_000
    default_model: str = DEFAULT_MODEL
    private_webhooks: bool = False
    watermark_always: bool = False
    open_when_down: bool = False


_NO_EARLIER: Final = WanserveError("no submit with this identity was accepted")


@dataclass(frozen=True, slots=True)
class ModelRun:
    """How many tasks of which model a device that holds one model at a time has served one after another."""

    model: str | None = None
    served: int = 0

    def followed_by(self, model: str) -> "ModelRun":
        """The run after one more task, which begins a new run where its model is another."""
        return ModelRun(model, self.served + 1 if model == self.model else 1)


@dataclass(frozen=True, slots=True)
class Tasks:
    """What can be done with tasks.

    `catalogue` gives the models that are served, by name. `new_id` gives the text of a fresh UUID, `new_seed` the seed
    of a request that names none. `retention_clock` is the clock by which tasks are deleted, where that is not the
    store's. `refused` are the refused submits of every server on the store. `moderator` judges the texts of submits.
    """

    store: TaskStore
    catalogue: Callable[[], Mapping[str, ModelCard]]
    new_id: Callable[[], str]
    new_seed: Callable[[], int]
    policy: Policy
    retention_clock: Clock | None = None
    refused: Refusals = field(default_factory=RefusedSubmits)
    moderator: Moderator | None = None

    def submit(self, key: Key, request: rules.SubmitRequest, idempotency: Idempotency = None) -> Future[Task]:
        """Accept a request; its task, once that is on disk. No client may be answered before.

        Where `idempotency` marks the submit as a repetition of one that was accepted, the future gives that one's task
        as it now is, even if a new submit would be refused. Raises InvalidRequest, or ModelDenied where the key is
        restricted to other models, or ModerationBlocked; for a remix TaskNotFound, and VideoNotReady where its source has
        made no video. The future fails as described at `TaskStore.add`, and with ModerationBlocked and
        ModerationUnavailable where an endpoint judges the texts.
        """
        repeats = self._repeats()
        identity = repeats.identity(key.account, request, idempotency)
        try:
            new = self._remix(key, request) if isinstance(request, rules.RemixRequest) else self._new_task(key, request)
        except WanserveError as refusal:
            if identity is None or not identity.may_repeat:
                raise
            # An accepted submit stays accepted, even if it would be refused by now.
            return self.store.find_earlier(key.account, identity, refusal)
        add = partial(self.store.add, new, self.policy.max_queued, identity)
        if self.moderator is None or not self.moderator.asks:
            added = add()
        else:
            added = self._judged(new, identity, self.moderator.ask, add)
        if isinstance(identity, CountedSubmit):
            added.add_done_callback(partial(repeats.note_if_refused, key.account, identity))
        return added

    def note_refused(self, account: str, request: rules.SubmitRequest, idempotency: Idempotency) -> None:
        """Remember that a submit was refused before it came here: its repetition is new work, not an earlier task's."""
        self._repeats().note_refused(account, request, idempotency)

    def get(self, account: str, task_id: str) -> Task:
        """The task. Raises TaskNotFound where it is unknown, another account's, or past its retention."""
        task = self._kept(account, task_id)
        if task is None:
            raise TaskNotFound(task_id)
        return task

    def get_many(self, asked: Sequence[tuple[str, str]]) -> list[Task | WanserveError]:
        """For each account and task id the task, or the error that `get` raises, in one look-up."""
        found = zip(asked, self.store.get_many(asked), strict=True)
        return [self._unless_old(task) or TaskNotFound(task_id) for (_, task_id), task in found]

    def find(self, task_id: str) -> Task:
        """The task, whichever account has it: for the server's owner, never for an endpoint. Raises TaskNotFound."""
        task = self.store.find(task_id)
        if task is None:
            raise TaskNotFound(task_id)
        return task

    def with_file(self, account: str, task_id: str, variant: Variant = Variant.VIDEO) -> Task:
        """The task, which has this file. Raises TaskNotFound, or VideoNotReady where it has not."""
        task = self.get(account, task_id)
        has = {Variant.PREVIEW: task.preview > 0, Variant.SCENE: bool(task.video and task.video.scene)}
        if not has.get(variant, task.video is not None):
            raise VideoNotReady(task.id, task.state)
        return task

    def search(self, account: str | None, search: Search) -> Found:
        """The tasks that the search finds and that are still kept; of one account, or of all where it is None.

        Raises InvalidRequest where the task to continue after is unknown.
        """
        if account is not None and search.after is not None and self._kept(account, search.after) is None:
            raise InvalidRequest("after", "must be the id of one of your own")
        kept = replace(search, ended_since_ms=max(self.kept_since_ms(), search.ended_since_ms or 0))
        # One row more shows whether there is another page, and takes less time than to count all tasks.
        found = self.store.search(account, replace(kept, limit=search.limit + 1))
        total = self.store.count(account, kept) if search.counted and account is not None else None
        return Found(search, found[: search.limit], len(found) > search.limit, total)

    def cancel(self, account: str, task_id: str, states: Collection[State] = UNFINISHED) -> Task:
        """Cancel a task that is in one of these states; a running engine stops at its next step.

        Raises TaskNotFound, or WrongState where the task is in another.
        """
        task = self.get(account, task_id)
        if task.state in states and (canceled := self.store.cancel(account, task.id, states)):
            return canceled
        now = self.get(account, task_id)
        raise WrongState(f"task {task.id} is {now.state} and cannot become CANCELED")

    def delete(self, account: str, task_id: str) -> None:
        """Delete a task; one that has not ended is canceled by that. The next sweep deletes its files.

        Raises TaskNotFound.
        """
        task = self.get(account, task_id)
        if not self.store.remove(account, task.id):
            raise TaskNotFound(task.id)

    def usage(self, account: str | None) -> list[Usage]:
        """The ledger, oldest first; of one account, or of all where it is None."""
        return self.store.usage(account)

    def next_model(self, models: Collection[str], run: ModelRun) -> str | None:
        """The model that a device which holds one at a time should serve next, or None where no task waits.

        Loading a model takes as long as making a video, so the run goes on while it may; then the model comes
        whose task would be claimed first.
        """
        waiting = self.store.waiting(models, self.policy.max_running)
        others = [model for model in waiting if model != run.model]
        if run.model in waiting and (run.served < self.policy.run_length or not others):
            return run.model
        return others[0] if others else None

    def claim(self, worker_id: str, models: Collection[str]) -> Task | None:
        """Take the next waiting task of these models for one attempt, or None where none may run."""
        return self.store.claim(worker_id, models, self.policy.lease_seconds, self.policy.max_running)

    def renew(self, task: Task, heartbeat: Heartbeat) -> bool:
        """Write the heartbeat of an attempt; False: stop, the task was canceled or another attempt has it."""
        return self.store.renew(task, self.policy.lease_seconds, heartbeat)

    def note_freed(self, task: Task) -> bool:
        """Note that the worker of a canceled attempt has stopped, so that its device is free; False where it was not canceled."""
        return self.store.note_freed(task)

    def succeed(self, task: Task, video: Video, hashes: Hashes = NO_HASHES) -> bool:
        """End the attempt with its video, and bill it; False where it came too late and nothing was written."""
        return self.store.settle(task, Succeeded(video, hashes))

    def fail(self, task: Task, failure: Failure, *, retryable: bool, fault: Fault = Fault.TASK) -> bool:
        """End the attempt without a video: the task waits again while it may be tried, else it has FAILED.

        Only an attempt that failed by the task's own fault is spent; the others count towards a higher limit, which
        stops a task that takes its worker or its machine down each time. False where the attempt came too late and
        nothing was written.
        """
        return self.store.settle(task, self._after_failure(task, failure, fault, retryable=retryable))

    def give_back(self, task: Task) -> bool:
        """End the attempt because this worker stops; the task waits again and the attempt does not count."""
        return self.store.settle(task, Requeued())

    def take_back(self, task: Task, *, expired_only: bool = True) -> State | None:
        """Take the task from an attempt whose worker was lost; the state that it is in then.

        None where the attempt has renewed its lease or ended meanwhile. Without `expired_only` its lease does not
        matter: for a start, when the worker cannot be alive.
        """
        lost = Failure("worker_lost", "the worker that made this video was lost")
        settlement = self._after_failure(task, lost, Fault.WORKER, retryable=True)
        if not self.store.settle(task, settlement, expired_only=expired_only):
            return None
        return State.FAILED if isinstance(settlement, Failed) else State.PENDING

    def kept_since_ms(self) -> int:
        """Tasks that ended before this time are past their retention. In milliseconds since 1970."""
        return (self.retention_clock or self.store.now_ms)() - self.policy.retention_ms

    def forget_old(self, ended_before_ms: int) -> list[Task]:
        """Remove a slice of the tasks that ended before this time, and return them, so that their files can follow.

        An empty list: no more of them are there.
        """
        return self.store.forget(min(ended_before_ms, self.kept_since_ms()), SLICE)

    def forget_old_keys(self) -> None:
        """Remove the idempotency keys that are no longer valid, slice by slice."""
        while self.store.forget_keys(self.policy.idempotency_ttl_ms, SLICE) == SLICE:
            pass

    def owner_of_file(self, key: str) -> Task:
        """The task whose video has this key. Raises BlobNotFound where no task has it."""
        task_id = task_of(key)
        owner = None if task_id is None else self.store.find(task_id)
        if owner is None or owner.video is None or owner.video.key != key or owner.ended_before(self.kept_since_ms()):
            raise BlobNotFound(f"no file is stored as {key!r}")
        return owner

    def is_orphan(self, key: str) -> bool:
        """Whether this is an attempt's file that no task has, or may still come to have. What others store is none."""
        task_id = task_of(key)
        if task_id is None:
            return False
        owner = self.store.find(task_id)
        return owner is None or owner.state not in (State.RUNNING, State.SUCCEEDED) or key not in files_of(owner)

    def is_left_over(self, name: str) -> bool:
        """Whether no running attempt writes the unfinished file of this name (see `unfinished_name`)."""
        task_id, _, _ = name.partition(".")
        task = self.store.find(task_id)
        if task is None or task.state is not State.RUNNING:
            return True
        return name not in {unfinished_name(task.id, task.attempt, variant) for variant in Variant}

    def unfinished(self) -> list[Task]:
        """What waits and runs now, newest first."""
        return self.store.search(None, Search(UNFINISHED))

    def forget_lost_workers(self) -> None:
        """Remove the workers that have been lost for long."""
        self.store.forget_workers(KEPT_SECONDS)

    def _repeats(self) -> Repeats:
        policy = self.policy
        return Repeats(
            self.refused, self.store.now_ms, self.kept_since_ms, policy.idempotency_ttl_ms, policy.retry_window_ms
        )

    def _remix(self, key: Key, request: rules.RemixRequest) -> NewTask:
        source = self.get(key.account, request.source_id)
        if source.state is not State.SUCCEEDED:
            raise VideoNotReady(source.id, source.state)
        like_the_source = rules.request_like(source.generation, request.prompt, request.webhook_url)
        return replace(self._new_task(key, like_the_source), remixed_from=source.id)

    def _new_task(self, key: Key, request: rules.VideoRequest) -> NewTask:
        models = self.catalogue()
        generation = rules.check(request, models, self.new_seed, self._default_model(models))
        if self.policy.watermark_always:
            generation = replace(generation, watermark=True)
        if not key.may_use(generation.model):
            raise ModelDenied(f"this key may not use {generation.model}")
        url = request.webhook_url and checked_url(
            "webhook_url", request.webhook_url, allow_private=self.policy.private_webhooks
        )
        if self.moderator is not None:
            # Last: nobody is told of a rule for words by a request that would be refused anyway.
            self._require_passed(self.moderator.look_up(texts_of(generation)))
        return NewTask(self.new_id(), key.account, generation, webhook_url=url or None)

    def _require_passed(self, verdict: Verdict) -> None:
        refusal = refusal_of(verdict, open_when_down=self.policy.open_when_down)
        if refusal is not None:
            raise refusal

    def _judged(
        self,
        new: NewTask,
        identity: SubmitIdentity | None,
        ask: Callable[[Texts], Future[Verdict]],
        add: Callable[[], Future[Task]],
    ) -> Future[Task]:
        """Add the task once the moderation endpoint lets it pass; a repetition is not judged again.

        A client that goes away meanwhile gets no task.
        """
        earlier: Future[Task] = failed(_NO_EARLIER)
        if identity is not None and identity.may_repeat:
            earlier = self.store.find_earlier(new.account, identity, _NO_EARLIER)

        def unless_found(found: Future[Task]) -> Future[Task | Verdict]:
            next_one = ask(texts_of(new.generation)) if found.exception() is _NO_EARLIER else found
            return cast("Future[Task | Verdict]", next_one)

        def unless_refused(judged: Future[Task | Verdict]) -> Future[Task]:
            result = judged.result()
            if isinstance(result, Task):
                return already(result)
            self._require_passed(result)
            return add()

        return after(after(earlier, unless_found), unless_refused)

    def _default_model(self, models: Mapping[str, ModelCard]) -> str:
        wanted = self.policy.default_model
        return wanted if wanted in models else next(iter(models), "")

    def _after_failure(self, task: Task, failure: Failure, fault: Fault, *, retryable: bool) -> Settlement:
        spent, limit = task.attempts_spent, self.policy.max_attempts
        if fault is not Fault.TASK:
            spent, limit = task.losses, self.policy.max_losses
        return Requeued(fault) if retryable and spent + 1 < limit else Failed(failure, fault)

    def _kept(self, account: str, task_id: str) -> Task | None:
        """The account's task, unless it is past its retention."""
        return self._unless_old(self.store.get(account, task_id))

    def _unless_old(self, task: Task | None) -> Task | None:
        # A task that has not ended needs no clock, and there are many polls.
        return None if task is None or (task.ended_ms and task.ended_before(self.kept_since_ms())) else task
