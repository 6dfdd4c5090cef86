"""One soak: a server with a supply of trouble, clients that do not give up, and a reckoning at the end."""

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import httpx

from tests.e2e.server import POLL, SUBMIT, Server, start, wanserve
from tests.receiver import Receiver
from tests.soak import webhooks
from tests.soak.reckoning import MARK, Installation

ACCOUNTS = ("ann", "bob", "cleo", "dan", "eve")
CANCELED_SHARE = 0.1
PAUSE_SECONDS = (1.0, 3.0)
"""Between two kills."""

SUBMIT_PAUSE_SECONDS = (0.0, 3.0)
"""Between two submits: about as long as a video takes."""

TROUBLES = ("server", "child", "child", "sleep")
"""What happens next is drawn from these: SIGKILL of the server or of its child, or SIGSTOP of the child for a while."""

SLEEP_SECONDS = (0.5, 20.0)
"""Shorter and longer than an idle child may owe an answer: some wake up in time, others are replaced in their sleep."""

SWEEP_SECONDS = 150
"""How long the sweeps after the last start may take: more than two of them are apart."""

TASKS_A_TROUBLE = 2
"""The killing ends after half as many troubles as there are tasks, so that a slow machine comes to an end too."""

SETTINGS = {
    "submit_rps": "1000",
    "query_rps": "10000",
    "drain_seconds": "60",
    "webhooks_private": "true",
}


@dataclass
class Told:
    """What a soak tells: its figures, and what was off, a line each."""

    tasks: int
    seed: int
    seconds: float = 0.0
    troubles: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
    attempts_at_most: int = 0
    submits_sent_again: int = 0
    webhooks_received: int = 0
    wrong: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, object]:
        """For one JSON line."""
        return dict(vars(self))

    def __str__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        troubles = ", ".join(f"{times} times the {trouble}" for trouble, times in sorted(self.troubles.items()))
        lines = [
            f"soak of {self.tasks} tasks, seed {self.seed}: {self.seconds:.0f} s",
            f"  killed, or for `sleep` stopped for a while: {troubles}",
            f"  the killing ended after {self.troubles.total()} troubles, or sooner with the last task",
            f"  tasks: {states}; {self.attempts} attempts, at most {self.attempts_at_most} for one",
            f"  submits sent again: {self.submits_sent_again}; webhooks received: {self.webhooks_received}",
        ]
        return "\n".join(lines + [f"  WRONG: {line}" for line in self.wrong or ["nothing"]])


@dataclass
class Patient:
    """The server under test, which is started again at once whenever it is killed."""

    data_dir: Path
    server: Server = field(init=False)

    def start(self, *, ready: bool = False) -> None:
        """Start a server, and wait until it is ready where that is wished: clients need not wait, and do not."""
        self.server = start(self.data_dir, ready=ready, **SETTINGS)

    def replace(self, *, ready: bool = False) -> None:
        """SIGKILL the server and start another."""
        self.server.stop(signal.SIGKILL)
        self.start(ready=ready)

    def url(self) -> str:
        """See UnderTest."""
        return self.server.url

    def command(self, *arguments: str) -> str:
        """See UnderTest."""
        return wanserve(*arguments, "--data-dir", str(self.data_dir), webhooks_private="true").stdout

    def child(self) -> int | None:
        """The worker's child, while there is one."""
        with contextlib.suppress(AssertionError, OSError):
            return self.server.child_pid()
        return None


class Trouble(threading.Thread):
    """Kills and stops processes at random, so many times in all; `calm` ends it sooner."""

    def __init__(self, patient: Patient, times: int, chance: random.Random, told: Told) -> None:
        super().__init__(name="trouble", daemon=True)
        self.calm = threading.Event()
        self._patient = patient
        self._times = times
        self._chance = chance
        self._told = told
        self._sleepers: list[threading.Timer] = []

    def run(self) -> None:
        """Each time something is hit that is well: a pause begins once the server is ready again."""
        while self._times and not self.calm.wait(self._chance.uniform(*PAUSE_SECONDS)):
            trouble = self._chance.choice(TROUBLES)
            if trouble == "server":
                self._patient.replace()
            else:
                self._meet_child(trouble)
            self._times -= 1
            self._told.troubles[trouble] += 1
            while trouble != "sleep" and not self._patient.server.ready() and not self.calm.wait(0.1):
                pass
        for sleeper in self._sleepers:
            sleeper.join()

    def _meet_child(self, trouble: str) -> None:
        while (child := self._patient.child()) is None:
            time.sleep(0.05)
        if trouble == "child":
            send(child, signal.SIGKILL)
            return
        send(child, signal.SIGSTOP)
        wake = threading.Timer(self._chance.uniform(*SLEEP_SECONDS), send, (child, signal.SIGCONT))
        self._sleepers.append(wake)
        wake.start()


def send(process: int, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone by now."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)


class UnderTest(Protocol):
    """One server or several, as clients and commands reach them."""

    def url(self) -> str:
        """The base URL of one that is to be asked now."""

    def command(self, *arguments: str) -> str:
        """What a command prints, whether or not it could do what it should."""


@dataclass
class Clients:
    """Submit tasks of all accounts over time, and cancel some; what is not answered is sent again.

    Each account has a webhook at the receiver. `pause_s` are the shortest and the longest pause between two submits.
    """

    under_test: UnderTest
    chance: random.Random
    told: Told
    pause_s: tuple[float, float]
    receiver: Receiver
    http: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=30))
    accepted: dict[str, str] = field(default_factory=dict)
    """The account of each task that was accepted, by its id, oldest first."""

    keys: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        made = {name: self.under_test.command("keys", "create", name, "--account", name) for name in ACCOUNTS}
        self.keys = {name: key.strip() for name, key in made.items()}
        assert all(self.keys.values()), "every account has a key"
        for name in ACCOUNTS:
            secret = self.under_test.command("webhooks", "add", self.receiver.url(f"/{name}"), "--account", name)
            assert secret.startswith("whsec_"), "every account has a webhook"

    def submit_all(self) -> None:
        """Submit as many tasks as there are to be, over time: so submits meet kills too."""
        for number in range(self.told.tasks):
            self._submit(self.chance.choice(ACCOUNTS), number)
            if self.chance.random() < CANCELED_SHARE:
                # One of the latest, which is running or waits, or has ended by now: to cancel an old one would be no test.
                self.under_test.command("tasks", "cancel", self.chance.choice(list(self.accepted)[-5:]))
            time.sleep(self.chance.uniform(*self.pause_s))

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
        """One request; None where no answer came, as the server was killed, or it could not reach the database."""
        headers = {"Ocp-Apim-Subscription-Key": key, "Idempotency-Key": once}
        try:
            answer = self.http.post(self.under_test.url() + path, json=body, headers=headers)
        except httpx.TransportError:
            return None
        assert answer.status_code in (200, 503), answer.text
        return answer if answer.status_code == 200 else None

    def poll_all(self) -> dict[str, str]:
        """What every account is told of its tasks: the state of each."""
        told = {}
        for task_id, account in self.accepted.items():
            answer = self._ask(POLL, {"task_id": task_id}, self.keys[account], "none")
            told[task_id] = "UNANSWERED" if answer is None else str(answer.json()["output"]["task_status"])
        return told


def reckon(installation: Installation, clients: Clients, told_states: dict[str, str]) -> None:
    """Write into `clients.told` how the tasks ended and what was off."""
    told, ended = clients.told, installation.rows()
    told.states.update(task.state for task in ended.values())
    told.attempts = sum(task.attempt for task in ended.values())
    told.attempts_at_most = max(task.attempt for task in ended.values())
    told.webhooks_received = len(clients.receiver.received)
    told.wrong += installation.wrong(clients.accepted)
    told.wrong += webhooks.wrong(clients.receiver, installation, clients.accepted)
    told.wrong += [
        f"task {task} is {ended[task].state}, and its account is told {state}"
        for task, state in told_states.items()
        if task in ended and ended[task].state != state
    ]


def until_swept(installation: Installation) -> None:
    """Wait until nothing is left over that belongs to no task; for SWEEP_SECONDS at most."""
    deadline = time.monotonic() + SWEEP_SECONDS
    while any(installation.left_over()) and time.monotonic() < deadline:
        time.sleep(0.1)


def soak(folder: Path, tasks: int, seed: int) -> Told:
    """Run one soak in the folder; what was off is in `wrong`. The same seed draws the same troubles and pauses."""
    with webhooks.unreliable(random.Random(seed + 2), tasks, ACCOUNTS) as receiver:
        return _soak(folder, tasks, seed, receiver)


def _soak(folder: Path, tasks: int, seed: int, receiver: Receiver) -> Told:
    began, told = time.monotonic(), Told(tasks, seed)
    data_dir = folder / "data"
    installation = Installation([data_dir])
    patient = Patient(data_dir)
    trouble = Trouble(patient, tasks // TASKS_A_TROUBLE, random.Random(seed), told)
    clients = Clients(patient, random.Random(-seed), told, SUBMIT_PAUSE_SECONDS, receiver)
    with marked(folder):
        patient.start()
        try:
            trouble.start()
            clients.submit_all()
            while installation.live():
                time.sleep(0.1)
            trouble.calm.set()
            trouble.join()
            # What belongs to no task goes with the second look after a start.
            patient.replace(ready=True)
            until_swept(installation)
            webhooks.until_delivered(installation)
            told_states = clients.poll_all()
        finally:
            trouble.calm.set()
            patient.server.stop()
            clients.http.close()
    reckon(installation, clients, told_states)
    told.seconds = round(time.monotonic() - began, 1)
    return told


@contextlib.contextmanager
def marked(folder: Path) -> Iterator[None]:
    """Mark what is started meanwhile, and all that it starts, so that nothing which is left over can hide."""
    os.environ[MARK] = str(folder)
    try:
        yield
    finally:
        del os.environ[MARK]
