"""Starts the processes that a bench measures, on loopback and free ports, and ends each by its own id."""

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.result import ROOT
from wanserve.http.listener import bind_socket

HOST: Final = "127.0.0.1"
READY_SECONDS: Final = 60
END_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Listening:
    """A process that answers HTTP at a port of loopback."""

    pid: int
    port: int

    def cpu_s(self) -> float:
        """The CPU time that the process has used so far, in its own code and in the kernel, in seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        # utime and stime: fields 14 and 15, by proc(5).
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def request(self, method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
        """One request on a connection of its own; the body of the answer. Raises RuntimeError unless it is a 200."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path} answered {answer.status}: {content[:300]!r}")
        return content


@contextlib.contextmanager
def wanserve(data_dir: Path, *arguments: str, **settings: object) -> Iterator[Listening]:
    """`wanserve serve` on the data directory with these settings, once it is ready."""
    command = [str(Path(sys.executable).with_name("wanserve")), "serve", "--data-dir", str(data_dir), *arguments]
    ours = {f"WANSERVE_{name.upper()}": str(value) for name, value in settings.items()}
    with listening(
        command, ours, data_dir, "/readyz/workers" if "--no-worker" not in arguments else "/readyz"
    ) as server:
        yield server


@contextlib.contextmanager
def listening(command: Sequence[str], variables: dict[str, str], folder: Path, ready: str) -> Iterator[Listening]:
    """The command in `folder`, its port appended, once a GET of the path `ready` is a 200. Raises RuntimeError."""
    with bind_socket(HOST, 0) as free:
        port = free.getsockname()[1]
    log = folder / "bench.log"
    with log.open("ab") as stderr:
        process = subprocess.Popen(
            [*command, "--port", str(port)], env=environment() | variables, cwd=folder, stdout=stderr, stderr=stderr
        )
    server = Listening(process.pid, port)
    try:
        _await_ready(process, server, ready)
        yield server
    except Exception as error:
        # What went wrong may be that it is gone: its own last words then say more.
        status = "still runs" if process.poll() is None else f"ended with status {process.returncode}"
        words = log.read_text(encoding="utf-8")[-3000:]
        raise RuntimeError(f"{' '.join(command)} {status}:\n{words}") from error
    finally:
        end(process)


def environment() -> dict[str, str]:
    """This process's environment without settings of wanserve, in which `bench` can be imported from any folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANSERVE_")}
    return kept | {"PYTHONPATH": str(ROOT)}


def end(process: subprocess.Popen[bytes]) -> None:
    """Have the process end, and kill it if it does not."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def memory_mb(pid: int, field: str) -> float:
    """A field of the process's status in MB of 10**6 bytes: VmRSS is what it holds now, VmHWM the most it ever held."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(rf"^{field}:\s*(\d+) kB$", status, re.MULTILINE)
    assert found, f"process {pid} has no {field}"
    return round(int(found[1]) * 1024 / 1e6, 1)


def _await_ready(process: subprocess.Popen[bytes], server: Listening, path: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, RuntimeError, http.client.HTTPException):
            server.request("GET", path, {}, b"")
            return
        time.sleep(0.05)
    raise RuntimeError(f"it did not come up within {READY_SECONDS} s")
