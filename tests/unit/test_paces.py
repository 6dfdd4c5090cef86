"""How long attempts on a device took, kept across restarts, by their kind."""

from dataclasses import replace

import pytest

from tests.samples import new_generation, new_task
from wanserve.domain.errors import StoreUnavailable
from wanserve.domain.generation import LoraUse
from wanserve.domain.progress import Kind, Stage, StageTimes
from wanserve.store.memory_times import MemoryTimes
from wanserve.worker.paces import Paces


class Broken(MemoryTimes):
    """A table that cannot be reached."""

    def note(self, kind: Kind, times: StageTimes) -> None:
        raise StoreUnavailable("away")

    def all(self) -> list[tuple[Kind, StageTimes]]:
        raise StoreUnavailable("away")


TOOK: StageTimes = {Stage.DENOISE: 4.0}


def test_what_was_kept_is_known_after_a_restart_and_on_no_other_device() -> None:
    table, task = MemoryTimes(), new_task()
    Paces(table, "gpu 0").note(task, None, TOOK)
    assert list(Paces(table, "gpu 0").earlier(task, None)) == [TOOK]
    assert list(Paces(table, "gpu 1").earlier(task, None)) == []
    longer = replace(task, generation=replace(new_generation(), frames=60))
    assert list(Paces(table, "gpu 0").earlier(longer, None)) == []


def test_each_upstream_has_its_own_pace() -> None:
    paces, task = Paces(MemoryTimes(), "slot 1"), new_task()
    paces.note(task, "one", TOOK)
    assert (list(paces.earlier(task, "one")), list(paces.earlier(task, "other"))) == ([TOOK], [])


def test_a_table_that_cannot_be_reached_costs_the_estimate_only(caplog: pytest.LogCaptureFixture) -> None:
    paces, task = Paces(Broken(), "gpu 0"), new_task()
    assert list(paces.earlier(task, None)) == []
    paces.note(task, None, TOOK)
    assert list(paces.earlier(task, None)) == [TOOK]
    assert len(caplog.records) == 2


def test_what_is_chosen_that_changes_the_time_is_kept_apart() -> None:
    table, task = MemoryTimes(), new_task()
    fewer = replace(task, generation=replace(task.generation, steps=8))
    with_lora = replace(task, generation=replace(task.generation, loras=(LoraUse("ink", 1.0),)))
    Paces(table, "gpu 0").note(fewer, None, TOOK)
    paces = Paces(table, "gpu 0")
    assert (list(paces.earlier(fewer, None)), list(paces.earlier(task, None))) == ([TOOK], [])
    paces.note(task, None, {Stage.DENOISE: 40.0})
    assert list(paces.earlier(with_lora, None)) == [{Stage.DENOISE: 40.0}]
