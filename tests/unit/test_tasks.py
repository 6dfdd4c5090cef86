"""The policies of the use cases, on the in-memory store and a clock that the test moves."""

from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest

from tests.samples import VIDEO, heartbeat
from wanserve.blobs.keys import OWNER
from wanserve.domain.account import Key
from wanserve.domain.attempt import Fault
from wanserve.domain.catalogue import MODELS, NO_CHOICES, Choices, LoraChoice
from wanserve.domain.choosing import LoraRequest
from wanserve.domain.errors import (
    BlobNotFound,
    InvalidRequest,
    ModelDenied,
    QueueFull,
    StoreUnavailable,
    TaskNotFound,
    VideoNotReady,
    WrongState,
)
from wanserve.domain.files import file_key
from wanserve.domain.generation import Chosen, LoraUse
from wanserve.domain.idempotency import (
    REMEMBERED_PER_ACCOUNT,
    CountedSubmit,
    Idempotency,
    IdempotencyKey,
    RefusedSubmits,
    RetryCount,
    SubmitIdentity,
)
from wanserve.domain.rules import RemixRequest, VideoRequest
from wanserve.domain.search import Search
from wanserve.domain.task import Failure, NewTask, State, Task, Variant
from wanserve.repeats import RETRIES_MAX, fingerprint
from wanserve.store.memory import MemoryTasks
from wanserve.tasks import SLICE, Policy, Tasks

ANN = Key("ann", "ann", "00", 0)
BEN = Key("ben", "ben", "01", 0)
REQUEST = VideoRequest("wan2.2-t2v-plus", "a cat")
CRASH = Failure("worker_died", "killed")
POLICY = Policy(max_queued=3, max_attempts=3, lease_seconds=1, retention_ms=60_000)


@dataclass
class Clock:
    now_ms: int = 1_000_000

    def __call__(self) -> int:
        return self.now_ms


@dataclass
class Bench:
    """The use cases with what a test turns."""

    clock: Clock
    tasks: Tasks

    def submitted(self, key: Key = ANN) -> Task:
        return self.tasks.submit(key, REQUEST).result(0)

    def claimed(self) -> Task:
        task = self.tasks.claim("worker", MODELS)
        assert task is not None
        return task


@pytest.fixture
def bench() -> Bench:
    clock = Clock()
    ids = iter(str(UUID(int=number)) for number in range(1000))
    return Bench(clock, Tasks(MemoryTasks(clock), lambda: MODELS, lambda: next(ids), lambda: 7, POLICY))


def test_a_submitted_task_waits_and_is_found_by_its_account_only(bench: Bench) -> None:
    task = bench.submitted()
    assert bench.tasks.get("ann", task.id) == task
    assert (task.state, task.submitted_ms, task.generation.seed) == (State.PENDING, 1_000_000, 7)
    with pytest.raises(TaskNotFound):
        bench.tasks.get("ben", task.id)


def test_a_request_that_breaks_a_rule_stores_nothing(bench: Bench) -> None:
    with pytest.raises(InvalidRequest):
        bench.tasks.submit(ANN, replace(REQUEST, prompt=" "))
    assert bench.tasks.unfinished() == []


def test_a_key_that_may_not_use_the_model_is_refused_and_nothing_stored(bench: Bench) -> None:
    restricted = replace(ANN, models=frozenset({"wanx2.1-t2v-turbo"}))
    with pytest.raises(ModelDenied, match=r"may not use wan2\.2-t2v-plus"):
        bench.tasks.submit(restricted, REQUEST)
    assert bench.tasks.unfinished() == []
    bench.tasks.submit(restricted, replace(REQUEST, model="wanx2.1-t2v-turbo")).result(0)


@pytest.mark.parametrize("asked", [True, False, None])
def test_where_every_video_has_the_watermark_no_request_is_without(bench: Bench, asked: bool | None) -> None:
    request = replace(REQUEST, watermark=asked)
    assert bench.tasks.submit(ANN, request).result(0).generation.watermark is (asked is True)
    always = replace(bench.tasks, policy=replace(POLICY, watermark_always=True))
    assert always.submit(ANN, request).result(0).generation.watermark is True


def test_a_request_that_names_no_model_gets_the_default_or_where_that_is_not_served_the_first(bench: Bench) -> None:
    unnamed = replace(REQUEST, model=None)
    assert bench.tasks.submit(ANN, unnamed).result(0).generation.model == POLICY.default_model
    without = {name: card for name, card in MODELS.items() if name != POLICY.default_model}
    tasks = replace(bench.tasks, catalogue=lambda: without)
    assert tasks.submit(ANN, unnamed).result(0).generation.model == next(iter(without))
    assert unnamed.model is None
    with pytest.raises(InvalidRequest, match="model"):
        replace(bench.tasks, catalogue=dict).submit(ANN, unnamed)


def test_a_full_queue_refuses_one_account_and_not_another(bench: Bench) -> None:
    for _ in range(3):
        bench.submitted()
    with pytest.raises(QueueFull):
        bench.submitted()
    bench.submitted(BEN)


def test_a_claim_takes_the_account_with_the_fewest_running_first(bench: Bench) -> None:
    anns = [bench.submitted() for _ in range(3)]
    ben = bench.submitted(BEN)
    assert [bench.claimed().id for _ in range(4)] == [anns[0].id, ben.id, anns[1].id, anns[2].id]
    assert bench.tasks.claim("worker", MODELS) is None


def test_success_is_billed_once(bench: Bench) -> None:
    bench.submitted()
    task = bench.claimed()
    assert bench.tasks.succeed(task, VIDEO)
    assert not bench.tasks.succeed(task, VIDEO)
    assert [row.task_id for row in bench.tasks.usage("ann")] == [task.id]
    assert bench.tasks.usage("ben") == []


def test_a_crash_is_tried_again_until_the_attempts_are_used_up(bench: Bench) -> None:
    submitted = bench.submitted()
    for spent in (1, 2):
        assert bench.tasks.fail(bench.claimed(), CRASH, retryable=True)
        waiting = bench.tasks.get("ann", submitted.id)
        assert (waiting.state, waiting.attempts_spent) == (State.PENDING, spent)
    assert bench.tasks.fail(bench.claimed(), CRASH, retryable=True)
    ended = bench.tasks.get("ann", submitted.id)
    assert (ended.state, ended.failure) == (State.FAILED, CRASH)


def test_what_will_not_mend_fails_at_once(bench: Bench) -> None:
    submitted = bench.submitted()
    bench.tasks.fail(bench.claimed(), CRASH, retryable=False)
    assert bench.tasks.get("ann", submitted.id).state is State.FAILED


def test_a_drained_task_waits_again_and_the_attempt_does_not_count(bench: Bench) -> None:
    submitted = bench.submitted()
    for _ in range(5):
        assert bench.tasks.give_back(bench.claimed())
    assert bench.tasks.get("ann", submitted.id).attempts_spent == 0


def test_a_lease_that_ran_out_is_taken_back_and_the_old_worker_changes_nothing(bench: Bench) -> None:
    submitted = bench.submitted()
    stalled = bench.claimed()
    bench.clock.now_ms += 1000
    assert bench.tasks.store.expired() == []
    assert bench.tasks.take_back(stalled) is None
    bench.clock.now_ms += 1
    assert [task.id for task in bench.tasks.store.expired()] == [submitted.id]
    assert bench.tasks.take_back(stalled) is State.PENDING is bench.tasks.find(submitted.id).state
    assert bench.tasks.take_back(stalled) is None
    fresh = bench.claimed()
    assert not bench.tasks.renew(stalled, heartbeat(0.5))
    assert not bench.tasks.succeed(stalled, VIDEO)
    assert not bench.tasks.fail(stalled, CRASH, retryable=True)
    assert bench.tasks.usage(None) == []
    assert bench.tasks.succeed(fresh, VIDEO)


def test_a_heartbeat_keeps_the_lease(bench: Bench) -> None:
    bench.submitted()
    task = bench.claimed()
    for _ in range(5):
        bench.clock.now_ms += 900
        assert bench.tasks.renew(task, heartbeat(0.5))
        assert bench.tasks.store.expired() == []


def test_a_start_takes_back_a_task_whose_lease_has_not_run_out(bench: Bench) -> None:
    bench.submitted()
    assert bench.tasks.take_back(bench.claimed(), expired_only=False) is State.PENDING


def test_canceling_a_waiting_task_keeps_it_from_being_claimed(bench: Bench) -> None:
    task = bench.submitted()
    assert bench.tasks.cancel("ann", task.id).state is State.CANCELED
    assert bench.tasks.claim("worker", MODELS) is None


def test_canceling_a_running_task_stops_its_heartbeat_and_it_never_succeeds(bench: Bench) -> None:
    bench.submitted()
    task = bench.claimed()
    bench.tasks.cancel("ann", task.id)
    assert not bench.tasks.renew(task, heartbeat(0.5))
    assert not bench.tasks.succeed(task, VIDEO)
    assert bench.tasks.get("ann", task.id).state is State.CANCELED


def test_only_what_has_not_ended_can_be_canceled_and_only_by_its_account(bench: Bench) -> None:
    task = bench.submitted()
    with pytest.raises(TaskNotFound):
        bench.tasks.cancel("ben", task.id)
    bench.tasks.cancel("ann", task.id)
    with pytest.raises(WrongState):
        bench.tasks.cancel("ann", task.id)


def test_a_cancel_that_comes_between_a_look_and_an_end_says_how_it_ended(bench: Bench) -> None:
    bench.submitted()
    task = bench.claimed()

    class EndsMeanwhile(MemoryTasks):
        def cancel(self, account: str, task_id: str, states: Collection[State]) -> Task | None:
            assert bench.tasks.succeed(task, VIDEO)
            return bench.tasks.store.cancel(account, task_id, states)

        def get(self, account: str, task_id: str) -> Task | None:
            return bench.tasks.store.get(account, task_id)

    with pytest.raises(WrongState, match="is SUCCEEDED"):
        replace(bench.tasks, store=EndsMeanwhile(bench.clock)).cancel("ann", task.id)


def test_after_its_retention_a_task_is_unknown_and_its_bill_stays(bench: Bench) -> None:
    bench.submitted()
    task = bench.claimed()
    bench.tasks.succeed(task, VIDEO)
    bench.clock.now_ms += POLICY.retention_ms
    assert bench.tasks.get("ann", task.id).state is State.SUCCEEDED
    assert bench.tasks.forget_old(bench.clock.now_ms) == []
    bench.clock.now_ms += 1
    with pytest.raises(TaskNotFound):
        bench.tasks.get("ann", task.id)
    assert [old.id for old in bench.tasks.forget_old(bench.clock.now_ms)] == [task.id]
    with pytest.raises(TaskNotFound):
        bench.tasks.find(task.id)
    assert [row.task_id for row in bench.tasks.usage(None)] == [task.id]


def test_a_file_is_an_orphan_unless_its_task_has_it_or_may_come_to(bench: Bench) -> None:
    submitted = bench.submitted()
    orphan = bench.tasks.is_orphan
    assert orphan(file_key(submitted.id, 1))
    bench.tasks.give_back(bench.claimed())
    task = bench.claimed()
    assert not orphan(file_key(task.id, 2))
    assert orphan(file_key(task.id, 1))
    bench.tasks.succeed(task, replace(VIDEO, key=file_key(task.id, 2)))
    assert not orphan(file_key(task.id, 2))
    assert orphan(file_key(task.id, 1))
    assert orphan(file_key(str(UUID(int=1234)), 1))


@pytest.mark.parametrize(
    "key",
    ["stray", OWNER, "videos/holiday/1.mp4", f"videos/{UUID(int=1)}/cut.mp4", f"old/videos/{UUID(int=1)}/1.mp4"],
)
def test_a_file_that_no_attempt_can_have_stored_is_no_orphan(bench: Bench, key: str) -> None:
    assert not bench.tasks.is_orphan(key)
    with pytest.raises(BlobNotFound):
        bench.tasks.owner_of_file(key)


def test_the_server_owner_finds_and_lists_across_accounts(bench: Bench) -> None:
    ann, ben = bench.submitted(), bench.submitted(BEN)
    assert bench.tasks.find(ben.id) == ben
    assert bench.tasks.search(None, Search()).tasks == [ben, ann]
    assert bench.tasks.search("ann", Search()).tasks == [ann]


def test_a_file_of_each_kind_is_an_orphan_with_its_video(bench: Bench) -> None:
    bench.submitted()
    task = bench.claimed()
    keys = [file_key(task.id, 1, variant) for variant in Variant]
    assert not any(bench.tasks.is_orphan(key) for key in keys)
    bench.tasks.fail(task, CRASH, retryable=False)
    assert all(bench.tasks.is_orphan(key) for key in keys)


def sent(bench: Bench, retries: int, request: VideoRequest = REQUEST, key: Key = ANN) -> str:
    """The id of the task that a client's try of this number is answered with."""
    return bench.tasks.submit(key, request, RetryCount(retries)).result(0).id


def test_what_is_sent_again_within_a_minute_is_made_once(bench: Bench) -> None:
    first = sent(bench, 0)
    bench.clock.now_ms += 60_000
    assert sent(bench, 1) == first
    assert sent(bench, 2) == first, "this answer was lost too"
    assert sent(bench, 1, key=BEN) != first
    assert sent(bench, 1, replace(REQUEST, seed=8)) != first


def test_what_is_sent_again_after_more_than_a_minute_is_made_again(bench: Bench) -> None:
    first = sent(bench, 0)
    bench.clock.now_ms += 60_001
    assert sent(bench, 1) != first


def test_a_number_of_tries_that_no_client_reaches_is_no_repeat(bench: Bench) -> None:
    first = sent(bench, RETRIES_MAX)
    assert sent(bench, RETRIES_MAX + 1) != first


def test_all_keys_that_count_no_more_are_removed_however_many(bench: Bench) -> None:
    for number in range(SLICE + 1):
        bench.tasks.submit(replace(ANN, account=f"account {number}"), REQUEST, IdempotencyKey("mine")).result(0)
    bench.clock.now_ms += POLICY.idempotency_ttl_ms + 1
    bench.tasks.forget_old_keys()
    assert bench.tasks.store.forget_keys(bench.clock.now_ms, 1) == 0


def test_a_task_answers_one_repeat_of_a_number(bench: Bench) -> None:
    tasks = [sent(bench, 0), sent(bench, 0)]
    again = [sent(bench, 1) for _ in range(3)]
    assert again[:2] == tasks
    assert again[2] not in tasks, "a third call, whose first try left nothing"


@pytest.mark.parametrize("by_rate", [True, False])
def test_the_repeat_of_a_try_that_was_refused_is_a_task_of_its_own(bench: Bench, *, by_rate: bool) -> None:
    """Calls for the same, of which some are refused and sent again: as many tasks as calls."""
    made = [sent(bench, 0) for _ in range(3)]

    def refuse(retries: int) -> None:
        if by_rate:
            bench.tasks.note_refused("ann", REQUEST, RetryCount(retries))
        else:
            with pytest.raises(QueueFull):
                sent(bench, retries)

    for _ in range(3):
        refuse(0)
    refuse(1)
    for _ in range(3):
        bench.claimed()
    again = [sent(bench, 1), sent(bench, 1), sent(bench, 2)]
    assert len({*made, *again}) == 6
    for _ in range(3):
        bench.claimed()
    assert sent(bench, 1) in made, "and this one's answer was lost"


@pytest.mark.parametrize("by_rate", [True, False])
def test_a_repeat_that_is_refused_still_repeats_what_was_accepted(bench: Bench, *, by_rate: bool) -> None:
    """The answer to the first try was lost, the second try was refused: the third gets the first one's task."""

    class Failing(MemoryTasks):
        """Takes no repeat of number 1."""

        def add(self, new: NewTask, max_queued: int, identity: SubmitIdentity | None = None) -> Future[Task]:
            if isinstance(identity, CountedSubmit) and identity.retries == 1 and not by_rate:
                failed: Future[Task] = Future()
                failed.set_exception(StoreUnavailable("full"))
                return failed
            return super().add(new, max_queued, identity)

    bench.tasks = replace(bench.tasks, store=Failing(bench.clock))
    first = sent(bench, 0)
    if by_rate:
        bench.tasks.note_refused("ann", REQUEST, RetryCount(1))
    else:
        with pytest.raises(StoreUnavailable):
            sent(bench, 1)
    assert sent(bench, 2) == first


def test_a_try_whose_client_went_away_before_it_was_written_left_nothing(bench: Bench) -> None:
    class Slow(MemoryTasks):
        """Is asked, and answers in the time of its caller."""

        def add(self, new: NewTask, max_queued: int, identity: SubmitIdentity | None = None) -> Future[Task]:
            return (
                Future()
                if isinstance(identity, CountedSubmit) and identity.retries == 0
                else super().add(new, max_queued, identity)
            )

    slow = replace(bench.tasks, store=Slow(bench.clock))
    other = slow.submit(ANN, REQUEST, RetryCount(3)).result(0)
    assert slow.submit(ANN, REQUEST, RetryCount(0)).cancel()
    assert slow.submit(ANN, REQUEST, RetryCount(1)).result(0) != other


def test_a_refusal_counts_for_its_own_account_request_and_minute_only(bench: Bench) -> None:
    bench.tasks.note_refused("ann", REQUEST, RetryCount(0))
    bench.clock.now_ms += 60_001
    first = sent(bench, 0)
    bench.tasks.note_refused("ben", REQUEST, RetryCount(0))
    bench.tasks.note_refused("ann", replace(REQUEST, seed=8), RetryCount(0))
    assert sent(bench, 1) == first


def test_a_flood_of_refusals_is_forgotten_from_its_oldest_on() -> None:
    refusals = RefusedSubmits()
    for number in range(REMEMBERED_PER_ACCOUNT + 1):
        refusals.note("ann", CountedSubmit(str(number), 0, 0, None), 10)
    refusals.note("ben", CountedSubmit("0", 0, 0, None), 10)
    follows = [
        refusals.follows(*asked)
        for asked in (
            ("ann", "0", 1, 5),
            ("ann", "1", 1, 5),
            ("ann", "1", 1, 5),
            ("ben", "0", 1, 5),
            ("ann", "2", 1, 11),
        )
    ]
    assert follows == [0, None, 0, None, 0]


@pytest.mark.parametrize("repeat", [(IdempotencyKey("mine"), IdempotencyKey("mine")), (RetryCount(0), RetryCount(1))])
def test_a_repeat_gets_its_task_where_it_would_be_refused_as_a_new_one(
    bench: Bench, repeat: tuple[Idempotency, Idempotency]
) -> None:
    """Recognise first, admit after: for a submit and a remix, whatever has changed since."""
    first, again = repeat
    restricted = replace(ANN, models=frozenset({"wanx2.1-t2v-plus"}))
    submitted = bench.tasks.submit(ANN, REQUEST, first).result(0)
    assert bench.tasks.submit(restricted, REQUEST, again).result(0) == submitted
    bench.tasks.succeed(bench.claimed(), VIDEO)
    other = replace(bench.tasks, catalogue=dict)
    named = IdempotencyKey("another") if isinstance(first, IdempotencyKey) else first
    remixed = bench.tasks.submit(ANN, RemixRequest(submitted.id, "a dog"), named).result(0)
    bench.tasks.delete("ann", submitted.id)
    repeated = other.submit(
        ANN, RemixRequest(submitted.id, "a dog"), named if isinstance(named, IdempotencyKey) else again
    )
    assert repeated.result(0) == remixed
    with pytest.raises(TaskNotFound):
        bench.tasks.submit(ANN, RemixRequest(submitted.id, "a cow"), RetryCount(1)).result(0)


@pytest.mark.parametrize("deleted", [True, False])
def test_a_key_keeps_its_promise_for_its_whole_window(bench: Bench, *, deleted: bool) -> None:
    """Past its task's retention, or after a delete, it neither hands out a task that nobody finds nor makes another."""
    named = IdempotencyKey("mine")
    task = bench.tasks.submit(ANN, REQUEST, named).result(0)
    bench.tasks.succeed(bench.claimed(), VIDEO)
    if deleted:
        bench.tasks.delete("ann", task.id)
    else:
        bench.clock.now_ms += POLICY.retention_ms + 1
    for sweep in (False, True):
        if sweep:
            bench.tasks.forget_old(bench.clock.now_ms)
            bench.tasks.forget_old_keys()
        with pytest.raises(InvalidRequest, match="mine was used for a task that no longer exists"):
            bench.tasks.submit(ANN, REQUEST, named).result(0)
        with pytest.raises(InvalidRequest, match="mine was used for another request"):
            bench.tasks.submit(ANN, replace(REQUEST, seed=1), named).result(0)
    assert bench.tasks.unfinished() == []
    bench.clock.now_ms += POLICY.idempotency_ttl_ms + 1
    bench.tasks.forget_old_keys()
    assert bench.tasks.submit(ANN, replace(REQUEST, seed=1), named).result(0).id != task.id


def test_only_the_tasks_own_fault_spends_an_attempt_and_a_higher_limit_stops_what_takes_its_worker_along(
    bench: Bench,
) -> None:
    innocent = bench.submitted()
    for fault in (Fault.MACHINE, Fault.WORKER) * 4:
        assert bench.tasks.fail(bench.claimed(), CRASH, retryable=True, fault=fault)
        assert bench.tasks.get("ann", innocent.id).attempts_spent == 0
    assert bench.tasks.take_back(bench.claimed(), expired_only=False) is State.PENDING
    assert bench.tasks.find(innocent.id).losses == POLICY.max_losses - 1
    assert bench.tasks.find(innocent.id).state is State.PENDING
    assert bench.tasks.fail(bench.claimed(), CRASH, retryable=True, fault=Fault.WORKER)
    assert bench.tasks.find(innocent.id).state is State.FAILED


def test_a_list_says_whether_there_are_more_and_counts_only_where_that_is_asked(bench: Bench) -> None:
    ids = [bench.submitted().id for _ in range(3)]
    page = bench.tasks.search("ann", Search(limit=2))
    assert ([task.id for task in page.tasks], page.more, page.total) == ([ids[2], ids[1]], True, None)
    last = bench.tasks.search("ann", Search(limit=2, after=ids[1], counted=True))
    assert ([task.id for task in last.tasks], last.more, last.total) == ([ids[0]], False, 3)
    assert bench.tasks.search("ann", Search(limit=0)).more


def test_a_page_after_a_task_that_is_past_its_retention_is_refused_like_one_after_an_unknown_task(bench: Bench) -> None:
    task = bench.submitted()
    bench.tasks.succeed(bench.claimed(), VIDEO)
    bench.clock.now_ms += POLICY.retention_ms + 1
    for after in (task.id, "unknown"):
        with pytest.raises(InvalidRequest, match="after"):
            bench.tasks.search("ann", Search(after=after))
    with pytest.raises(BlobNotFound):
        bench.tasks.owner_of_file(VIDEO.key)


def test_a_remix_takes_over_all_but_the_prompt(bench: Bench) -> None:
    asked = VideoRequest("wanx2.1-t2v-turbo", "a cat", "rain", (832, 480), None, 9, False, True, 4)
    bench.tasks.submit(ANN, asked).result(0)
    task = bench.claimed()
    with pytest.raises(VideoNotReady, match="is RUNNING and has no video"):
        bench.tasks.submit(ANN, RemixRequest(task.id, "a dog"))
    bench.tasks.succeed(task, VIDEO)
    with pytest.raises(TaskNotFound):
        bench.tasks.submit(BEN, RemixRequest(task.id, "a dog"))
    remixed = bench.tasks.submit(ANN, RemixRequest(task.id, "a dog")).result(0)
    assert (remixed.remixed_from, remixed.state) == (task.id, State.PENDING)
    assert remixed.generation == replace(task.generation, prompt="a dog")
    with pytest.raises(ModelDenied):
        bench.tasks.submit(replace(ANN, models=frozenset()), RemixRequest(task.id, "a dog"))


def test_a_remix_and_a_submit_of_the_same_are_no_repeat_of_each_other(bench: Bench) -> None:
    bench.submitted()
    task = bench.claimed()
    bench.tasks.succeed(task, VIDEO)
    remixed = bench.tasks.submit(ANN, RemixRequest(task.id, "a cat"), RetryCount(0)).result(0)
    assert bench.tasks.submit(ANN, RemixRequest(task.id, "a cat"), RetryCount(1)).result(0) == remixed
    assert bench.tasks.submit(ANN, replace(REQUEST, seed=7), RetryCount(1)).result(0) != remixed


def test_only_a_waiting_task_is_canceled_where_only_that_is_asked(bench: Bench) -> None:
    waiting = bench.submitted()
    assert bench.tasks.cancel("ann", waiting.id, {State.PENDING}).state is State.CANCELED
    bench.submitted()
    running = bench.claimed()
    with pytest.raises(WrongState, match="is RUNNING"):
        bench.tasks.cancel("ann", running.id, {State.PENDING})
    assert bench.tasks.get("ann", running.id) == running


def test_a_deleted_task_is_forgotten_and_its_attempt_and_bill_are_not_touched(bench: Bench) -> None:
    bench.submitted()
    done = bench.claimed()
    bench.tasks.succeed(done, VIDEO)
    bench.submitted()
    running = bench.claimed()
    for task in (done, running):
        with pytest.raises(TaskNotFound):
            bench.tasks.delete("ben", task.id)
        bench.tasks.delete("ann", task.id)
        with pytest.raises(TaskNotFound):
            bench.tasks.delete("ann", task.id)
    assert not bench.tasks.renew(running, heartbeat(0.5))
    assert not bench.tasks.succeed(running, VIDEO)
    assert [row.task_id for row in bench.tasks.usage("ann")] == [done.id]


def test_a_delete_that_comes_second_says_that_the_task_is_unknown(bench: Bench) -> None:
    task = bench.submitted()

    class GoneMeanwhile(MemoryTasks):
        def get(self, account: str, task_id: str) -> Task | None:
            return bench.tasks.store.get(account, task_id)

    with pytest.raises(TaskNotFound):
        replace(bench.tasks, store=GoneMeanwhile(bench.clock)).delete("ann", task.id)


def test_a_search_knows_how_many_there_are_and_none_past_its_retention(bench: Bench) -> None:
    bench.submitted()
    old = bench.claimed()
    bench.tasks.succeed(old, VIDEO)
    bench.clock.now_ms += POLICY.retention_ms + 1
    tasks = [bench.submitted() for _ in range(3)]
    found = bench.tasks.search("ann", Search(limit=2, counted=True))
    assert (found.tasks, found.total, found.more) == (tasks[:0:-1], 3, True)
    rest = bench.tasks.search("ann", Search(limit=2, skip=2, counted=True))
    assert (rest.tasks, rest.total, rest.more) == (tasks[:1], 3, False)
    behind = bench.tasks.search("ann", Search(after=tasks[1].id))
    assert (behind.tasks, behind.total, behind.more) == (tasks[:1], None, False)
    one = Search(task_id=tasks[1].id, counted=True)
    own, another = (bench.tasks.search(account, one) for account in ("ann", "ben"))
    assert (own.tasks, another.tasks, another.total) == ([tasks[1]], [], 0)
    with pytest.raises(InvalidRequest, match="after: "):
        bench.tasks.search("ben", Search(after=tasks[1].id))


def test_a_video_is_there_once_its_task_has_made_it(bench: Bench) -> None:
    bench.submitted()
    task = bench.claimed()
    with pytest.raises(VideoNotReady):
        bench.tasks.with_file("ann", task.id)
    bench.tasks.succeed(task, VIDEO)
    assert bench.tasks.with_file("ann", task.id).video == VIDEO


@pytest.mark.parametrize("scene", ["", '{"leads": []}'])
def test_only_a_video_whose_engine_told_what_it_understood_has_that_file(bench: Bench, scene: str) -> None:
    bench.submitted()
    task = bench.claimed()
    made = replace(VIDEO, scene=scene)
    bench.tasks.succeed(task, made)
    if scene:
        assert bench.tasks.with_file("ann", task.id, Variant.SCENE).video == made
        with pytest.raises(TaskNotFound):
            bench.tasks.with_file("ben", task.id, Variant.SCENE)
    else:
        with pytest.raises(VideoNotReady):
            bench.tasks.with_file("ann", task.id, Variant.SCENE)


def test_progress_never_goes_back(bench: Bench) -> None:
    bench.submitted()
    first = bench.claimed()
    bench.tasks.renew(first, heartbeat(0.6))
    bench.tasks.fail(first, CRASH, retryable=True)
    again = bench.claimed()
    bench.tasks.renew(again, heartbeat(0.2))
    assert bench.tasks.get("ann", again.id).progress == 0.6
    bench.tasks.renew(again, heartbeat(0.7))
    assert bench.tasks.get("ann", again.id).progress == 0.7


BEFORE_CHOICES = "0488c9d717352d258195ac52778739f1f825cae7e359b9e2be6819111820e7d5"
EVERYTHING_BEFORE_CHOICES = "83d3c55364a851f73ea9d8c13742c9cd0c7134a07f1d79e93da4a0d78152e81c"
CARD = replace(
    MODELS["wan2.2-t2v-plus"],
    steps=40,
    choices=Choices(("exact", "fast"), (4, 60), (1.0, 8.0), (LoraChoice("ink"), LoraChoice("sketch"))),
)


def test_the_fingerprint_of_a_request_that_chooses_nothing_is_that_of_earlier_versions() -> None:
    """They are stored, and a repeat may come after an upgrade. The code of before choices computed these."""
    assert fingerprint(VideoRequest("wan2.2-t2v-plus", "a cat")) == BEFORE_CHOICES
    every = VideoRequest(
        "wan2.2-t2v-plus", "a cat", "a dog", (832, 480), 1, 7, True, False, 5, 832, 480, "480P", 150, 30, 40, 4.0
    )
    assert fingerprint(every) == EVERYTHING_BEFORE_CHOICES
    assert fingerprint(replace(every, webhook_url="")) != fingerprint(every)


@pytest.mark.parametrize(
    "other",
    [
        {"steps": 8},
        {"guidance_scale": 2.0},
        {"profile": "fast"},
        {"loras": (LoraRequest("ink"),)},
        {"loras": (LoraRequest("sketch", 0.5),)},
        {"loras": (LoraRequest("sketch"), LoraRequest("ink"))},
    ],
    ids=str,
)
def test_the_same_name_for_another_choice_is_refused(bench: Bench, other: dict[str, Any]) -> None:
    tasks = replace(bench.tasks, catalogue=lambda: {CARD.name: CARD})
    named, request = IdempotencyKey("mine"), replace(REQUEST, loras=(LoraRequest("sketch"),))
    first = tasks.submit(ANN, request, named).result(0)
    assert tasks.submit(ANN, request, named).result(0) == first
    with pytest.raises(InvalidRequest, match="Idempotency-Key"):
        tasks.submit(ANN, replace(request, **other), named).result(0)


def test_a_remix_takes_over_what_was_chosen(bench: Bench) -> None:
    tasks = replace(bench.tasks, catalogue=lambda: {CARD.name: CARD})
    request = replace(REQUEST, steps=8, guidance_scale=2.5, loras=(LoraRequest("ink", 0.5),))
    source = tasks.submit(ANN, request).result(0)
    claimed = tasks.claim("worker", MODELS)
    assert claimed is not None
    assert tasks.succeed(claimed, VIDEO)
    remixed = tasks.submit(ANN, RemixRequest(source.id, "a dog")).result(0)
    assert remixed.generation == replace(source.generation, prompt="a dog")
    assert remixed.generation.chosen == Chosen("", 8, 2.5, (LoraUse("ink", 0.5),))


def test_what_the_owner_no_longer_offers_cannot_be_remixed(bench: Bench) -> None:
    offered = {CARD.name: CARD}
    tasks = replace(bench.tasks, catalogue=lambda: offered)
    source = tasks.submit(ANN, replace(REQUEST, loras=(LoraRequest("ink"),))).result(0)
    claimed = tasks.claim("worker", MODELS)
    assert claimed is not None
    assert tasks.succeed(claimed, VIDEO)
    offered[CARD.name] = replace(CARD, choices=NO_CHOICES)
    with pytest.raises(InvalidRequest, match=r"loras: .*the owner of this server allows no choice of LoRAs"):
        tasks.submit(ANN, RemixRequest(source.id, "a dog"))
