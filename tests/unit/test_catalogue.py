"""Which models are served: those of the registered workers, or of the settings where no worker is registered."""

from dataclasses import dataclass, replace

import pytest

from wanserve.domain.catalogue import MODELS
from wanserve.domain.errors import StoreUnavailable
from wanserve.domain.worker import SEEN_SECONDS, WorkerRow
from wanserve.models.catalogue import CACHE_SECONDS, POLL_MS, Catalogue, Served
from wanserve.models.sampling import WAN_MODELS
from wanserve.store.memory import MemoryTasks

TURBO, PLUS = WAN_MODELS["wanx2.1-t2v-turbo"], WAN_MODELS["wan2.2-t2v-plus"]
SETTINGS = Served(MODELS, frozenset({"animatic"}))


@dataclass
class Clock:
    now_s: float = 1000.0

    def seconds(self) -> float:
        return self.now_s

    def milliseconds(self) -> int:
        return round(self.now_s * 1000)


def test_the_models_are_those_of_the_workers_and_of_the_settings_where_none_is_registered() -> None:
    clock = Clock()
    store = MemoryTasks(clock.milliseconds)
    catalogue = Catalogue(store, SETTINGS, clock.seconds)
    assert catalogue.served() == SETTINGS
    for worker_id, card in (("one", TURBO), ("two", PLUS)):
        store.save_worker(WorkerRow(worker_id, "here", "host", "gpu 0", ("0",), "wan", {card.name: card}))
    assert catalogue.served() == SETTINGS, "it is read again after a second"
    clock.now_s += CACHE_SECONDS
    assert catalogue.models() == {TURBO.name: TURBO, PLUS.name: PLUS}
    assert catalogue.served().engines == {"wan"}
    clock.now_s += SEEN_SECONDS + 0.001
    assert catalogue.served() == SETTINGS, "no heartbeat for long"


def test_the_advice_when_to_poll_again_is_for_the_fastest_engine_that_is_registered() -> None:
    clock = Clock()
    store = MemoryTasks(clock.milliseconds)
    catalogue = Catalogue(store, Served(MODELS, frozenset({"wan"})), clock.seconds)
    assert catalogue.poll_ms() == POLL_MS["wan"]
    store.save_worker(WorkerRow("one", "here", "host", "cpu", (), "animatic"))
    clock.now_s += CACHE_SECONDS
    assert catalogue.poll_ms() == POLL_MS["animatic"]
    store.save_worker(WorkerRow("two", "here", "host", "gpu", (), "wan"))
    clock.now_s += CACHE_SECONDS
    assert catalogue.poll_ms() == POLL_MS["animatic"]


def test_while_the_table_cannot_be_read_the_catalogue_stays_as_it_was() -> None:
    clock = Clock()

    class Failing(MemoryTasks):
        broken = False

        def workers(self, seen_within_seconds: float) -> list[WorkerRow]:
            if self.broken:
                raise StoreUnavailable("gone")
            return super().workers(seen_within_seconds)

    store = Failing(clock.milliseconds)
    store.save_worker(WorkerRow("one", "here", "host", "gpu", (), "wan", {TURBO.name: TURBO}))
    catalogue = Catalogue(store, SETTINGS, clock.seconds)
    before = catalogue.served()
    assert before.models == {TURBO.name: TURBO}
    store.broken = True
    clock.now_s += CACHE_SECONDS
    assert catalogue.served() == before
    assert Catalogue(store, SETTINGS, clock.seconds).served() == SETTINGS


@pytest.mark.parametrize("steps", [50, 4])
def test_a_card_says_what_its_model_is_sampled_with(steps: int) -> None:
    card = type(TURBO).of(TURBO, replace(TURBO.sampling, steps=steps))
    assert (card.steps, card.guidance_scale, card.profile) == (steps, 6.0, "exact")
    of_no_engine = MODELS[TURBO.name]
    assert (of_no_engine.steps, of_no_engine.guidance_scale, of_no_engine.profile) == (None, None, "")
