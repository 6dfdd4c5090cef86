"""The contract of WebhookStore, on each implementation: the outbox is written with the end of a task."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests import needs
from tests.contract.stores import STORES
from tests.postgres import shared_database
from tests.samples import VIDEO, unaccepted
from wanserve.domain.attempt import Fault
from wanserve.domain.ports import TaskStore
from wanserve.domain.task import UNFINISHED, Failed, Failure, Requeued, Settlement, Succeeded, Task
from wanserve.domain.webhook_store import DeliverySearch, Due, NewEndpoint, WebhookStore
from wanserve.domain.webhooks import Delivery, DeliveryState, EventType, Tried
from wanserve.store.memory import MemoryTasks
from wanserve.store.memory_webhooks import MemoryWebhooks
from wanserve.store.sqlite.database import Database
from wanserve.store.sqlite.tasks import SqliteTasks
from wanserve.store.sqlite.webhooks import SqliteWebhooks

OK = Tried(204)
BROKEN = Tried(500, "the receiver answered 500")
HOOK = NewEndpoint("we_1", "ann", "https://ann.example/hook", tuple(EventType), "whsec_one")
ALL = DeliverySearch()
MADE = Succeeded(VIDEO)


@dataclass
class Table:
    """A store of tasks with its webhooks, and their clock."""

    tasks: TaskStore = field(init=False)
    hooks: WebhookStore = field(init=False)
    now_ms: int = 1000

    def clock(self) -> int:
        return self.now_ms

    def running(self, account: str = "ann", webhook_url: str | None = None) -> Task:
        """A task that runs."""
        new = replace(unaccepted(account), webhook_url=webhook_url)
        task = self.tasks.add(new, 100).result()
        while (claimed := self.tasks.claim("worker", [task.generation.model], 60, None)) is not None:
            if claimed.id == task.id:
                return claimed
        raise AssertionError("it waits")

    def ended(self, settlement: Settlement = MADE, webhook_url: str | None = None) -> Task:
        """A task that has ended so."""
        task = self.running(webhook_url=webhook_url)
        assert self.tasks.settle(task, settlement)
        return task

    def outbox(self) -> list[Delivery]:
        return list(self.hooks.deliveries(ALL))

    def take_one(self) -> Delivery:
        (due,) = self.hooks.due()
        (taken,) = self.hooks.take(due.destination, 5, 60_000)
        return taken


@contextmanager
def opened(name: str, folder: Path, table: Table) -> Iterator[tuple[TaskStore, WebhookStore]]:
    if name == "memory":
        hooks = MemoryWebhooks(table.clock)
        yield MemoryTasks(table.clock, hooks.task_ended), hooks
    elif name == "sqlite":
        with closing(Database(folder / "tasks.db")) as database:
            yield SqliteTasks(database, table.clock), SqliteWebhooks(database, table.clock)
    else:
        needs.library("psycopg")
        from wanserve.store.postgres.database import PostgresDatabase
        from wanserve.store.postgres.tasks import PostgresTasks
        from wanserve.store.postgres.webhooks import PostgresWebhooks

        with (
            closing(PostgresDatabase(shared_database())) as server,
            closing(PostgresTasks(server, table.clock)) as tasks,
        ):
            yield tasks, PostgresWebhooks(server, table.clock)


@pytest.fixture(params=STORES)
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Table]:
    made = Table()
    with opened(request.param, tmp_path, made) as (made.tasks, made.hooks):
        yield made


def test_the_end_of_a_task_is_in_the_outbox_and_nothing_else_is(table: Table) -> None:
    table.hooks.add_endpoint(HOOK, 5)
    task = table.running()
    table.tasks.settle(task, Requeued())
    assert table.outbox() == []
    table.now_ms = 5000
    again = table.tasks.claim("worker", [task.generation.model], 60, None)
    assert again is not None
    assert table.tasks.settle(again, Succeeded(VIDEO))
    (row,) = table.outbox()
    assert row == Delivery(
        f"msg_{task.id.replace('-', '')}_1",
        task.id,
        "ann",
        EventType.COMPLETED,
        "we_1",
        None,
        "we_1",
        task.generation.model,
        None,
        None,
        5000,
        next_ms=5000,
    )
    # An end that comes too late writes nothing.
    assert not table.tasks.settle(task, Succeeded(VIDEO))
    assert len(table.outbox()) == 1


def test_each_kind_of_end_is_its_own_event(table: Table) -> None:
    table.hooks.add_endpoint(HOOK, 5)
    failed = table.ended(Failed(Failure("engine_failed", "it would not"), Fault.TASK))
    canceled = table.running()
    table.tasks.cancel("ann", canceled.id, UNFINISHED)
    rows = {row.task_id: row for row in table.outbox()}
    assert (rows[failed.id].event, rows[failed.id].failure_code) == (EventType.FAILED, "engine_failed")
    assert rows[failed.id].failure_message == "it would not"
    assert (rows[canceled.id].event, rows[canceled.id].failure_code) == (EventType.CANCELED, None)
    # Canceled once.
    assert table.tasks.cancel("ann", canceled.id, UNFINISHED) is None
    assert len(table.outbox()) == 2


def test_a_task_that_is_deleted_has_not_ended(table: Table) -> None:
    table.hooks.add_endpoint(HOOK, 5)
    running, ended = table.running(), table.ended()
    table.tasks.remove("ann", running.id)
    table.tasks.remove("ann", ended.id)
    assert [row.task_id for row in table.outbox()] == [ended.id]


def test_only_who_asked_for_it_is_told(table: Table) -> None:
    failures = replace(HOOK, id="we_2", events=(EventType.FAILED,))
    others = replace(HOOK, id="we_3", account="ben")
    for new in (HOOK, failures, others, replace(HOOK, id="we_4")):
        assert table.hooks.add_endpoint(new, 5) is not None
    table.hooks.disable_endpoint("we_4", "for a test")
    table.ended()
    assert [row.endpoint_id for row in table.outbox()] == ["we_1"]
    table.hooks.enable_endpoint("we_4")
    table.ended(Failed(Failure("engine_failed", "no"), Fault.TASK))
    assert {row.endpoint_id for row in table.outbox() if row.event is EventType.FAILED} == {"we_1", "we_2", "we_4"}


def test_the_url_of_a_task_is_told_too(table: Table) -> None:
    table.hooks.add_endpoint(HOOK, 5)
    url = "https://one.example:8443/path?token=x"
    task = table.ended(webhook_url=url)
    assert task.webhook_url == url
    own = next(row for row in table.outbox() if row.endpoint_id is None)
    assert (own.id, own.url) == (f"msg_{task.id.replace('-', '')}", url)
    assert own.destination == "ann https://one.example:8443"
    assert {due.destination for due in table.hooks.due()} == {own.destination, "we_1"}
    plain = table.ended(webhook_url="http://h/")
    assert next(row for row in table.outbox() if row.task_id == plain.id and row.url).destination == "ann http://h"


def test_endpoints_are_kept_listed_and_counted(table: Table) -> None:
    first = table.hooks.add_endpoint(HOOK, 2)
    table.now_ms += 1
    second = table.hooks.add_endpoint(replace(HOOK, id="we_2", events=(EventType.FAILED,)), 2)
    assert first is not None
    assert second is not None
    assert (first.events, first.created_ms, second.events) == (tuple(EventType), 1000, (EventType.FAILED,))
    assert table.hooks.add_endpoint(replace(HOOK, id="we_3"), 2) is None
    theirs = table.hooks.add_endpoint(replace(HOOK, id="we_3", account="ben"), 2)
    assert table.hooks.endpoints("ann") == [first, second]
    assert table.hooks.endpoints(None) == [first, second, theirs]
    assert table.hooks.endpoint("we_2") == second
    assert table.hooks.endpoint("we_9") is None
    assert "whsec" not in repr(first)


def test_a_rotation_keeps_the_old_secret_for_a_while(table: Table) -> None:
    table.hooks.add_endpoint(HOOK, 5)
    assert table.hooks.rotate_secret("we_1", "whsec_two", 500)
    rotated = table.hooks.endpoint("we_1")
    assert rotated is not None
    assert rotated.secrets(1499) == ("whsec_two", "whsec_one")
    assert rotated.secrets(1500) == ("whsec_two",)
    assert not table.hooks.rotate_secret("we_9", "whsec_two", 500)


def test_the_first_secret_of_an_account_stays(table: Table) -> None:
    assert table.hooks.account_secrets("ann", "whsec_a") == ("whsec_a",)
    assert table.hooks.account_secrets("ann", "whsec_b") == ("whsec_a",)
    assert table.hooks.account_secrets("ben", "whsec_b") == ("whsec_b",)


def test_an_accounts_secret_is_rotated_and_the_one_before_it_signs_for_a_while(table: Table) -> None:
    table.hooks.account_secrets("ann", "whsec_a")
    table.hooks.rotate_account_secret("ann", "whsec_b", 500)
    assert table.hooks.account_secrets("ann", "whsec_x") == ("whsec_b", "whsec_a")
    table.now_ms += 500
    assert table.hooks.account_secrets("ann", "whsec_x") == ("whsec_b",)
    table.hooks.rotate_account_secret("cyd", "whsec_c", 500)
    assert table.hooks.account_secrets("cyd", "whsec_x") == ("whsec_c",), "there was none before"


def test_a_delivery_is_taken_once_and_again_after_its_lease(table: Table) -> None:
    table.hooks.add_endpoint(HOOK, 5)
    tasks = []
    for _ in range(3):
        table.now_ms += 1
        tasks.append(table.ended().id)
    assert table.hooks.due() == [Due("we_1", "ann")]
    taken = table.hooks.take("we_1", 2, 1000)
    assert {row.task_id for row in taken} == set(tasks[:2])
    assert [row.task_id for row in table.hooks.take("we_1", 2, 1000)] == tasks[2:]
    assert table.hooks.due() == []
    table.now_ms += 1000
    assert len(table.hooks.take("we_1", 9, 1000)) == 3


def test_a_delivery_that_is_given_back_is_due_at_once(table: Table) -> None:
    table.hooks.add_endpoint(HOOK, 5)
    table.ended()
    taken = table.take_one()
    assert table.hooks.due() == []
    table.hooks.give_back(taken)
    assert table.take_one().tries == 0
    # What was noted meanwhile stays as it is.
    table.hooks.note(taken, OK, None)
    table.hooks.give_back(taken)
    assert table.hooks.due() == []


def test_a_success_ends_a_delivery(table: Table) -> None:
    table.hooks.add_endpoint(HOOK, 5)
    table.ended()
    assert table.hooks.waiting() == 1
    taken = table.take_one()
    table.now_ms = 2000
    assert table.hooks.note(taken, OK, None) is None
    (row,) = table.outbox()
    assert (row.state, row.tries, row.next_ms, row.tried_ms, row.status, row.error) == (
        DeliveryState.DELIVERED,
        1,
        None,
        2000,
        204,
        None,
    )
    assert table.hooks.waiting() == 0
    # A note that comes late changes nothing.
    table.hooks.note(taken, BROKEN, 10)
    assert table.outbox() == [row]


def test_a_failure_is_tried_again_until_its_tries_are_used_up(table: Table) -> None:
    table.hooks.add_endpoint(HOOK, 5)
    table.ended()
    assert table.hooks.note(table.take_one(), BROKEN, 500) == 1000
    (row,) = table.outbox()
    assert (row.state, row.tries, row.next_ms, row.status) == (DeliveryState.PENDING, 1, 1500, 500)
    assert table.hooks.due() == []
    table.now_ms = 1500
    # Failing since its first failure, until it succeeds.
    assert table.hooks.note(table.take_one(), BROKEN, None) == 1000
    (row,) = table.outbox()
    assert (row.state, row.tries, row.next_ms) == (DeliveryState.FAILED, 2, None)
    table.ended()
    assert table.hooks.note(table.take_one(), OK, None) is None
    known = table.hooks.endpoint("we_1")
    assert known is not None
    assert known.failing_since_ms is None
    assert [each.id for each in table.hooks.deliveries(DeliverySearch(failed_only=True))] == [row.id]


@pytest.mark.parametrize("how", ["disabled", "removed"])
def test_what_waits_for_an_endpoint_that_is_gone_has_failed(table: Table, how: str) -> None:
    table.hooks.add_endpoint(HOOK, 5)
    table.hooks.add_endpoint(replace(HOOK, id="we_2"), 5)
    table.ended()
    if how == "disabled":
        assert table.hooks.disable_endpoint("we_1", "it is gone")
        assert not table.hooks.disable_endpoint("we_1", "once more")
        known = table.hooks.endpoint("we_1")
        assert known is not None
        assert (known.disabled_ms, known.disabled_why) == (1000, "it is gone")
    else:
        assert table.hooks.remove_endpoint("we_1")
        assert not table.hooks.remove_endpoint("we_1")
    states = {row.endpoint_id: (row.state, row.error) for row in table.outbox()}
    assert states["we_1"] == (
        DeliveryState.FAILED,
        "it is gone" if how == "disabled" else "the endpoint was removed",
    )
    assert states["we_2"] == (DeliveryState.PENDING, None)
    table.ended()
    assert len([row for row in table.outbox() if row.endpoint_id == "we_1"]) == 1


def test_what_nobody_knows_is_not_changed(table: Table) -> None:
    assert not table.hooks.enable_endpoint("we_9")
    assert not table.hooks.disable_endpoint("we_9", "no")
    assert not table.hooks.replay("msg_9")


def test_a_replay_begins_again_with_the_same_id(table: Table) -> None:
    table.hooks.add_endpoint(HOOK, 5)
    table.ended()
    first = table.take_one()
    table.hooks.note(first, BROKEN, None)
    table.now_ms = 9000
    assert table.hooks.replay(first.id)
    again = table.take_one()
    assert (again.id, again.tries, again.state, again.error) == (first.id, 0, DeliveryState.PENDING, None)


def test_ended_deliveries_are_forgotten_in_slices(table: Table) -> None:
    table.hooks.add_endpoint(HOOK, 5)
    for _ in range(3):
        table.ended()
        table.hooks.note(table.take_one(), OK, None)
    table.ended()
    assert table.hooks.forget(1000, 10) == 0
    assert table.hooks.forget(1001, 2) == 2
    assert table.hooks.forget(1001, 2) == 1
    assert [row.state for row in table.outbox()] == [DeliveryState.PENDING]


def test_deliveries_are_listed_newest_first(table: Table) -> None:
    table.hooks.add_endpoint(HOOK, 5)
    table.hooks.add_endpoint(replace(HOOK, id="we_2", account="ben"), 5)
    older = table.ended()
    table.now_ms += 1
    theirs = table.running("ben")
    table.tasks.cancel("ben", theirs.id, UNFINISHED)
    table.now_ms += 1
    newer = table.ended()
    assert [row.task_id for row in table.outbox()] == [newer.id, theirs.id, older.id]
    assert [row.task_id for row in table.hooks.deliveries(DeliverySearch("ann"))] == [newer.id, older.id]
    assert [row.task_id for row in table.hooks.deliveries(DeliverySearch(limit=1))] == [newer.id]


def test_a_cancel_wakes_who_waits_for_ends(table: Table) -> None:
    waiting = table.tasks.add(unaccepted(), 100).result()
    seen = table.tasks.wait(0, 0.01)
    while (now := table.tasks.wait(seen, 0.01)) != seen:
        seen = now
    table.tasks.cancel("ann", waiting.id, UNFINISHED)
    assert table.tasks.wait(seen, 30) != seen
