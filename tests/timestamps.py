"""A real time-stamping authority (RFC 3161) on the loopback: OpenSSL makes the stamps."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests import needs
from tests.certificates import Order, issue

CONFIGURATION = """
[tsa]
default_tsa = own
[own]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
certs = {folder}/chain.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
other_policies = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
"""


@dataclass
class Authority:
    """Where it listens, how often it was asked, and what it answers: stamps, "refused" or "nonsense"."""

    folder: Path
    url: str = ""
    asked: int = 0
    answers: str = "stamps"
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, query: bytes) -> tuple[int, bytes]:
        with self._lock:
            self.asked += 1
            if self.answers != "stamps":
                return (403, b"") if self.answers == "refused" else (200, b"no stamp")
            (self.folder / "query").write_bytes(query)
            command = [needs.program("openssl"), "ts", "-reply", "-queryfile", "query", "-out", "reply"]
            command += ["-config", "tsa.cnf", "-section", "own"]
            subprocess.run(command, cwd=self.folder, check=True, capture_output=True)
            return 200, (self.folder / "reply").read_bytes()


@contextmanager
def authority(tmp_path: Path) -> Iterator[Authority]:
    """An authority for the length of a block."""
    folder = tmp_path / "authority"
    folder.mkdir()
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(CONFIGURATION.format(folder=folder))
    key = rsa.generate_private_key(65537, 2048)
    issued = issue(Order(key, uses=[ExtendedKeyUsageOID.TIME_STAMPING], stamps_times=True, name="Example TSA"))
    (folder / "tsa.pem").write_bytes(issued.own)
    (folder / "chain.pem").write_bytes(issued.root)
    (folder / "tsa.key").write_bytes(issued.key)
    found = Authority(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = found.answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            with found._lock:
                found.asked += 1
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
