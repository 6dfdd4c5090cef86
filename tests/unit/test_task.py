"""The life of a task: every move that the table allows, and none beside."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import VIDEO, new_task
from wanserve.domain.attempt import Fault
from wanserve.domain.errors import WrongState
from wanserve.domain.task import NEXT, UNFINISHED, Failed, Failure, Requeued, State, Succeeded, Task, Usage

MOVES: dict[State, Callable[[Task], Task]] = {
    State.RUNNING: lambda task: task.claimed("worker", 2000, 3000),
    State.SUCCEEDED: lambda task: task.settled(Succeeded(VIDEO), 4000),
    State.FAILED: lambda task: task.settled(Failed(Failure("engine_failed", "no")), 4000),
    State.CANCELED: lambda task: task.canceled(4000),
    State.PENDING: lambda task: task.settled(Requeued(Fault.TASK), 1),
}


def brought_to(state: State) -> Task:
    """A task that came to this state by allowed moves."""
    task = new_task()
    if state is State.PENDING:
        return task
    if state is State.CANCELED:
        return MOVES[State.CANCELED](task)
    running = MOVES[State.RUNNING](task)
    return running if state is State.RUNNING else MOVES[state](running)


@pytest.mark.parametrize("start", State)
@pytest.mark.parametrize("end", State)
def test_only_the_moves_of_the_table_are_made(start: State, end: State) -> None:
    task = brought_to(start)
    if end in NEXT[start]:
        assert MOVES[end](task).state is end
    else:
        with pytest.raises(WrongState, match=f"is {start} and cannot become {end}"):
            MOVES[end](task)


def test_what_can_still_move_is_what_has_not_ended() -> None:
    assert {State.PENDING, State.RUNNING} == UNFINISHED


def test_a_claim_is_a_new_attempt_with_a_lease() -> None:
    task = new_task().claimed("worker", 2000, 3000)
    assert (task.attempt, task.started_ms, task.lease_until_ms, task.progress) == (1, 2000, 3000, 0.0)


def test_a_requeued_task_waits_as_if_it_had_not_run_and_keeps_its_fence() -> None:
    task = new_task().claimed("worker", 2000, 3000).settled(Requeued(Fault.TASK), 1)
    assert (task.attempt, task.attempts_spent, task.started_ms, task.lease_until_ms) == (1, 1, None, None)
    assert task.claimed("worker", 5000, 6000).attempt == 2


def test_a_drained_attempt_is_not_spent() -> None:
    running = new_task().claimed("worker", 2000, 3000)
    waits = [running.settled(Requeued(fault), 1) for fault in (None, *Fault)]
    counts = [(waiting.attempts_spent, waiting.losses) for waiting in waits]
    assert counts == [(0, 0), (1, 0), (0, 1), (0, 1), (0, 1)]


def test_an_ended_task_has_its_end_and_no_lease() -> None:
    for move in (State.SUCCEEDED, State.FAILED, State.CANCELED):
        ended = brought_to(move)
        assert (ended.ended_ms, ended.lease_until_ms) == (4000, None)


@given(st.lists(st.sampled_from(list(State)), max_size=12))
def test_the_attempt_never_goes_back(ends: list[State]) -> None:
    task = new_task()
    for end in ends:
        if end in NEXT[task.state]:
            moved = MOVES[end](task)
            assert moved.attempt >= task.attempt
            assert moved.attempts_spent >= task.attempts_spent
            task = moved


def test_usage_is_one_row_of_what_was_made() -> None:
    task = brought_to(State.SUCCEEDED)
    assert task.usage() == Usage(task.id, "ann", "wan2.2-t2v-plus", 64, 64, 0.2, "animatic", 4000)


def test_there_is_no_usage_without_a_video() -> None:
    with pytest.raises(WrongState, match="has made no video"):
        new_task().usage()


def test_a_device_is_busy_with_a_canceled_task_until_its_worker_has_stopped() -> None:
    assert not new_task().canceled(2000).device_busy, "nobody had it"
    running = new_task().claimed("worker", 2000, 3000)
    assert not running.device_busy, "it was not canceled"
    canceled = running.canceled(2500)
    assert canceled.device_busy
    freed = canceled.freed()
    assert not freed.device_busy
    assert freed.changes == canceled.changes, "streams tell of an end once"
    waits_again = running.settled(Requeued(Fault.WORKER), 2500).canceled(2600)
    assert waits_again.worker_id is not None
    assert not waits_again.device_busy, "its attempt was lost before"
    with pytest.raises(WrongState, match="was not canceled"):
        running.freed()


def test_a_clock_that_is_set_back_lets_nothing_end_before_it_began() -> None:
    running = new_task(submitted_ms=9000).claimed("worker", 2000, 3000)
    assert running.started_ms == 9000
    assert running.settled(Succeeded(VIDEO), 4000).ended_ms == 9000
    assert running.settled(Failed(Failure("engine_failed", "no")), 4000).ended_ms == 9000
    assert new_task(submitted_ms=9000).canceled(4000).ended_ms == 9000
