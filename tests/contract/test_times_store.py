"""The contract of TimesStore, on each implementation."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests import needs, postgres
from wanserve.domain.ports import TimesStore
from wanserve.domain.progress import KEPT_TIMES, Kind, Stage
from wanserve.store.memory_times import MemoryTimes
from wanserve.store.sqlite.database import Database
from wanserve.store.sqlite.times import SqliteTimes

SMALL = Kind("wan2.2-t2v-plus", 832, 480, 81, "host, gpu 0")
FEWER_STEPS = Kind("wan2.2-t2v-plus", 832, 480, 81, "host, gpu 0", "8 steps")
LARGE = Kind("wan2.2-t2v-plus", 1920, 1080, 81, "host, gpu 0")


def in_memory(folder: Path) -> Iterator[TimesStore]:
    yield MemoryTimes()


def on_sqlite(folder: Path) -> Iterator[TimesStore]:
    with closing(Database(folder / "wanserve.db")) as database:
        yield SqliteTimes(database, lambda: 1000)


def on_postgres(folder: Path) -> Iterator[TimesStore]:
    needs.library("psycopg")
    from wanserve.store.postgres.database import PostgresDatabase
    from wanserve.store.postgres.times import PostgresTimes

    with closing(PostgresDatabase(postgres.shared_database())) as database:
        yield PostgresTimes(database)


@pytest.fixture(params=[in_memory, on_sqlite, pytest.param(on_postgres, marks=pytest.mark.thorough)])
def times(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TimesStore]:
    yield from request.param(tmp_path)


def test_the_last_ones_of_each_kind_are_kept(times: TimesStore) -> None:
    assert times.all() == []
    times.note(LARGE, {Stage.TEXT: 0.25, Stage.DENOISE: 1000.5})
    for number in range(KEPT_TIMES + 3):
        times.note(SMALL, {Stage.DENOISE: float(number)})
    times.note(FEWER_STEPS, {Stage.DENOISE: 0.5})
    kept = times.all()
    assert [took for kind, took in kept if kind == SMALL] == [
        {Stage.DENOISE: float(number)} for number in range(3, KEPT_TIMES + 3)
    ]
    assert [took for kind, took in kept if kind == FEWER_STEPS] == [{Stage.DENOISE: 0.5}], "what is chosen is apart"
    assert [took for kind, took in kept if kind == LARGE] == [{Stage.TEXT: 0.25, Stage.DENOISE: 1000.5}]
