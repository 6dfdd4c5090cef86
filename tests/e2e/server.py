"""Runs the installed command as its user would, for the tests that go over the network."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

WANSERVE = str(Path(sys.executable).with_name("wanserve"))
READY_SECONDS = 240  # two children that load torch on a machine with other work
SUBMIT = "/wan-video/v1/generateTextToVideoRequest"
POLL = "/wan-video-polling/getTextToVideoResult"


PORT = {"serve": "--port", "worker": "--metrics-port"}
"""The commands that serve, each with the option of its port."""


def environment(**settings: str) -> dict[str, str]:
    """This process's environment with no setting of wanserve but these."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("WANSERVE_")}
    return ours | {f"WANSERVE_{name.upper()}": value for name, value in settings.items()}


def wanserve(
    *arguments: str, cwd: str | Path | None = None, program: str = WANSERVE, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end; in `cwd` there may be a wanserve.toml. `program` is another version's command."""
    return subprocess.run(
        [program, *arguments],
        cwd=cwd,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@dataclass
class Server:
    """A running server. `log` is the file of its stderr, `key` the one that it made at its first start."""

    data_dir: Path
    log: Path
    process: subprocess.Popen[bytes]
    url: str = ""
    key: str = ""
    with_worker: bool = True
    http: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=30))

    def submit(
        self,
        prompt: str = "a cat",
        size: str = "640*480",
        key: str | None = None,
        model: str = "wan2.2-t2v-plus",
        **more: object,
    ) -> str:
        """Submit a task and return its id."""
        body = {"model": model, "input": {"prompt": prompt}, "parameters": {"size": size, **more}}
        answer = self.post(SUBMIT, body, key)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["output"]["task_id"])

    def poll(self, task_id: str, key: str | None = None) -> dict[str, object]:
        """The task's `output`, with its `usage`."""
        said = self.post(POLL, {"task_id": task_id}, key).json()
        return dict(said["output"]) | {"usage": said.get("usage")}

    def wait(self, task_id: str, *states: str, seconds: float = 120) -> dict[str, object]:
        """Poll until the task is in one of the states."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            output = self.poll(task_id)
            if output["task_status"] in states:
                return output
            assert output["task_status"] in ("PENDING", "RUNNING"), output
            time.sleep(0.05)
        raise AssertionError(f"{task_id} is not {states} after {seconds} s: {output}\n{self.log.read_text()[-3000:]}")

    def post(self, path: str, body: object, key: str | None = None) -> httpx.Response:
        """One POST of JSON with the key."""
        headers = {b"Ocp-Apim-Subscription-Key": (self.key if key is None else key).encode()}
        return self.http.post(self.url + path, json=body, headers=headers)

    def child_pid(self) -> int:
        """The process id of the worker's child."""
        listing = Path(f"/proc/{self.process.pid}/task")
        children = {pid for task in listing.iterdir() for pid in (task / "children").read_text().split()}
        workers = [pid for pid in children if b"wanserve.worker.child" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        assert len(workers) == 1, workers
        return int(workers[0])

    def ready(self) -> bool:
        """Whether the next request would be accepted and, where it has a worker, the next task made."""
        paths = ["/readyz", "/readyz/workers"] if self.with_worker else ["/readyz"]
        try:
            return all(self.http.get(self.url + path).status_code == 200 for path in paths)
        except httpx.TransportError:
            return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it and return its exit status."""
        self.process.send_signal(how)
        try:
            return self.process.wait(120)
        finally:
            self.http.close()


def start(
    data_dir: Path,
    *arguments: str,
    cwd: str | Path | None = None,
    ready: bool = True,
    program: str = WANSERVE,
    log: str | Path | None = None,
    command: str = "serve",
    **settings: str,
) -> Server:
    """Start `wanserve serve`, or `wanserve worker`, on a free port, in `cwd`, and wait until it listens and, where `ready`, is ready.

    `program` is another version's command. The log lies beside the data directory, unless `log` says where.
    """
    log = Path(log or data_dir.parent / f"{data_dir.name}.log")
    with log.open("ab") as stderr:
        size = stderr.tell()
        process = subprocess.Popen(
            [program, command, PORT[command], "0", "--data-dir", str(data_dir), *arguments],
            cwd=cwd,
            env=environment(**settings),
            stderr=stderr,
            stdout=stderr,
        )
    server = Server(data_dir, log, process, with_worker="--no-worker" not in arguments)
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        text = log.read_bytes()[size:].decode()
        if listening := re.search(r"listening at (http://[\d.:]+)", text):
            server.url = listening[1]
            if not ready or server.ready():
                break
        time.sleep(0.05)
    else:
        process.kill()
        raise AssertionError(f"the server did not come up:\n{log.read_text()}")
    first = re.search(r"shown only now: (\S+)", log.read_text())
    server.key = first[1] if first else ""
    return server


@contextlib.contextmanager
def running(
    data_dir: Path,
    *arguments: str,
    cwd: str | Path | None = None,
    ready: bool = True,
    program: str = WANSERVE,
    command: str = "serve",
    **settings: str,
) -> Iterator[Server]:
    """A server for the length of a block."""
    server = start(data_dir, *arguments, cwd=cwd, ready=ready, program=program, command=command, **settings)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            assert server.stop() == 0, server.log.read_text()[-3000:]
