"""Makes a video on a running server: submits, polls and downloads over the document's API."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from wanserve.client.errors import ServerRefused

POLL_SECONDS: Final = 0.5
TIMEOUT_SECONDS: Final = 30.0
"""The timeout of one answer, not of the video: a server answers at once, also while it renders."""

_NOT_OURS: Final = "this is not an answer of the document's API: is there a wanserve at this address?"


@dataclass(frozen=True, slots=True)
class Client:
    """Talks to the server at `url`, such as `http://127.0.0.1:8000`, with an API key of it."""

    url: str
    key: str
    _http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        # With trust_env httpx would send requests for 127.0.0.1 to the environment's proxy too.
        http = httpx.Client(base_url=self.url, timeout=TIMEOUT_SECONDS, trust_env=False)
        object.__setattr__(self, "_http", http)

    def submit(self, body: dict[str, object]) -> str:
        """Submit the document's request body and return the task's id. Raises ServerRefused."""
        output = self._post("/wan-video/v1/generateTextToVideoRequest", body)
        return str(output["task_id"])

    def wait(self, task_id: str, on_status: Callable[[str], None]) -> str:
        """Poll until the task has its video, call `on_status` each time, and return the video's link. Raises ServerRefused."""
        while True:
            output = self._post("/wan-video-polling/getTextToVideoResult", {"task_id": task_id})
            status = str(output["task_status"])
            on_status(status)
            if status == "SUCCEEDED":
                return str(output["video_url"])
            if status not in ("PENDING", "RUNNING"):
                raise ServerRefused(f"the task is {status}: {output.get('message', 'no reason was given')}")
            time.sleep(POLL_SECONDS)

    def download(self, link: str, to: Path) -> None:
        """Write the video behind the link to a file. Raises ServerRefused."""
        with _as_server_refused(), self._http.stream("GET", link) as answer:
            answer.raise_for_status()
            with to.open("wb") as file:
                for chunk in answer.iter_bytes():
                    file.write(chunk)

    def _post(self, path: str, body: dict[str, object]) -> dict[str, object]:
        with _as_server_refused():
            answer = self._http.post(path, json=body, headers={"Ocp-Apim-Subscription-Key": self.key})
            said = answer.json()
        if not isinstance(said, dict) or not {"error", "output"} & said.keys():
            raise ServerRefused(_NOT_OURS)
        if answer.is_error:
            raise ServerRefused(f"{said.get('error')} ({said.get('message')})")
        output: dict[str, object] = said["output"]
        return output


@contextmanager
def _as_server_refused() -> Iterator[None]:
    """Turn the errors of httpx and of the JSON parser into ServerRefused."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ServerRefused(f"the request failed: {error}") from error
    except ValueError as error:
        raise ServerRefused(_NOT_OURS) from error
