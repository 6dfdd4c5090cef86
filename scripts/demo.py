"""`make demo`: a server on a free port, the document's own request over HTTP, and kitten.mp4."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WANSERVE = Path(sys.executable).with_name("wanserve")
START_SECONDS = 60


def main() -> int:
    """Make the document's video through a server of its own, which is stopped afterwards."""
    with tempfile.TemporaryDirectory(prefix="wanserve-demo-") as folder:
        log = Path(folder) / "server.log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WANSERVE_")}
        with log.open("wb") as stderr:
            server = subprocess.Popen(
                [WANSERVE, "serve", "--port", "0", "--data-dir", f"{folder}/data"], stderr=stderr, env=environment
            )
        try:
            url, key = address(server, log)
            print(f"wanserve is at {url} for as long as this takes, with a key of its own.", flush=True)
            request = [
                "A kitten running in the moonlight",
                "--negative",
                "flowers, people, text",
                "--size",
                "1920*1080",
            ]
            made = subprocess.run(
                [WANSERVE, "generate", *request, "--url", url, "--key", key, "-o", "kitten.mp4"],
                env=environment,
                check=False,
            )
            return made.returncode
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)


def address(server: subprocess.Popen[bytes], log: Path) -> tuple[str, str]:
    """Where the server listens and its first key, once it says so."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        text = log.read_text()
        url, key = re.search(r"listening at (http://\S+?)\"", text), re.search(r"shown only now: (\S+)", text)
        if url and key:
            return url[1], key[1]
        time.sleep(0.1)
    raise SystemExit(f"the server did not start:\n{log.read_text()}")


if __name__ == "__main__":
    sys.exit(main())
