"""The contract of Cluster: the one in memory that the controller's tests use, and the one on Ray."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import needs, postgres
from tests.contract.clusters import MemoryCluster
from tests.e2e.faults.harness import until
from tests.e2e.ray_nodes import QUICK, ray_nodes
from wanserve.core import open_core
from wanserve.placement.controller import Cluster
from wanserve.placement.fleet_actor import order_of
from wanserve.placement.plan import Phase
from wanserve.settings import load


@dataclass
class Clusters:
    """A cluster with room for two actors, as one controller sees it; `another` is a controller that takes over."""

    cluster: Cluster
    another: Callable[[], Cluster]

    def until(self, phases: dict[int, Phase]) -> None:
        """Look until the actors are in these phases."""
        until(str(phases), lambda: {each.number: each.phase for each in self.cluster.look()} == phases)


def in_memory() -> Iterator[Clusters]:
    cluster = MemoryCluster(places=2)

    def another() -> Cluster:
        cluster.mine = False
        return MemoryCluster(places=2, actors=cluster.actors)

    yield Clusters(cluster, another)


def on_ray() -> Iterator[Clusters]:
    needs.library("ray")
    import ray

    from wanserve.placement.ray_cluster import RayCluster, connect

    # Ray makes sockets in its folder, whose paths have a limit.
    with (
        tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as short,
        pytest.MonkeyPatch.context() as patch,
    ):
        folder = Path(short)
        for name, value in QUICK.items():
            patch.setenv(name, value)
        with ray_nodes(folder) as nodes:
            nodes.head()
            nodes.node(gpus=2)
            settings = load(
                {
                    "data_dir": folder / "data",
                    "database_url": postgres.database("cluster"),
                    "blob_url": (folder / "files").as_uri(),
                    "engine": "animatic",
                }
            )
            with closing(open_core(settings, owner=True)):
                pass
            connect(nodes.address)
            try:

                def controller(name: str) -> RayCluster:
                    made = RayCluster(name, order_of(settings, 1), 1)
                    made.take_over()
                    return made

                yield Clusters(controller("one"), lambda: controller("another"))
            finally:
                ray.shutdown()


@pytest.fixture(params=[in_memory, pytest.param(on_ray, marks=pytest.mark.thorough)])
def clusters(request: pytest.FixtureRequest) -> Iterator[Clusters]:
    yield from request.param()


def test_actors_come_wait_for_room_drain_and_leave(clusters: Clusters) -> None:
    """In one test, as a cluster on Ray takes some seconds to come."""
    cluster = clusters.cluster
    assert (cluster.look(), cluster.is_mine()) == ([], True)
    cluster.remove(7)
    for number in range(2):
        cluster.start(number)
    clusters.until({0: Phase.RUNNING, 1: Phase.RUNNING})
    cluster.start(2)
    clusters.until({0: Phase.RUNNING, 1: Phase.RUNNING, 2: Phase.STARTING})
    assert [(each.current, each.problem) for each in cluster.look()] == [(True, None)] * 3
    assert all(each.where for each in cluster.look() if each.phase is Phase.RUNNING)
    assert cluster.room()
    cluster.drain(0)
    clusters.until({0: Phase.ENDED, 1: Phase.RUNNING, 2: Phase.STARTING})
    # One that has ended has its place until it is removed.
    cluster.remove(0)
    clusters.until({1: Phase.RUNNING, 2: Phase.RUNNING})
    cluster.start(0)
    clusters.until({0: Phase.STARTING, 1: Phase.RUNNING, 2: Phase.RUNNING})
    another = clusters.another()
    assert (cluster.is_mine(), another.is_mine()) == (False, True)
    clusters.cluster = another
    clusters.until({0: Phase.STARTING, 1: Phase.RUNNING, 2: Phase.RUNNING})
    for number in range(3):
        another.remove(number)
    clusters.until({})
