"""A server without workers of its own answers by the workers that are registered in the task table."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.e2e.faults.harness import until
from tests.e2e.server import Server, running
from wanserve.domain.catalogue import MODELS
from wanserve.domain.worker import WorkerHealth, WorkerRow
from wanserve.machine.clocks import now_ms
from wanserve.store.sqlite.database import Database
from wanserve.store.sqlite.tasks import SqliteTasks

HOUR_MS = 3_600_000
PLUS = "wanx2.1-t2v-plus"
WORKER = WorkerRow(
    "1", "there", "gpu-machine", "gpu 0", ("0",), "wan", {PLUS: MODELS[PLUS]}, WorkerHealth(loaded=True, problem=None)
)
ILL = WorkerRow("1", "there", "gpu-machine", "gpu 0", ("0",), "wan", health=WorkerHealth(True, "the disk is full"))


@contextmanager
def registry(data_dir: Path) -> Iterator[SqliteTasks]:
    """The task table as a worker on another machine would have it, with a clock whose heartbeats stay recent."""
    with closing(Database(data_dir / "wanserve.db")) as database:
        yield SqliteTasks(database, lambda: now_ms() + HOUR_MS)


def models(server: Server) -> set[str]:
    listed = server.http.get(f"{server.url}/v1/models", headers=bearer(server)).json()["data"]
    return {model["id"] for model in listed}


def bearer(server: Server) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.key}"}


def test_models_default_and_poll_advice_are_those_of_the_registered_workers(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--no-worker") as server, registry(server.data_dir) as table:
        assert models(server) == set(MODELS), "nobody is registered: what the settings say"
        table.save_worker(WORKER)
        until("the catalogue of the worker", lambda: models(server) == {PLUS})
        refused = server.http.post(
            f"{server.url}/v1/videos", json={"prompt": "a cat", "model": "wan2.2-t2v-plus"}, headers=bearer(server)
        )
        assert (refused.status_code, refused.json()["error"]["message"]) == (400, f"model: must be one of {PLUS}")
        made = server.http.post(f"{server.url}/v1/videos", json={"prompt": "a cat"}, headers=bearer(server)).json()
        assert made["model"] == PLUS, "the default model is served by nobody, so it is the first that is"
        polled = server.http.get(f"{server.url}/v1/videos/{made['id']}", headers=bearer(server))
        assert polled.headers["openai-poll-after-ms"] == "5000", "by the engine of the worker, not of the settings"


def test_whether_a_worker_would_make_the_next_task_is_told_from_the_table(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--no-worker") as server, registry(server.data_dir) as table:
        none = server.http.get(f"{server.url}/readyz/workers")
        assert (none.status_code, none.json()["status"]) == (503, "there is no worker")
        table.save_worker(ILL)
        ill = server.http.get(f"{server.url}/readyz/workers")
        assert (ill.status_code, ill.json()["status"]) == (503, "not ready")
        assert ill.json()["workers"] == [
            {
                "host": "gpu-machine",
                "device": "gpu 0",
                "engine": "wan",
                "loaded": True,
                "problem": "the disk is full",
                "unloadable": {},
                "upstreams": {},
            }
        ]
        table.save_worker(WORKER)
        assert server.http.get(f"{server.url}/readyz/workers").status_code == 200
        assert "wanserve_workers_ready 1.0" in server.http.get(f"{server.url}/metrics").text


def test_the_heartbeat_of_a_worker_has_its_health(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server, closing(Database(server.data_dir / "wanserve.db")) as database:
        table = SqliteTasks(database, now_ms)

        def heartbeat() -> bool:
            (worker,) = table.workers(seen_within_seconds=3600)
            return worker.engine == "animatic" and worker.health == WorkerHealth(loaded=True, problem=None)

        until("the heartbeat", heartbeat)
