"""What several servers on one PostgreSQL database share: link secret, certificate, rate limits, refusals, cancels, the lead."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TypeVar

import psycopg
import pytest

from tests import postgres
from tests.integration.test_postgres import added, end_connections
from tests.samples import VIDEO, heartbeat
from wanserve.domain.errors import WrongState
from wanserve.domain.idempotency import CountedSubmit, RefusedSubmits
from wanserve.domain.ports import Refusals, TokensAsked, TokensGranted
from wanserve.domain.search import Search
from wanserve.domain.task import UNFINISHED, Failed, Failure, Requeued, State, Succeeded
from wanserve.machine.certificate import make_certificate, read_certificate
from wanserve.store.postgres.database import PostgresDatabase
from wanserve.store.postgres.listener import Connection
from wanserve.store.postgres.shared import PostgresCertificate, PostgresLinkSecret, PostgresRefusals, PostgresTokens
from wanserve.store.postgres.tasks import PostgresTasks
from wanserve.tasks import Policy, Tasks

T = TypeVar("T")
PATIENCE_S = 60
MODELS = ("small",)


@pytest.fixture
def url() -> str:
    return postgres.shared_database()


@contextmanager
def opened(url: str, *, sweeps: bool = False) -> Iterator[PostgresTasks]:
    """A store as another process has it."""
    with closing(PostgresDatabase(url, sweeps=sweeps)) as database, closing(PostgresTasks(database)) as store:
        yield store


@pytest.fixture
def store(url: str) -> Iterator[PostgresTasks]:
    with opened(url) as one:
        yield one


@pytest.fixture
def other(url: str) -> Iterator[PostgresTasks]:
    with opened(url) as another:
        yield another


def until(what: str, met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not met():
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.02)


def test_servers_that_start_at_once_have_one_link_secret(url: str) -> None:
    with closing(PostgresDatabase(url)) as one, closing(PostgresDatabase(url)) as two, ThreadPoolExecutor(8) as threads:
        secrets = set(threads.map(lambda n: PostgresLinkSecret((one, two)[n % 2]).read(), range(16)))
        assert len(secrets) == 1
        (secret,) = secrets
        assert len(secret) == 32
        one.change("DELETE FROM secrets", ())
        PostgresLinkSecret(two).restore(secret)
        assert PostgresLinkSecret(one).read() == secret, "links of before stay good"


def test_servers_that_start_at_once_sign_as_one(url: str) -> None:
    with closing(PostgresDatabase(url)) as one, closing(PostgresDatabase(url)) as two, ThreadPoolExecutor(8) as threads:
        stores = [PostgresCertificate(database) for database in (one, two)]
        kept = set(threads.map(lambda n: stores[n % 2].read(lambda: make_certificate("Example")), range(16)))
        assert len(kept) == 1
        (pem,) = kept
        assert read_certificate(pem, pem).algorithm == "es256"
        assert PostgresLinkSecret(one).read() not in kept, "it is another secret"


def test_a_link_secret_that_was_changed_meanwhile_is_told(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with closing(PostgresDatabase(url)) as database:
        PostgresLinkSecret(database).read()
        PostgresLinkSecret(database).restore(b"x" * 32)
    assert "was changed in the database" in caplog.text


class Watch:
    now_ms = 1_000_000

    def __call__(self) -> int:
        return self.now_ms


def test_a_bucket_is_one_for_all_servers_and_fills_with_time(url: str) -> None:
    watch = Watch()
    with closing(PostgresDatabase(url)) as one, closing(PostgresDatabase(url)) as two:
        here, there = PostgresTokens(one, watch), PostgresTokens(two, watch)
        five = [TokensAsked("ann", "submit", 3, 5.0)]
        assert here.take(five) == [TokensGranted(3, 0)]
        assert there.take(five) == [TokensGranted(2, 1)]
        assert here.take(five) == [TokensGranted(0, 1)]
        watch.now_ms += 400
        assert there.take(five) == [TokensGranted(2, 1)]
        watch.now_ms -= 60_000
        assert here.take(five) == [TokensGranted(0, 1)], "a clock that goes back fills nothing"
        watch.now_ms += 10 * 60_000
        assert here.take([TokensAsked("ann", "submit", 100, 5.0)]) == [TokensGranted(5, 1)], "one second's worth"
        slow = [TokensAsked("ben", "query", 1, 0.1), TokensAsked("ann", "query", 1, 0.1)]
        assert here.take(slow) == [TokensGranted(1, 10), TokensGranted(1, 10)], "each has a bucket, in the order asked"


def test_of_many_that_ask_at_the_same_moment_as_many_get_a_token_as_there_are(url: str) -> None:
    watch = Watch()
    with closing(PostgresDatabase(url)) as database:
        tokens = PostgresTokens(database, watch)
        names = [("ann", "ben"), ("ben", "ann")]

        def take(number: int) -> int:
            asked = [TokensAsked(account, "query", 1, 7.0) for account in names[number % 2]]
            return sum(granted.tokens for granted in tokens.take(asked))

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(take, range(40))) == 14


def first_try(retries: int = 0, follows: int | None = None) -> CountedSubmit:
    return CountedSubmit("a" * 64, retries, 60_000, follows)


@pytest.fixture(params=["memory", "postgres"])
def refusals(request: pytest.FixtureRequest, url: str) -> Iterator[tuple[Refusals, Refusals]]:
    """The refusals as two servers have them; in memory there is one."""
    if request.param == "memory":
        refused = RefusedSubmits()
        yield refused, refused
        return
    with (
        closing(PostgresDatabase(url)) as one,
        closing(PostgresDatabase(url)) as two,
        closing(PostgresRefusals(one)) as here,
        closing(PostgresRefusals(two)) as there,
    ):
        yield here, there


def test_a_repetition_of_a_refused_try_follows_what_that_followed_at_every_server(
    refusals: tuple[Refusals, Refusals],
) -> None:
    here, there = refusals
    now_ms = time.time_ns() // 1_000_000
    assert there.follows("ann", "a" * 64, 0, now_ms) is None
    assert there.follows("ann", "a" * 64, 1, now_ms) == 0, "the first try may have been accepted"
    here.note("ann", first_try(), now_ms + 60_000)
    until("the note", lambda: there.follows("ann", "a" * 64, 1, now_ms) is None)
    assert here.follows("ann", "a" * 64, 1, now_ms) == 0, "one repetition follows one refusal"
    here.note("ann", first_try(2, 1), now_ms + 60_000)
    until("the note", lambda: there.follows("ann", "a" * 64, 3, now_ms) == 1)
    here.note("ben", first_try(), now_ms + 60_000)
    until("ben's note", lambda: there.follows("ben", "a" * 64, 1, now_ms) is None)
    assert there.follows("ann", "a" * 64, 1, now_ms) == 0, "another account's"


def test_old_refusals_are_ignored_and_deleted(url: str) -> None:
    now_ms = time.time_ns() // 1_000_000
    with closing(PostgresDatabase(url)) as database:
        refusals = PostgresRefusals(database)
        refusals.note("ann", first_try(), now_ms - 1)
        refusals.note("ann", first_try(5), now_ms + 60_000)
        refusals.close()
        assert refusals.follows("ann", "a" * 64, 1, now_ms) == 0
        assert database.read("SELECT retries FROM refused_submits", ()) == [(5,)]


def test_a_cancel_and_a_delete_are_told_to_the_process_that_runs_the_task(
    store: PostgresTasks, other: PostgresTasks
) -> None:
    for end in (lambda task: store.cancel("ann", task, UNFINISHED), lambda task: store.remove("ann", task)):
        new = added(store, "ann")
        claimed = other.claim("worker", MODELS, 60, None)
        assert claimed is not None
        with other.watch(new.id) as told:
            assert end(new.id)
            assert told.wait(PATIENCE_S)
        assert not other.renew(claimed, 60, heartbeat())


def test_a_cancel_that_comes_before_its_task_is_watched_is_not_missed(
    store: PostgresTasks, other: PostgresTasks
) -> None:
    first, second = added(store, "ann"), added(store, "ann")
    for _ in range(2):
        other.claim("worker", MODELS, 60, None)
    with other.watch(second.id) as told:
        store.cancel("ann", first.id, UNFINISHED)
        store.cancel("ann", second.id, UNFINISHED)
        assert told.wait(PATIENCE_S), "notifications come in their order, so the first has come too"
    with other.watch(first.id) as told_before:
        assert told_before.is_set()


def test_what_may_have_been_missed_while_the_connection_was_lost_makes_every_heartbeat_due(
    url: str, store: PostgresTasks
) -> None:
    with store.watch("some task") as told:
        # The first connection may come after the watch.
        until("the first connection", lambda: store.wait(0, 0.1) > 0)
        told.clear()
        end_connections(url)
        assert told.wait(PATIENCE_S)


def test_one_process_leads_and_another_takes_over_when_it_ends_or_loses_its_connection(url: str) -> None:
    with opened(url, sweeps=True) as second_choice:
        until("the only one's lead", second_choice.leads)
        with opened(url, sweeps=True) as first:
            assert not first.leads()
            with opened(url) as command:
                end_connections(url)
                until("a leader", lambda: first.leads() or second_choice.leads())
                until("one leader", lambda: first.leads() != second_choice.leads())
                assert not command.leads(), "a command does not sweep"
        until("the lead of the one that is left", second_choice.leads)


class LosesAnswers(PostgresDatabase):
    """A database whose next answers are lost on their way, after the statement has committed."""

    to_lose = 0

    def _once(self, work: Callable[[Connection], T]) -> T:
        answer = super()._once(work)
        if self.to_lose:
            self.to_lose -= 1
            raise psycopg.OperationalError("the connection was lost")
        return answer


@pytest.fixture
def losing(url: str) -> Iterator[tuple[LosesAnswers, PostgresTasks]]:
    with closing(LosesAnswers(url)) as database, closing(PostgresTasks(database)) as tasks:
        yield database, tasks


@pytest.mark.parametrize(
    "settlement",
    [Succeeded(VIDEO), Failed(Failure("broken", "it broke")), Requeued()],
    ids=["succeeded", "failed", "requeued"],
)
def test_an_end_whose_answer_was_lost_counts_as_written_and_is_written_once(
    losing: tuple[LosesAnswers, PostgresTasks], settlement: Succeeded | Failed | Requeued
) -> None:
    database, tasks = losing
    added(tasks, "ann")
    claimed = tasks.claim("worker", MODELS, 60, None)
    assert claimed is not None
    database.to_lose = 2
    assert tasks.settle(claimed, settlement)
    assert not tasks.settle(claimed, settlement), "a late one still changes nothing"
    assert len(tasks.usage(None)) == isinstance(settlement, Succeeded)


def test_a_claim_whose_answer_was_lost_gives_the_task_that_it_took(losing: tuple[LosesAnswers, PostgresTasks]) -> None:
    database, tasks = losing
    first, second = added(tasks, "ann"), added(tasks, "ann")
    database.to_lose = 1
    claimed = tasks.claim("worker", MODELS, 60, None)
    assert (claimed and claimed.id, claimed and claimed.attempt) == (first.id, 1)
    database.to_lose = 1
    another = tasks.claim("another", MODELS, 60, None)
    assert another is not None
    assert another.id == second.id
    database.to_lose = 1
    assert tasks.claim("third", MODELS, 60, None) is None
    assert len(tasks.search(None, Search((State.RUNNING,)))) == 2


def test_a_cancel_whose_answer_was_lost_is_not_refused(losing: tuple[LosesAnswers, PostgresTasks]) -> None:
    database, store = losing
    tasks = Tasks(store, dict, lambda: "", lambda: 0, Policy())
    new = added(store, "ann")
    database.to_lose = 1
    assert tasks.cancel("ann", new.id).state is State.CANCELED
    with pytest.raises(WrongState, match="is CANCELED and cannot become CANCELED"):
        tasks.cancel("ann", new.id)
    database.to_lose = 1
    ended = added(store, "ann")
    claimed = store.claim("worker", MODELS, 60, None)
    assert claimed is not None
    store.settle(claimed, Succeeded(VIDEO))
    with pytest.raises(WrongState, match="is SUCCEEDED"):
        tasks.cancel("ann", ended.id)
