"""`wanserve worker --ray` on real Ray clusters of this machine: replicas, losses of actors, nodes and heads, bad input."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import postgres, s3
from tests.e2e.faults.harness import NUMBERS, process_state, until
from tests.e2e.ray_nodes import QUICK, RayNodes, descendants, ray_nodes
from tests.e2e.server import WANSERVE, Server, environment, running, wanserve
from wanserve.domain.worker import SEEN_SECONDS

SETTINGS = {"submit_rps": "1000", "query_rps": "10000", "lease_seconds": "4", "drain_seconds": "120"}
LONG = {"size": "832*480"}
"""A video that takes seconds."""

TURBO = "wanx2.1-t2v-turbo"
WAN = f"""
engine = "wan"
[models."{TURBO}"]
weights = "{Path(__file__).parents[1] / "assets" / "tiny-wan"}"
steps = 30
frames = 9
"""


@dataclass
class Controller:
    """A running `wanserve worker --ray`."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self, words: str) -> int:
        """How often its log has these words."""
        return self.log.read_text().count(words)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it. Returns its exit status."""
        self.process.send_signal(how)
        return self.process.wait(60)


@dataclass
class Site:
    """A cluster, an API server, and the controllers that were started."""

    folder: Path
    nodes: RayNodes
    settings: dict[str, str]
    api: Server
    controllers: list[Controller] = field(default_factory=list)

    @property
    def data_dir(self) -> Path:
        return self.folder / "nodes"

    def control(self, replicas: int, gpus: int = 1, address: str | None = None) -> Controller:
        """Start a controller."""
        log = self.folder / f"controller-{len(self.controllers)}.log"
        options = ["--ray", address or self.nodes.address, "--replicas", str(replicas), "--gpus-per-worker", str(gpus)]
        with log.open("wb") as stderr:
            process = subprocess.Popen(
                [WANSERVE, "worker", "--data-dir", str(self.data_dir), *options],
                cwd=self.folder,
                env=environment(**self.settings) | QUICK,
                stderr=stderr,
            )
        self.controllers.append(Controller(process, log))
        return self.controllers[-1]

    def states(self) -> list[object]:
        """The states of the workers in `wanserve workers list`."""
        done = wanserve("workers", "list", "--json", "--data-dir", str(self.folder / "api"), **self.settings)
        assert done.returncode == 0, done.stderr
        return [row["state"] for row in json.loads(done.stdout)]

    def until_alive(self, count: int) -> None:
        """Wait until so many workers are registered and alive."""
        # What `workers list` counts. A look at the table costs a hundredth of that command.
        seen = f"SELECT count(*) FROM workers WHERE seen_ms >= extract(epoch FROM now()) * 1000 - {SEEN_SECONDS * 1000}"

        def alive() -> bool:
            assert self.controllers[-1].process.poll() is None, self.controllers[-1].log.read_text()
            return postgres.rows(self.settings["database_url"], seen) == [(count,)]

        until(f"{count} workers", alive)

    def pid(self, number: int) -> int:
        """The process id of an actor, which is in the lock of its data directory."""
        return int((self.data_dir / "ray" / f"worker-{number}" / "lock").read_text())

    def ranks(self, number: int) -> list[int]:
        """The process ids of the other ranks of an actor's group."""
        return [pid for pid in descendants(self.pid(number)) if "wan.peer" in Path(f"/proc/{pid}/cmdline").read_text()]

    def until_started(self, *task_ids: str) -> None:
        """Wait until all these tasks run."""
        for each in task_ids:
            # The first may wait for an engine that is being loaded.
            self.api.wait(each, "RUNNING", seconds=240)


@pytest.fixture(scope="module")
def sessions() -> Iterator[Path]:
    """A folder with a short name: Ray makes sockets in it, whose paths have a limit."""
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def cluster(sessions: Path) -> Iterator[RayNodes]:
    """A cluster with a head, which every test gives GPUs. Only those with its token get in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", "the-right-token-of-this-cluster-0123456789")
        with ray_nodes(sessions) as nodes:
            nodes.head()
            yield nodes


@contextmanager
def _site(folder: Path, nodes: RayNodes, blob_url: str | None = None) -> Iterator[Site]:
    url = postgres.database(f"ray_{next(NUMBERS)}")
    settings = {"database_url": url, "blob_url": blob_url or (folder / "files").as_uri(), **SETTINGS}
    with running(folder / "api", "--no-worker", ready=True, **settings) as api:
        site = Site(folder, nodes, settings, api)
        try:
            yield site
        finally:
            for controller in site.controllers:
                if controller.process.poll() is None:
                    controller.end(signal.SIGKILL)
            for node in nodes.running[1:]:
                nodes.kill(node)


@pytest.fixture
def site(tmp_path: Path, cluster: RayNodes) -> Iterator[Site]:
    with _site(tmp_path, cluster) as made:
        yield made


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> s3.Bucket:
    """A bucket, whose variables every node has that is started in the test."""
    made = s3.server().bucket("ray")
    made.enter(monkeypatch)
    return made


@pytest.fixture
def site_over_a_bucket(tmp_path: Path, cluster: RayNodes, bucket: s3.Bucket) -> Iterator[Site]:
    with _site(tmp_path, cluster, bucket.url) as made:
        yield made


def test_a_controller_that_starts_right_after_a_node_was_lost_goes_on(site: Site) -> None:
    # Ray puts what remembers the last controller on this node or on the head's, and starts it again where it is lost.
    node = site.nodes.node(gpus=1)
    first = site.control(replicas=1)
    site.until_alive(1)
    first.end(signal.SIGKILL)
    site.nodes.kill(node)
    site.nodes.node(gpus=1)
    second = site.control(replicas=1)
    until("its end, or its worker", lambda: second.process.poll() is not None or second.said("worker-0 runs on") == 1)
    assert second.end() == 0, second.log.read_text()


def test_replicas_make_videos_come_and_go_and_are_drained_at_the_end(
    site_over_a_bucket: Site, bucket: s3.Bucket
) -> None:
    site = site_over_a_bucket
    site.nodes.node(gpus=2)
    first = site.control(replicas=2)
    site.until_alive(2)
    for task_id in [site.api.submit(f"number {number}") for number in range(4)]:
        site.api.wait(task_id, "SUCCEEDED")
    last = [site.api.submit("a long film", **LONG) for _ in range(2)]
    site.until_started(*last)
    second = site.control(replicas=1)
    assert first.process.wait(60) == 0
    assert first.said("another controller has taken over") == 1
    site.until_alive(1)
    for task_id in last:
        site.api.wait(task_id, "SUCCEEDED")
    shown = [json.loads(_command(site, "tasks", "show", each, "--json")) for each in last]
    assert [task["attempt"] for task in shown] == [1, 1], "the worker that went has finished its task"
    stored = bucket.keys()
    assert sum(key.endswith(".mp4") for key in stored) == 6
    assert second.end(signal.SIGKILL) == -signal.SIGKILL
    third = site.control(replicas=2)
    site.until_alive(2)
    until("both", lambda: (third.said("worker-0 runs on"), third.said("worker-1 runs on")) == (1, 1))
    assert third.end() == 0
    assert site.states() == []
    logs = "".join(controller.log.read_text() for controller in site.controllers)
    assert site.settings["database_url"] not in logs


def _command(site: Site, *arguments: str) -> str:
    done = wanserve(*arguments, "--data-dir", str(site.folder / "api"), **site.settings)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_task_of_a_killed_actor_is_made_and_another_actor_comes(site: Site) -> None:
    site.nodes.node(gpus=2)
    controller = site.control(replicas=2)
    site.until_alive(2)
    tasks = [site.api.submit("a long film", **LONG) for _ in range(2)]
    site.until_started(*tasks)
    killed = site.pid(0)
    os.kill(killed, signal.SIGKILL)
    until("the loss", lambda: controller.said("worker-0 is lost") == 1)
    until("another actor", lambda: controller.said("worker-0 runs on") == 2)
    assert site.pid(0) != killed
    for task_id in tasks:
        site.api.wait(task_id, "SUCCEEDED")
    assert controller.end() == 0


def test_a_group_is_made_anew_on_another_node_when_its_node_is_lost(site: Site) -> None:
    node = site.nodes.node(gpus=2)
    controller = site.control(replicas=1, gpus=2)
    site.until_alive(1)
    # The actor is registered a moment before its controller hears of it.
    until("its place", lambda: controller.said("worker-0 runs on") == 1)
    assert re.search(r"worker-0 runs on [^,]+, GPU 0, 1", controller.log.read_text())
    task_id = site.api.submit("a long film", **LONG)
    site.until_started(task_id)
    site.nodes.kill(node)
    until("the loss", lambda: controller.said("worker-0 is lost") == 1)
    site.nodes.node(gpus=1)
    until("the warning", lambda: controller.said("it needs 2 GPU of one node; 1 of 1 in the cluster are free") == 1)
    site.nodes.node(gpus=2)
    site.api.wait(task_id, "SUCCEEDED")
    assert controller.end() == 0


def test_a_group_with_a_dead_rank_is_torn_down_and_made_anew(site: Site) -> None:
    """Two processes make the video on the CPU; they are told to use the GPUs that Ray gave the actor."""
    (site.folder / "wanserve.toml").write_text(WAN)
    site.nodes.node(gpus=2)
    controller = site.control(replicas=1, gpus=2)
    site.until_alive(1)
    task_id = site.api.submit("a cat", model=TURBO)
    site.until_started(task_id)
    (rank,) = site.ranks(0)
    os.kill(rank, signal.SIGKILL)
    site.api.wait(task_id, "SUCCEEDED")
    (another,) = site.ranks(0)
    shown = json.loads(_command(site, "tasks", "show", task_id, "--json"))
    assert (another != rank, shown["attempt"], controller.said("worker-0 is lost")) == (True, 2, 0)
    assert controller.end() == 0


def test_a_second_signal_ends_the_drain(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.nodes.node(gpus=1)
    controller = site.control(replicas=1)
    site.until_alive(1)
    task_id = site.api.submit("a long film", **LONG)
    site.until_started(task_id)
    actor = site.pid(0)
    controller.process.send_signal(signal.SIGTERM)
    until("the drain", lambda: controller.said("worker-0 drains") == 1)
    assert controller.end() == 0
    until("its end", lambda: process_state(actor) in ("", "Z"))
    # As Ray itself finds its cluster.
    monkeypatch.setenv("RAY_ADDRESS", site.nodes.address)
    another = site.control(replicas=1, address="auto")
    site.api.wait(task_id, "SUCCEEDED")
    assert another.end() == 0


def test_a_lost_head_costs_no_task_and_the_actors_come_again(site: Site) -> None:
    head, node = site.nodes.running[0], site.nodes.node(gpus=1)
    controller = site.control(replicas=1)
    site.until_alive(1)
    task_id = site.api.submit("a long film", **LONG)
    site.until_started(task_id)
    site.nodes.kill(head)
    until("the loss", lambda: controller.said("Ray is lost") >= 1)
    site.nodes.kill(node)
    site.nodes.head()
    site.nodes.node(gpus=1)
    site.api.wait(task_id, "SUCCEEDED")
    assert controller.end() == 0


def refused(address: str, data_dir: Path, **settings: str) -> str:
    """What a controller that must not start says, which is one line."""
    done = wanserve("worker", "--ray", address, "--data-dir", str(data_dir), **settings)
    assert (done.returncode, done.stderr.count("wanserve: ")) == (1, 1), done.stderr
    return done.stderr.splitlines()[-1]


def test_a_wrong_address_is_refused_in_one_line(tmp_path: Path, sessions: Path) -> None:
    with ray_nodes(sessions) as nodes, _site(tmp_path, nodes) as site:
        said = refused(site.nodes.address, tmp_path / "a", **site.settings)
        assert said == f"wanserve: --ray: {site.nodes.address}: Connection refused"


def test_a_cluster_of_another_version_is_refused_in_one_line(tmp_path: Path, sessions: Path) -> None:
    with ray_nodes(sessions) as nodes, _site(tmp_path, nodes) as site:
        site.nodes.head(sys.executable, "-c", OTHER_VERSION)
        said = refused(site.nodes.address, tmp_path / "a", **site.settings)
        assert said.startswith(f"wanserve: --ray: {site.nodes.address}: Version mismatch")
        assert "Ray: 2.1.0" in said


def test_a_wrong_token_is_refused_in_one_line(
    cluster: RayNodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every other test uses the right one."""
    monkeypatch.setenv("RAY_AUTH_TOKEN", "a-wrong-token-0123456789")
    with _site(tmp_path, cluster) as site:
        said = refused(site.nodes.address, tmp_path / "a", **site.settings)
    assert said.startswith(f"wanserve: --ray: {site.nodes.address}: ")
    assert "oken" in said
    assert "a-wrong-token" not in said


OTHER_VERSION = """
import ray
ray.__version__ = "2.1.0"
from ray.scripts.scripts import main
main()
"""
"""Ray's own command, with a version that is another one."""
