"""Requests that schemathesis generates from the served OpenAPI document: what it promises holds, and nothing is a 5xx."""

import subprocess
import sys
from pathlib import Path

from tests.e2e.server import running
from tests.fuzz.budget import EXTENT, FIXED_REQUESTS, FRESH_SECONDS, SEED

MANY = "1000000"
EXCLUDED = {
    # A valid submit is refused where its Idempotency-Key was used for another one, which no schema can say.
    "positive_data_acceptance",
    # The document's clients know 404 for a wrong method, and no 405.
    "unsupported_method",
}


def amount() -> list[str]:
    """As many fixed requests, or as much time for fresh ones, as there is."""
    if FRESH_SECONDS:
        return [f"--seed={SEED}", f"--max-time={max(1, round(FRESH_SECONDS * EXTENT))}"]
    return ["--generation-deterministic", f"--max-examples={FIXED_REQUESTS}", "--workers=1"]


def test_no_generated_request_breaks_what_the_document_says(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--no-worker", submit_rps=MANY, query_rps=MANY, max_queued=MANY) as server:
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("schemathesis")),
                "run",
                f"{server.url}/openapi.json",
                # The document's own server is relative, which it reads otherwise than a browser does.
                f"--url={server.url}",
                # 503 is the right answer of a server without workers.
                "--exclude-path=/readyz/workers",
                # A stream has no end.
                "--exclude-path-regex=/events$",
                f"--header=Ocp-Apim-Subscription-Key: {server.key}",
                f"--header=Authorization: Bearer {server.key}",
                *amount(),
                "--request-timeout=10",
                "--continue-on-failure",
                f"--exclude-checks={','.join(sorted(EXCLUDED))}",
                "--no-color",
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-5000:] + done.stderr
        print(done.stdout.split("Test cases:")[1].split("Seed")[0])
        log = server.log.read_text()
    assert '"level": "error"' not in log
    assert "Traceback" not in log
