"""A real S3 server for tests, SeaweedFS: one for each process that runs tests. It checks the signature of every request."""

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from tests import needs

REGION = "us-east-1"
OWNER = ("OWNERKEY", "the-owners-secret")
"""The access key that may do everything, and its secret."""

LIMITED = {
    "READER": ["Read", "List"],
    "WRITER": ["Write"],
}
"""Further access keys, with what each may do. The secret of each is its name in lower case."""

SECONDS = 60


def weed() -> str:
    """The path of SeaweedFS's program; skips where it is not installed."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else needs.program("weed")


@dataclass
class S3Server:
    """One server that can be stopped and started again with the same files at the same address."""

    folder: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def endpoint(self) -> str:
        """The base of its URLs."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, on the port that it had before, and wait until it answers."""
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self.port = ports["s3.port"] = self.port or ports["s3.port"]
        identities = [{"name": "owner", "actions": ["Admin", "Read", "Write", "List"], "credentials": [key(*OWNER)]}]
        identities += [
            {"name": name, "actions": actions, "credentials": [key(name, name.lower())]}
            for name, actions in LIMITED.items()
        ]
        (self.folder / "data").mkdir(exist_ok=True)
        (self.folder / "s3.json").write_text(json.dumps({"identities": identities}))
        options = {
            "dir": self.folder / "data",
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "filer.localSocket": self.folder / "filer",
            "s3.localSocket": self.folder / "s3",
            "s3.config": self.folder / "s3.json",
            "s3.autoCreateBucket": "false",
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "master.telemetry": "false",
            "master.electionTimeout": "1s",
            "master.volumeSizeLimitMB": 64,
            "volume.max": 50,
            "volume.preStopSeconds": 0,
            "volume.minFreeSpace": "100MiB",
            **ports,
        }
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    weed(), "-logtostderr=true", "server", "-filer", "-s3",
                    *(f"-{name}={value}" for name, value in options.items()),
                ],
                cwd=self.folder, stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + SECONDS
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()[-3000:]
            assert time.monotonic() < deadline, "the S3 server did not come up"
            time.sleep(0.05)

    def _answers(self) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            client(self.endpoint).list_buckets()
        except (BotoCoreError, ClientError):
            return False
        return True

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it as a crash would; its files stay."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(SECONDS)
            self.process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """While the block runs it takes connections and answers nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def bucket(self, name: str) -> "Bucket":
        """A new bucket of this name, in place of an older one."""
        made = Bucket(self, name)
        made.make()
        return made


PORTS = (
    "s3.port", "s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port",
    "filer.port.grpc",
)  # fmt: skip


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at, at this moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def key(name: str, secret: str) -> dict[str, str]:
    """An access key as the server's configuration has it."""
    return {"accessKey": name, "secretKey": secret}


@lru_cache
def client(endpoint: str, name: str = OWNER[0], secret: str = OWNER[1]) -> Any:
    """Amazon's own client, which is not what wanserve uses."""
    from botocore.config import Config
    from botocore.session import Session

    return Session().create_client(
        "s3",
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id=name,
        aws_secret_access_key=secret,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


@dataclass(frozen=True)
class Bucket:
    """A bucket of the server, seen by Amazon's own client."""

    server: S3Server
    name: str

    @property
    def url(self) -> str:
        """The value of WANSERVE_BLOB_URL."""
        return f"s3://{self.name}"

    @property
    def api(self) -> Any:
        """Amazon's client, with the owner's key."""
        return client(self.server.endpoint)

    def environment(self, name: str = OWNER[0], secret: str | None = None) -> dict[str, str]:
        """The variables with which a process gets into it; those of an access key of LIMITED where it is named."""
        secret = secret or (OWNER[1] if name == OWNER[0] else name.lower())
        return {
            "AWS_ENDPOINT_URL": self.server.endpoint,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": name,
            "AWS_SECRET_ACCESS_KEY": secret,
        }

    def enter(self, patch: pytest.MonkeyPatch, name: str = OWNER[0]) -> None:
        """Set these variables in this process, and no other of their kind."""
        for variable in [variable for variable in os.environ if variable.startswith("AWS_")]:
            patch.delenv(variable)
        for variable, value in self.environment(name).items():
            patch.setenv(variable, value)

    def make(self) -> None:
        """Make it, empty."""
        if any(bucket["Name"] == self.name for bucket in self.api.list_buckets()["Buckets"]):
            keys = [{"Key": object_key} for object_key in self.keys()]
            for begin in range(0, len(keys), 1000):
                self.api.delete_objects(Bucket=self.name, Delete={"Objects": keys[begin : begin + 1000]})
            return
        self.api.create_bucket(Bucket=self.name)

    def keys(self) -> list[str]:
        """The keys of all objects in it."""
        pages = self.api.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return sorted(found["Key"] for page in pages for found in page.get("Contents", ()))


@contextmanager
def own_server() -> Iterator[S3Server]:
    """A server for the length of a block, for tests that stop it."""
    needs.library("obstore")
    needs.library("botocore")
    weed()
    folder = Path(tempfile.mkdtemp(prefix="wanserve-s3-"))
    server = S3Server(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@lru_cache(maxsize=1)
def server() -> S3Server:
    """A running server that all tests of this process share. It ends with this process."""
    block = own_server()
    started = block.__enter__()
    atexit.register(block.__exit__, None, None, None)
    return started
