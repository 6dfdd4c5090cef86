"""A soak of several machines: two API servers and three workers on one PostgreSQL and one bucket, with every kind of kill."""

import contextlib
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import postgres, s3
from tests.e2e.server import Server, start, wanserve
from tests.receiver import Receiver
from tests.soak import webhooks
from tests.soak.reckoning import MARK, Installation
from tests.soak.run import ACCOUNTS, PAUSE_SECONDS, TASKS_A_TROUBLE, Clients, Told, marked, reckon, send, until_swept

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
    "webhooks_private": "true",
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
    chance: random.Random
    apis: list[Server] = field(default_factory=list)
    workers: list[Server] = field(default_factory=list)

    def data_dirs(self) -> list[Path]:
        """That of each process."""
        return [self.folder / f"api-{n}" for n in range(APIS)] + [self.folder / f"gpu-{n}" for n in range(WORKERS)]

    def url(self) -> str:
        """See UnderTest: either server."""
        return self.chance.choice(self.apis).url

    def command(self, *arguments: str) -> str:
        """See UnderTest."""
        return wanserve(*arguments, "--data-dir", str(self.folder / "command"), **self.settings).stdout

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


def soak(folder: Path, tasks: int, seed: int) -> Told:
    """Run one soak in the folder; what was off is in `wrong`. The same seed draws the same troubles and pauses."""
    unreliable = webhooks.unreliable(random.Random(seed + 2), tasks, ACCOUNTS)
    with s3.own_server() as server, pytest.MonkeyPatch.context() as patch, unreliable as receiver:
        bucket = server.bucket("soak")
        bucket.enter(patch)
        return _soak(folder, tasks, seed, bucket, receiver)


def _soak(folder: Path, tasks: int, seed: int, bucket: s3.Bucket, receiver: Receiver) -> Told:
    began, told, url = time.monotonic(), Told(tasks, seed), postgres.database("soak")
    machines = Machines(
        folder, {**SETTINGS, "database_url": url, "blob_url": bucket.url}, bucket, random.Random(seed + 1)
    )
    installation = Installation(machines.data_dirs(), url, bucket.keys)
    trouble = Trouble(machines, tasks // TASKS_A_TROUBLE, random.Random(seed), told)
    clients = Clients(machines, random.Random(-seed), told, SUBMIT_PAUSE_SECONDS, receiver)
    with marked(folder):
        machines.start()
        try:
            trouble.start()
            clients.submit_all()
            while installation.live():
                time.sleep(0.1)
            trouble.calm.set()
            trouble.join()
            until_swept(installation)
            webhooks.until_delivered(installation)
            told_states = clients.poll_all()
        finally:
            trouble.calm.set()
            trouble.join()
            machines.stop()
            clients.http.close()
    reckon(installation, clients, told_states)
    told.seconds = round(time.monotonic() - began, 1)
    return told
