"""The controller on a cluster in memory: losses, pauses, scaling, stops and another controller."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.contract.clusters import MemoryCluster
from wanserve.placement.controller import GRACE_SECONDS, RESTART_SECONDS, STABLE_SECONDS, WAIT_SECONDS, Controller
from wanserve.placement.plan import Phase

DRAIN_SECONDS = 30


@dataclass
class Scene:
    """A controller whose clock a test moves."""

    cluster: MemoryCluster = field(default_factory=MemoryCluster)
    now_s: float = 0.0

    def controller(self, replicas: int, alive: Callable[[], None] = lambda: None) -> Controller:
        return Controller(self.cluster, replicas, DRAIN_SECONDS, alive, lambda: self.now_s)

    def phases(self) -> dict[int, Phase]:
        return {number: actor.phase for number, actor in self.cluster.actors.items()}


@pytest.fixture
def scene() -> Scene:
    return Scene()


def steps(controller: Controller, times: int = 4) -> None:
    for _ in range(times):
        controller.step()


def test_the_wanted_number_comes_and_a_lost_actor_is_replaced_at_once(scene: Scene) -> None:
    controller = scene.controller(2)
    steps(controller)
    assert scene.phases() == {0: Phase.RUNNING, 1: Phase.RUNNING}
    scene.cluster.become(1, Phase.LOST)
    steps(controller)
    assert scene.phases() == {0: Phase.RUNNING, 1: Phase.RUNNING}
    assert scene.cluster.started == [0, 1, 1]


def test_an_actor_that_does_not_stay_alive_is_started_with_growing_pauses(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    controller = scene.controller(1)
    for pause_s in (*RESTART_SECONDS, RESTART_SECONDS[-1]):
        steps(controller)
        scene.cluster.become(0, Phase.LOST, "no weights")
        count = len(scene.cluster.started)
        scene.now_s += 1
        steps(controller, 3)
        assert (len(scene.cluster.started) > count) == (pause_s == 0)
        scene.now_s += pause_s
        steps(controller)
        assert scene.phases() == {0: Phase.RUNNING}
    scene.now_s += STABLE_SECONDS
    scene.cluster.become(0, Phase.LOST, "a power cut")
    steps(controller)
    assert scene.phases() == {0: Phase.RUNNING}, "one that has lived long is replaced at once"
    assert "worker-0 is lost: no weights" in caplog.text


def test_what_waits_for_a_place_is_told_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.cluster.places = 1
    controller = scene.controller(2)
    steps(controller)
    assert not caplog.messages
    scene.now_s += WAIT_SECONDS
    steps(controller)
    assert caplog.messages == ["worker-1 does not run yet: 1 places"]
    scene.cluster.places = 2
    steps(controller)
    assert scene.phases() == {0: Phase.RUNNING, 1: Phase.RUNNING}


def test_a_stop_drains_and_a_drain_that_takes_too_long_is_cut_short(scene: Scene) -> None:
    scene.cluster.stubborn = True
    controller = scene.controller(2)
    steps(controller)
    controller.stop.set()
    assert controller.step()
    scene.now_s += DRAIN_SECONDS
    assert controller.step()
    assert scene.phases() == {0: Phase.DRAINING, 1: Phase.DRAINING}
    scene.now_s += DRAIN_SECONDS + GRACE_SECONDS + 1
    assert controller.step()
    assert scene.phases() == {}
    assert controller.run()


def test_an_abort_removes_all_at_once(scene: Scene) -> None:
    controller = scene.controller(3)
    steps(controller)
    controller.stop.set()
    controller.abort.set()
    assert controller.run()
    assert scene.phases() == {}


def test_a_controller_that_was_replaced_ends_and_touches_nothing(scene: Scene) -> None:
    controller = scene.controller(2)
    steps(controller)
    scene.cluster.mine = False
    assert not controller.run()
    assert scene.phases() == {0: Phase.RUNNING, 1: Phase.RUNNING}


def test_a_new_controller_keeps_the_actors_of_the_former_and_scales(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    steps(scene.controller(3))
    alive: list[None] = []
    fewer = scene.controller(1, lambda: alive.append(None))
    steps(fewer)
    assert (scene.phases(), scene.cluster.started) == ({0: Phase.RUNNING}, [0, 1, 2])
    assert "worker-2 drains" in caplog.text
    fewer.stop.set()
    fewer.wake.set()
    assert fewer.run()
    assert alive, "each look is reported"
