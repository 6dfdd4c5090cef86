"""The pool of upstreams, with a clock and checks that the test decides: shares, room, health, and who has which task."""

import threading
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from tests.samples import new_task
from wanserve.domain.attempt import Fault, Outcome
from wanserve.domain.errors import (
    StoreUnavailable,
    UpstreamBusy,
    UpstreamDenied,
    UpstreamFailed,
    UpstreamForgot,
    UpstreamRefused,
)
from wanserve.domain.task import Task
from wanserve.domain.worker import UpstreamUse
from wanserve.models.upstream import Dialect, Upstream
from wanserve.worker import assignments as assignments_module
from wanserve.worker import upstream_pool
from wanserve.worker.assignments import Assignments
from wanserve.worker.ports import Claimed
from wanserve.worker.protocol import Crashed
from wanserve.worker.upstream_pool import BUSY_SECONDS, PAUSES_SECONDS, UpstreamPool, in_thread

LARGE, SMALL = "wan2.2-t2v-plus", "wanx2.1-t2v-turbo"
FAILED = Crashed(UpstreamFailed.code, "it broke", retryable=True, fault=Fault.UPSTREAM)
DENIED = Crashed(UpstreamDenied.code, "it does not accept the key", retryable=True, fault=Fault.UPSTREAM)
FORGOT = Crashed(UpstreamForgot.code, "it forgot the task", retryable=True, fault=Fault.UPSTREAM)
BUSY = Crashed(UpstreamBusy.code, "it is busy", retryable=True, fault=Fault.UPSTREAM, retry_after_s=7.0)
REFUSED = Crashed(UpstreamRefused.code, "it refused", retryable=False)
KILLED = Crashed("worker_died", "killed", retryable=True, fault=Fault.WORKER)


def upstream(name: str, *models: str, weight: int = 1, concurrency: int = 8) -> Upstream:
    return Upstream(
        name,
        f"http://{name}",
        Dialect.OPENAI,
        {model: model for model in models or (LARGE,)},
        weight=weight,
        concurrency=concurrency,
    )


class Stage:
    """A pool whose checks run when the test says so."""

    def __init__(self, folder: Path, *upstreams: Upstream, problems: dict[str, str] | None = None) -> None:
        self.now = 0.0
        self.found: dict[str, str | None] = {}
        self.checks: list[Callable[[], None]] = []
        self.checked: list[str] = []
        self.folder = folder / "notes"
        self.offered: list[set[str]] = []
        self.pool = UpstreamPool(
            upstreams, Assignments(self.folder), self._check, problems, self.checks.append, lambda: self.now
        )

    def _check(self, upstream: Upstream) -> str | None:
        self.checked.append(upstream.name)
        return self.found.get(upstream.name)

    def claim(self, task: Task | None = None, models: Collection[str] = (LARGE, SMALL)) -> Claimed | None:
        waiting = new_task() if task is None else task

        def claim(possible: Collection[str]) -> Task | None:
            self.offered.append(set(possible))
            return waiting if waiting.generation.model in possible else None

        return self.pool.claim(models, claim)

    def claimed(self, task: Task | None = None) -> Claimed:
        found = self.claim(task)
        assert found is not None
        return found

    def names(self, count: int) -> list[str | None]:
        """Who gets so many tasks, each of which ends before the next."""
        got = []
        for _ in range(count):
            claimed = self.claimed()
            self.pool.ended(claimed, Outcome.MADE, None)
            got.append(claimed.upstream)
        return got

    def run_checks(self) -> None:
        due, self.checks[:] = list(self.checks), []
        for check in due:
            check()


def test_weights_are_kept_exactly_and_smoothly(tmp_path: Path) -> None:
    stage = Stage(tmp_path, upstream("a", weight=3), upstream("b", weight=1))
    assert stage.names(8) == ["a", "a", "b", "a", "a", "a", "b", "a"]


def test_weights_of_three(tmp_path: Path) -> None:
    stage = Stage(tmp_path, upstream("a", weight=5), upstream("b"), upstream("c"))
    got = stage.names(70)
    assert Counter(got) == {"a": 50, "b": 10, "c": 10}
    assert got[:7] == ["a", "a", "b", "a", "c", "a", "a"]


def test_an_upstream_gets_as_many_tasks_as_it_has_room_for(tmp_path: Path) -> None:
    stage = Stage(tmp_path, upstream("a", concurrency=1, weight=100), upstream("b", concurrency=2))
    held = [stage.claimed() for _ in range(3)]
    assert Counter(claimed.upstream for claimed in held) == {"a": 1, "b": 2}
    stage.offered.clear()
    assert stage.claim() is None
    assert stage.offered == [], "no task is looked for without room"
    stage.pool.ended(held[0], Outcome.MADE, None)
    assert stage.claimed().upstream == held[0].upstream


def test_only_models_of_open_upstreams_are_claimed(tmp_path: Path) -> None:
    stage = Stage(tmp_path, upstream("a", LARGE, concurrency=1), upstream("b", SMALL))
    stage.claimed()
    assert stage.claim() is None
    assert stage.offered == [{LARGE, SMALL}, {SMALL}]
    assert stage.claimed(new_task(model=SMALL)).upstream == "b"


def test_only_the_workers_own_models_are_claimed(tmp_path: Path) -> None:
    stage = Stage(tmp_path, upstream("a", LARGE, SMALL))
    assert stage.claim(models=[SMALL]) is None
    assert stage.offered == [{SMALL}]


def test_a_table_that_cannot_be_read_takes_no_room(tmp_path: Path) -> None:
    stage = Stage(tmp_path, upstream("a", concurrency=1))

    def broken(models: Collection[str]) -> Task | None:
        raise StoreUnavailable("gone")

    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            stage.pool.claim([LARGE], broken)
    assert stage.claimed().upstream == "a"


def test_an_upstream_that_failed_is_out_until_a_check_passes(tmp_path: Path) -> None:
    stage = Stage(tmp_path, upstream("a"), upstream("b"))
    stage.pool.ended(stage.claimed(), Outcome.LOST, FAILED)
    assert stage.pool.unavailable() == {"a": "it broke"}
    assert stage.names(3) == ["b", "b", "b"]
    assert stage.checks == [], "not before the pause is over"
    stage.now = PAUSES_SECONDS[0]
    stage.names(1)
    stage.names(1)
    assert len(stage.checks) == 1, "one check at a time"
    stage.run_checks()
    assert stage.checked == ["a"]
    assert stage.pool.unavailable() == {}
    assert "a" in stage.names(2)


def test_what_each_upstream_does_is_told(tmp_path: Path) -> None:
    stage = Stage(tmp_path, upstream("a"), upstream("b"))
    assert stage.pool.use() == dict.fromkeys("ab", UpstreamUse(0, gets_tasks=True, failed=0))
    lost, made = stage.claimed(), stage.claimed()
    assert stage.pool.use() == dict.fromkeys("ab", UpstreamUse(1, gets_tasks=True, failed=0))
    stage.pool.ended(lost, Outcome.LOST, FAILED)
    stage.pool.ended(made, Outcome.MADE, None)
    assert stage.pool.use() == {
        "a": UpstreamUse(0, gets_tasks=False, failed=1),
        "b": UpstreamUse(0, gets_tasks=True, failed=0),
    }


def test_the_pause_grows_with_each_check_that_fails(tmp_path: Path) -> None:
    stage = Stage(tmp_path, upstream("a"))
    stage.found["a"] = "still broken"
    stage.pool.ended(stage.claimed(), Outcome.LOST, FAILED)
    pauses = []
    for _ in range(len(PAUSES_SECONDS) + 2):
        begun = stage.now
        while not stage.checks:
            stage.now += 0.5
            assert stage.claim() is None
        pauses.append(stage.now - begun)
        stage.run_checks()
    assert pauses == [*PAUSES_SECONDS, PAUSES_SECONDS[-1], PAUSES_SECONDS[-1]]
    assert stage.pool.problem() == "upstream a is out: still broken"


def test_the_pauses_go_on_growing_where_checks_pass_and_tasks_fail(tmp_path: Path) -> None:
    stage = Stage(tmp_path, upstream("a"))
    for pause in PAUSES_SECONDS[:3]:
        stage.pool.ended(stage.claimed(), Outcome.LOST, FAILED)
        stage.now += pause - 0.25
        assert stage.claim() is None
        assert stage.checks == []
        stage.now += 0.25
        assert stage.claim() is None
        stage.run_checks()


def test_after_a_failure_it_gets_one_task_at_a_time_until_one_is_made(tmp_path: Path) -> None:
    stage = Stage(tmp_path, upstream("a", concurrency=3))
    stage.pool.ended(stage.claimed(), Outcome.LOST, FAILED)
    stage.now += PAUSES_SECONDS[0]
    stage.claim()
    stage.run_checks()
    trial = stage.claimed()
    assert stage.claim() is None
    stage.pool.ended(trial, Outcome.MADE, None)
    assert len([stage.claimed() for _ in range(3)]) == 3


def test_tasks_that_fail_at_the_same_time_count_once(tmp_path: Path) -> None:
    stage = Stage(tmp_path, upstream("a"))
    for claimed in [stage.claimed() for _ in range(5)]:
        stage.pool.ended(claimed, Outcome.LOST, FAILED)
    stage.now += PAUSES_SECONDS[0]
    stage.claim()
    assert len(stage.checks) == 1


def test_a_task_that_an_upstream_lost_goes_elsewhere(tmp_path: Path) -> None:
    stage = Stage(tmp_path, upstream("a", weight=10), upstream("b"))
    task = new_task()
    stage.pool.ended(stage.claimed(task), Outcome.LOST, FORGOT)
    stage.now += PAUSES_SECONDS[0]
    stage.claim(new_task(model=SMALL))
    stage.run_checks()
    assert stage.pool.unavailable() == {}
    assert stage.claimed(task).upstream == "b"


def test_a_task_goes_back_to_where_it_was_lost_where_nobody_else_has_room(tmp_path: Path) -> None:
    stage = Stage(tmp_path, upstream("a"), upstream("b", concurrency=1))
    task = new_task()
    stage.pool.ended(stage.claimed(task), Outcome.LOST, FORGOT)
    assert stage.claimed().upstream == "b"
    stage.now += PAUSES_SECONDS[0]
    stage.claim(new_task(model=SMALL))
    stage.run_checks()
    assert stage.claimed(task).upstream == "a"


def test_what_is_remembered_of_lost_tasks_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream_pool, "AVOIDED_TASKS", 2)
    stage = Stage(tmp_path, upstream("a"))
    for _ in range(5):
        stage.pool.ended(stage.claimed(), Outcome.LOST, FORGOT)
        stage.now += PAUSES_SECONDS[-1]
        stage.claim()
        stage.run_checks()
    assert len(stage.pool._avoided) == 2


def test_a_busy_upstream_gets_no_task_until_it_said(tmp_path: Path) -> None:
    stage = Stage(tmp_path, upstream("a", concurrency=2))
    stage.pool.ended(stage.claimed(), Outcome.GIVEN_BACK, BUSY)
    assert stage.pool.unavailable() == {"a": "it takes no task now"}
    assert stage.pool.problem() is None, "it is not broken"
    stage.now = 6.9
    assert stage.claim() is None
    stage.now = 7.0
    assert [stage.claimed().upstream for _ in range(2)] == ["a", "a"]
    assert stage.checks == []


def test_an_upstream_that_is_busy_for_long_is_a_problem_until_it_takes_a_task(tmp_path: Path) -> None:
    stage = Stage(tmp_path, upstream("a"))
    while stage.now < BUSY_SECONDS:
        assert stage.pool.problem() is None
        stage.pool.ended(stage.claimed(), Outcome.GIVEN_BACK, BUSY)
        stage.now += 7
    assert stage.pool.problem() == "upstream a has taken no task for 60 s: it says that it is busy"
    stage.pool.ended(stage.claimed(), Outcome.MADE, None)
    assert stage.pool.problem() is None


@pytest.mark.parametrize("crash", [REFUSED, KILLED])
def test_what_is_not_the_upstreams_fault_leaves_it_in(tmp_path: Path, crash: Crashed) -> None:
    stage = Stage(tmp_path, upstream("a"))
    stage.pool.ended(stage.claimed(), Outcome.LOST, crash)
    assert stage.pool.unavailable() == {}
    assert stage.claimed().upstream == "a"


def test_a_claim_whose_end_nobody_knows_frees_its_room(tmp_path: Path) -> None:
    stage = Stage(tmp_path, upstream("a", concurrency=1))
    stage.pool.ended(stage.claimed(), None, None)
    assert stage.claimed().upstream == "a"


def test_where_all_are_out_one_line_says_why(tmp_path: Path) -> None:
    stage = Stage(tmp_path, upstream("a"), upstream("b"), problems={"b": "it cannot be reached"})
    assert stage.pool.problem() is None
    stage.pool.ended(stage.claimed(), Outcome.LOST, DENIED)
    line = "upstream a is out: it does not accept the key; upstream b is out: it cannot be reached"
    assert stage.pool.problem() == line


def test_what_the_first_checks_found_counts_from_the_start(tmp_path: Path) -> None:
    stage = Stage(tmp_path, upstream("a"), problems={"a": "it cannot be reached"})
    assert stage.claim() is None
    stage.now = PAUSES_SECONDS[0]
    assert stage.pool.problem() == "upstream a is out: it cannot be reached"
    stage.run_checks()
    assert stage.pool.problem() is None


def test_a_check_that_raises_is_a_check_that_failed(tmp_path: Path) -> None:
    stage = Stage(tmp_path, upstream("a"), problems={"a": "down"})

    def broken(upstream: Upstream) -> str | None:
        raise ZeroDivisionError

    stage.pool._check = broken
    stage.now = PAUSES_SECONDS[0]
    stage.claim()
    stage.run_checks()
    assert stage.pool.unavailable() == {"a": "it could not be checked"}


def test_a_check_has_a_thread_of_its_own() -> None:
    done = threading.Event()
    in_thread(done.set)
    assert done.wait(60)


@pytest.mark.parametrize(("outcome", "crash"), [(Outcome.GIVEN_BACK, None), (Outcome.LOST, KILLED), (None, None)])
def test_a_task_that_an_upstream_still_has_goes_back_there_also_after_a_restart(
    tmp_path: Path, outcome: Outcome | None, crash: Crashed | None
) -> None:
    upstreams = [upstream("a", weight=100), upstream("b")]
    stage = Stage(tmp_path, *upstreams)
    while (claimed := stage.claimed()).upstream != "b":
        stage.pool.ended(claimed, Outcome.MADE, None)
    stage.pool.ended(claimed, outcome, crash)
    assert stage.claimed(claimed.task).upstream == "b"
    restarted = Stage(tmp_path, *upstreams)
    assert restarted.claimed(claimed.task).upstream == "b"
    assert restarted.claimed().upstream == "a"


@pytest.mark.parametrize(
    ("outcome", "crash"),
    [
        (Outcome.MADE, None),
        (Outcome.CANCELED, None),
        (Outcome.LOST, FAILED),
        (Outcome.LOST, REFUSED),
        (Outcome.GIVEN_BACK, BUSY),
    ],
)
def test_a_task_that_no_upstream_has_any_more_is_not_noted(
    tmp_path: Path, outcome: Outcome, crash: Crashed | None
) -> None:
    stage = Stage(tmp_path, upstream("a"))
    claimed = stage.claimed()
    assert [file.name for file in stage.folder.iterdir()] == [claimed.task.id]
    stage.pool.ended(claimed, outcome, crash)
    assert list(stage.folder.iterdir()) == []


def test_an_upstream_that_is_out_is_not_waited_for_by_its_task(tmp_path: Path) -> None:
    stage = Stage(tmp_path, upstream("a"), upstream("b"))
    first, second = stage.claimed(), stage.claimed()
    stage.pool.ended(first, None, None)
    stage.pool.ended(second, Outcome.LOST, FAILED)
    assert {first.upstream, second.upstream} == {"a", "b"}
    stage.pool.ended(stage.claimed(first.task), Outcome.LOST, FAILED)
    stage.now += PAUSES_SECONDS[0]
    stage.claim()
    stage.checks[:] = stage.checks[1:]
    stage.run_checks()
    assert stage.claimed(first.task).upstream == second.upstream


def test_notes_that_cannot_be_written_or_read_stop_nothing(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("in the way")
    stage = Stage(tmp_path, upstream("a"))
    claimed = stage.claimed()
    stage.pool.ended(claimed, None, None)
    assert stage.claimed(claimed.task).upstream == "a"
    stage.pool.ended(claimed, Outcome.MADE, None)


def test_old_notes_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "task").write_text("a")
    assert Assignments(tmp_path).get("task") == "a"
    monkeypatch.setattr(assignments_module, "KEPT_SECONDS", -1)
    assert Assignments(tmp_path).get("task") is None
    assert list(tmp_path.iterdir()) == []


def test_claims_come_one_after_another(tmp_path: Path) -> None:
    """Between the look for room and the choice, nobody else may take it."""
    stage = Stage(tmp_path, upstream("a", concurrency=1))
    other_inside, other_got = threading.Event(), list[Claimed | None]()

    def other_claim(models: Collection[str]) -> Task | None:
        other_inside.set()
        return new_task()

    other = threading.Thread(target=lambda: other_got.append(stage.pool.claim([LARGE], other_claim)))

    def claim(models: Collection[str]) -> Task | None:
        other.start()
        # The only bounded wait for something that must not come.
        assert not other_inside.wait(0.2)
        return new_task()

    assert stage.pool.claim([LARGE], claim) is not None
    other.join()
    assert other_got == [None]


def test_many_workers_never_take_more_than_there_is_room_for(tmp_path: Path) -> None:
    stage = Stage(tmp_path, upstream("a", concurrency=3, weight=2), upstream("b", concurrency=2))
    running: Counter[str | None] = Counter()
    most: Counter[str | None] = Counter()
    guard = threading.Lock()

    def work() -> None:
        for _ in range(50):
            claimed = stage.claim()
            if claimed is None:
                continue
            with guard:
                running[claimed.upstream] += 1
                most[claimed.upstream] = max(most[claimed.upstream], running[claimed.upstream])
            with guard:
                running[claimed.upstream] -= 1
            stage.pool.ended(claimed, Outcome.MADE, None)

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most["a"] <= 3
    assert most["b"] <= 2
    assert sum(member.running for member in stage.pool._members.values()) == 0
