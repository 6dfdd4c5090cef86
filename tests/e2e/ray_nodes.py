"""Nodes of a Ray cluster on this machine, with GPUs that are only said to be there. Each is a tree of real processes."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.faults.harness import until

RAY = str(Path(sys.executable).with_name("ray"))

QUICK = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # How long a node lives without its head: a minute unless it is set.
    "RAY_gcs_rpc_server_reconnect_timeout_s": "3",
    # How soon the head notices that a node is gone: 15 seconds unless it is set.
    "RAY_health_check_initial_delay_ms": "0",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "3000",
}

FREE_PORTS = ("--min-worker-port=0", "--max-worker-port=0", "--disable-usage-stats")


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def descendants(pid: int) -> list[int]:
    """The process and all below it."""
    children: list[str] = []
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            children += (thread / "children").read_text().split()
    return [pid, *(inner for child in children for inner in descendants(int(child)))]


@dataclass
class RayNodes:
    """The head, and nodes that join it. The head has no GPU."""

    folder: Path
    environ: Mapping[str, str]
    port: int = field(default_factory=free_port)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def head(self, *program: str) -> subprocess.Popen[bytes]:
        """Start the head, and wait until its port is open."""
        sessions = f"--temp-dir={self.folder}"
        started = self._start("--head", f"--port={self.port}", "--include-dashboard=false", sessions, program=program)
        until("the head's port", self._listens)
        return started

    def node(self, gpus: int) -> subprocess.Popen[bytes]:
        """Start a node with so many GPUs."""
        return self._start(f"--address={self.address}", f"--num-gpus={gpus}")

    def kill(self, node: subprocess.Popen[bytes]) -> None:
        """End a node as a power failure would."""
        self.running.remove(node)
        for pid in descendants(node.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        node.wait()

    def _start(self, *options: str, program: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        command = [*(program or (RAY,)), "start", "--block", "--num-cpus=4", *FREE_PORTS, *options]
        with (self.folder / "nodes.log").open("ab") as log:
            node = subprocess.Popen(command, env={**os.environ, **QUICK, **self.environ}, stdout=log, stderr=log)
        self.running.append(node)
        return node

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


@contextmanager
def ray_nodes(folder: Path, **environ: str) -> Iterator[RayNodes]:
    """A cluster without nodes, whose nodes end with the block."""
    nodes = RayNodes(folder, environ)
    try:
        yield nodes
    finally:
        for node in list(nodes.running):
            nodes.kill(node)
