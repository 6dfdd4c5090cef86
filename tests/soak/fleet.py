"""A soak of several machines: two API servers and three workers on one PostgreSQL and one bucket, with every kind of kill."""

import contextlib
import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests import postgres, s3
from tests.e2e.server import POLL, SUBMIT, Server, start, wanserve
from tests.soak.reckoning import MARK, Installation
from tests.soak.run import ACCOUNTS, CANCELED_SHARE, PAUSE_SECONDS, SWEEP_SECONDS, TASKS_A_TROUBLE, Told, marked, send

APIS = 2
WORKERS = 3
SUBMIT_PAUSE_SECONDS = (0.0, 1.5)

TROUBLES = ("api", "worker", "worker", "child", "child", "connections", "machine", "bucket")
"""What happens next is drawn from these: SIGKILL of a server, of a worker, of a worker's child, of a server and a worker
at once, of the S3 server; or the end of all connections to PostgreSQL."""

SETTINGS = {
    "submit_rps": "1000",
    "query_rps": "10000",
    "drain_seconds": "60",
    "lease_seconds": "4",
    # Each kill may cost a task a loss, and there may be many kills in the life of one.
    "max_losses": "1000",
}


@dataclass
class Machines:
    """The processes, each of which is started again at once whenever it is killed."""

    folder: Path
    settings: dict[str, str]
    bucket: s3.Bucket
    apis: list[Server] = field(default_factory=list)
    workers: list[Server] = field(default_factory=list)

    def data_dirs(self) -> list[Path]:
        """That of each process."""
        return [self.folder / f"api-{n}" for n in range(APIS)] + [self.folder / f"gpu-{n}" for n in range(WORKERS)]

    def start(self) -> None:
        """Start all."""
        self.apis = [self._api(number) for number in range(APIS)]
        self.workers = [self._worker(number) for number in range(WORKERS)]

    def _api(self, number: int) -> Server:
        return start(self.folder / f"api-{number}", "--no-worker", ready=False, **self.settings)

    def _worker(self, number: int) -> Server:
        return start(self.folder / f"gpu-{number}", command="worker", ready=False, **self.settings)

    def replace(self, api: int | None, worker: int | None) -> None:
        """SIGKILL these at once, and start them again."""
        if api is not None:
            self.apis[api].stop(signal.SIGKILL)
        if worker is not None:
            self.workers[worker].stop(signal.SIGKILL)
        if api is not None:
            self.apis[api] = self._api(api)
        if worker is not None:
            self.workers[worker] = self._worker(worker)

    def end_connections(self) -> None:
        """End every connection to the database, as a restart of PostgreSQL does."""
        with postgres.connect(self.settings["database_url"]) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    def restart_bucket(self) -> None:
        """SIGKILL the S3 server, and start it again."""
        self.bucket.server.stop()
        with pytest.MonkeyPatch.context() as patch:
            # It outlives the soak, and so is none of what a soak must not leave over.
            patch.delenv(MARK)
            self.bucket.server.start()

    def stop(self) -> None:
        """End all in peace."""
        with ThreadPoolExecutor() as threads:
            list(threads.map(Server.stop, [*self.workers, *self.apis]))


class Trouble(threading.Thread):
    """Kills at random, so many times in all; `calm` ends it sooner."""

    def __init__(self, machines: Machines, times: int, chance: random.Random, told: Told) -> None:
        super().__init__(name="trouble", daemon=True)
        self.calm = threading.Event()
        self._machines, self._times, self._chance, self._told = machines, times, chance, told

    def run(self) -> None:
        while self._times and not self.calm.wait(self._chance.uniform(*PAUSE_SECONDS)):
            trouble = self._chance.choice(TROUBLES)
            api, worker = self._chance.randrange(APIS), self._chance.randrange(WORKERS)
            if trouble == "connections":
                self._machines.end_connections()
            elif trouble == "bucket":
                self._machines.restart_bucket()
            elif trouble == "child":
                self._kill_child(self._machines.workers[worker])
            else:
                hit_api, hit_worker = trouble in ("api", "machine"), trouble in ("worker", "machine")
                self._machines.replace(api if hit_api else None, worker if hit_worker else None)
            self._times -= 1
            self._told.troubles[trouble] += 1

    def _kill_child(self, worker: Server) -> None:
        # Between two children there is none to kill.
        with contextlib.suppress(AssertionError, OSError):
            send(worker.child_pid(), signal.SIGKILL)


@dataclass
class Clients:
    """Submit at one server or the other, and send again what is not answered."""

    machines: Machines
    keys: dict[str, str]
    chance: random.Random
    told: Told
    http: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=30))
    accepted: dict[str, str] = field(default_factory=dict)
    """The account of each task that was accepted, by its id, oldest first."""

    def submit_all(self) -> None:
        """Submit as many tasks as there are to be, over time."""
        for number in range(self.told.tasks):
            self._submit(self.chance.choice(ACCOUNTS), number)
            if self.chance.random() < CANCELED_SHARE:
                task_id = self.chance.choice(list(self.accepted)[-5:])
                data_dir = str(self.machines.folder / "command")
                wanserve("tasks", "cancel", task_id, "--data-dir", data_dir, **self.machines.settings)
            time.sleep(self.chance.uniform(*SUBMIT_PAUSE_SECONDS))

    def _submit(self, account: str, number: int) -> None:
        body = {
            "model": "wan2.2-t2v-plus",
            "input": {"prompt": f"a cat on a beach, number {number}"},
            "parameters": {"size": "640*480", "seed": number},
        }
        while (answer := self._ask(SUBMIT, body, self.keys[account], f"soak {number}")) is None:
            self.told.submits_sent_again += 1
            time.sleep(0.1)
        task_id = answer.json()["output"]["task_id"]
        if task_id in self.accepted:
            self.told.wrong.append(f"task {task_id} was given to two submits")
        self.accepted[task_id] = account

    def _ask(self, path: str, body: object, key: str, once: str) -> httpx.Response | None:
        """One request to either server; None where it did not answer, or could not reach the database."""
        headers = {"Ocp-Apim-Subscription-Key": key, "Idempotency-Key": once}
        try:
            answer = self.http.post(self.chance.choice(self.machines.apis).url + path, json=body, headers=headers)
        except httpx.TransportError:
            return None
        assert answer.status_code in (200, 503), answer.text
        return answer if answer.status_code == 200 else None

    def poll_all(self) -> Iterator[tuple[str, str]]:
        """The state of each task, as its account is told."""
        for task_id, account in self.accepted.items():
            answer = self._ask(POLL, {"task_id": task_id}, self.keys[account], "none")
            yield task_id, "UNANSWERED" if answer is None else str(answer.json()["output"]["task_status"])


def soak(folder: Path, tasks: int, seed: int) -> Told:
    """Run one soak in the folder; what was off is in `wrong`. The same seed draws the same troubles and pauses."""
    with s3.own_server() as server, pytest.MonkeyPatch.context() as patch:
        bucket = server.bucket("soak")
        bucket.enter(patch)
        return _soak(folder, tasks, seed, bucket)


def _soak(folder: Path, tasks: int, seed: int, bucket: s3.Bucket) -> Told:
    began, told, url = time.monotonic(), Told(tasks, seed), postgres.database("soak")
    machines = Machines(folder, {**SETTINGS, "database_url": url, "blob_url": bucket.url}, bucket)
    installation = Installation(machines.data_dirs(), url, bucket.keys)
    keys = {account: _new_key(account, machines) for account in ACCOUNTS}
    trouble = Trouble(machines, tasks // TASKS_A_TROUBLE, random.Random(seed), told)
    clients = Clients(machines, keys, random.Random(-seed), told)
    with marked(folder):
        machines.start()
        try:
            trouble.start()
            clients.submit_all()
            while installation.live():
                time.sleep(0.1)
            trouble.calm.set()
            trouble.join()
            deadline = time.monotonic() + SWEEP_SECONDS
            while any(installation.left_over()) and time.monotonic() < deadline:
                time.sleep(0.1)
            told_states = dict(clients.poll_all())
        finally:
            trouble.calm.set()
            trouble.join()
            machines.stop()
            clients.http.close()
    ended = installation.rows()
    told.states.update(task.state for task in ended.values())
    told.attempts = sum(task.attempt for task in ended.values())
    told.attempts_at_most = max(task.attempt for task in ended.values())
    told.wrong += installation.wrong(clients.accepted)
    told.wrong += [
        f"task {task} is {ended[task].state}, and its account is told {state}"
        for task, state in told_states.items()
        if task in ended and ended[task].state != state
    ]
    told.seconds = round(time.monotonic() - began, 1)
    return told


def _new_key(account: str, machines: Machines) -> str:
    data_dir = str(machines.folder / "command")
    made = wanserve("keys", "create", account, "--account", account, "--data-dir", data_dir, **machines.settings)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()
