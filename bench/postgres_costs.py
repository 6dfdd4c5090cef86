"""Measures what one operation costs PostgreSQL, the process that asks for it, and the network between the two."""

import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg

from bench.load import Load, drive, post
from bench.processes import wanserve
from bench.samples import KEY_HEADER, MODEL, POLL_PATH, REQUEST, SUBMIT_BODY, SUBMIT_PATH, UNLIMITED, owner, poll_body
from tests.samples import heartbeat
from wanserve.core import Core, open_core
from wanserve.domain.account import Key
from wanserve.domain.catalogue import MODELS
from wanserve.domain.files import file_key
from wanserve.domain.task import Task, Video
from wanserve.domain.worker import WorkerRow
from wanserve.settings import Settings

FEW, MANY = 5, 105
"""With so many accounts that have waiting tasks the claims are measured: a claim looks at each of them."""

WAITING: Final = 2500
COUNT: Final = 1000
"""How often each operation is run."""

RELAYED: Final = 200
"""How often each operation is run through the relay."""

CONNECTIONS: Final = 16
HTTP_SECONDS: Final = 4.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What one operation takes: CPU seconds of PostgreSQL and of the process that asks, and bytes between the two."""

    database_s: float
    process_s: float
    database_bytes: float = 0.0


Costs = dict[str, Cost]
"""By operation: submit and poll over HTTP; claim, claim_per_account (for each account that has waiting tasks), idle_claim
(where nothing waits), heartbeat, finish, worker_row."""


@dataclass(frozen=True, slots=True)
class DatabaseProcesses:
    """The processes of one PostgreSQL server on this machine."""

    postmaster: int

    @classmethod
    def of(cls, url: str) -> "DatabaseProcesses":
        """Those of the server at the URL."""
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT pg_backend_pid()").fetchone()
            assert row is not None, "a function has a value"
            stat = Path(f"/proc/{row[0]}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            return cls(int(stat[1]))

    def cpu_s(self) -> dict[int, float]:
        """The CPU time that each process which lives now has used so far, in seconds."""
        listed = Path(f"/proc/{self.postmaster}/task/{self.postmaster}/children").read_text(encoding="ascii").split()
        used = {}
        for pid in map(int, listed):
            with suppress(OSError):
                # The first field of schedstat: nanoseconds on a CPU.
                used[pid] = int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9
        return used

    @contextmanager
    def counted(self) -> Iterator[list[float]]:
        """A list that has, after the block, the CPU seconds that the block took of them."""
        before, spent = self.cpu_s(), list[float]()
        yield spent
        spent.append(sum(after - before.get(pid, 0.0) for pid, after in self.cpu_s().items()))


class Relay:
    """A socket in a folder of its own, between psycopg and PostgreSQL's socket, that counts the bytes of both ways."""

    def __init__(self, socket_path: Path) -> None:
        self.count = 0
        self.folder = Path(tempfile.mkdtemp(prefix="wanserve-relay-"))
        self._target = socket_path
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.folder / socket_path.name))
        self._listener.listen()
        self._sockets = [self._listener]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """End all connections, and remove the folder."""
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in self._sockets:
            each.close()
        shutil.rmtree(self.folder)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                ours, _ = self._listener.accept()
                theirs = socket.socket(socket.AF_UNIX)
                self._sockets += [ours, theirs]
                theirs.connect(str(self._target))
                for source, sink in ((ours, theirs), (theirs, ours)):
                    thread = threading.Thread(target=self._copy, args=(source, sink), daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                self.count += len(piece)
                sink.sendall(piece)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@dataclass(frozen=True, slots=True)
class Operations:
    """The operations of a worker, each to be run `len(tasks)` times, in this order."""

    core: Core
    tasks: list[Task]

    def claim(self, count: int) -> None:
        """Claim so many tasks."""
        for _ in range(count):
            task = self.core.tasks.claim("worker", [MODEL])
            assert task is not None, "enough tasks wait"
            self.tasks.append(task)

    def idle_claim(self, count: int) -> None:
        """Look for a task where none waits, as an idle worker does."""
        for _ in range(count):
            assert self.core.tasks.claim("worker", [MODEL]) is None, "nothing waits"

    def heartbeat(self, count: int) -> None:
        """Renew so many leases."""
        for task in self.tasks[:count]:
            assert self.core.tasks.renew(task, heartbeat(0.5)), "the lease is ours"

    def worker_row(self, count: int) -> None:
        """Write the heartbeat of a worker so many times."""
        row = WorkerRow("worker", "here", "host", "gpu 0", ("0",), "wan", dict(MODELS))
        for _ in range(count):
            self.core.tasks.store.save_worker(row)

    def finish(self, count: int) -> None:
        """End so many attempts with their videos."""
        for task in self.tasks[:count]:
            video = Video(file_key(task.id, task.attempt), 1_234_567, "wan")
            assert self.core.tasks.succeed(task, video), "the attempt is ours"
        del self.tasks[:count]

    def all(self) -> dict[str, Callable[[int], None]]:
        """Each by its name."""
        steps = (self.claim, self.heartbeat, self.worker_row, self.finish)
        return {step.__name__: step for step in steps}


def measure(folder: Path, new_database: Callable[[str], str]) -> Costs:
    """Measure every operation. `new_database` makes an empty database of a name and returns its URL."""
    url = new_database("capacity")
    processes = DatabaseProcesses.of(url)
    claims = {
        accounts: claim_cost(folder / str(accounts), new_database(f"capacity-{accounts}"), accounts)
        for accounts in (FEW, MANY)
    }
    per_account = max(0.0, (claims[MANY].database_s - claims[FEW].database_s) / (MANY - FEW))
    with closing(opened(folder / "worker", url)) as core:
        keys = [owner(core, f"account-{number}") for number in range(CONNECTIONS)]
        idle = cpu_of(Operations(core, []).idle_claim, processes)
        fill(core, keys, url)
        cpu = {name: cpu_of(step, processes) for name, step in Operations(core, []).all().items()}
        done = [core.tasks.submit(keys[0][1], REQUEST).result().id for _ in range(CONNECTIONS)]
    with relayed(url) as (relay, relayed_url):
        sizes = bytes_of(folder / "relayed", relayed_url, relay)
        costs = {name: Cost(*cpu[name], sizes[name]) for name in cpu}
        costs["claim"] = Cost(claims[FEW].database_s - FEW * per_account, claims[FEW].process_s, sizes["claim"])
        costs |= {"claim_per_account": Cost(per_account, 0.0), "idle_claim": Cost(*idle, sizes["claim"])}
        headers = {KEY_HEADER: keys[0][0]}
        polls = [post(POLL_PATH, poll_body(task_id), headers) for task_id in done]
        submits = [post(SUBMIT_PATH, SUBMIT_BODY, {KEY_HEADER: text}) for text, _ in keys]
        for name, requests in (("poll", polls), ("submit", submits)):
            costs[name] = over_http(folder / name, relayed_url, requests, processes, relay)
    return costs


def claim_cost(data_dir: Path, url: str, accounts: int) -> Cost:
    """The cost of a claim while so many accounts have waiting tasks."""
    processes = DatabaseProcesses.of(url)
    with closing(opened(data_dir, url)) as core:
        fill(core, [owner(core, f"account-{number}") for number in range(accounts)], url)
        return Cost(*cpu_of(Operations(core, []).claim, processes))


def opened(data_dir: Path, url: str) -> Core:
    """The use cases on the database at the URL."""
    return open_core(
        Settings.model_validate({"data_dir": data_dir, "database_url": url, "max_queued": UNLIMITED}), owner=True
    )


def fill(core: Core, keys: Sequence[tuple[str, Key]], url: str) -> None:
    """Have tasks of all accounts wait, and PostgreSQL know of it as autovacuum would have it know a minute later."""
    waiting = [core.tasks.submit(keys[number % len(keys)][1], REQUEST) for number in range(WAITING)]
    for added in waiting:
        added.result()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")


def cpu_of(step: Callable[[int], None], processes: DatabaseProcesses) -> tuple[float, float]:
    """The CPU seconds of one operation, in PostgreSQL and in this process."""
    with processes.counted() as spent:
        begun = time.process_time()
        step(COUNT)
        own = time.process_time() - begun
    return spent[0] / COUNT, own / COUNT


@contextmanager
def relayed(url: str) -> Iterator[tuple[Relay, str]]:
    """A relay before the server at the URL, and the URL of the same database through it."""
    with psycopg.connect(url) as connection:
        folder, port = connection.info.host, connection.info.port
    with closing(Relay(Path(folder) / f".s.PGSQL.{port}")) as relay:
        yield relay, url.replace(quote(folder, safe=""), quote(str(relay.folder), safe=""))


def bytes_of(data_dir: Path, relayed_url: str, relay: Relay) -> dict[str, float]:
    """The bytes of one operation, between the process and PostgreSQL."""
    sizes = {}
    with closing(opened(data_dir, relayed_url)) as core:
        for name, step in Operations(core, []).all().items():
            # The first calls prepare their statements.
            step(10)
            before = relay.count
            step(RELAYED)
            sizes[name] = (relay.count - before) / RELAYED
    return sizes


def over_http(data_dir: Path, url: str, requests: Sequence[str], processes: DatabaseProcesses, relay: Relay) -> Cost:
    """The cost of one of these requests to a server without workers, which reaches PostgreSQL through the relay."""
    data_dir.mkdir()
    settings = {"database_url": url, "query_rps": UNLIMITED, "submit_rps": UNLIMITED, "max_queued": UNLIMITED}
    with wanserve(data_dir, "--no-worker", **settings) as server:
        drive(Load(server.port, requests, CONNECTIONS, HTTP_SECONDS / 4))
        with processes.counted() as spent:
            before, bytes_before = server.cpu_s(), relay.count
            answered = drive(Load(server.port, requests, CONNECTIONS, HTTP_SECONDS))
            own, size = server.cpu_s() - before, relay.count - bytes_before
    return Cost(spent[0] / answered.count, own / answered.count, size / answered.count)
