"""Knows how to have a video made by a running wanserve: submit, wait, download, over the document's API."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from wanserve.domain.errors import WanserveError

POLL_SECONDS: Final = 0.5
TIMEOUT_SECONDS: Final = 30.0
"""For one answer, not for the video: a server that renders still answers at once."""

_NOT_OURS: Final = "the server's answer is none of the document's API: is this address a wanserve?"


class ServerRefused(WanserveError):
    """The server said no, could not be reached, or the task ended without a video."""

    code = "server_refused"


@dataclass(frozen=True, slots=True)
class Client:
    """A server's address, such as `http://127.0.0.1:8000`, and a key of it."""

    url: str
    key: str
    _http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        # A proxy of the environment would be asked for 127.0.0.1 too.
        http = httpx.Client(base_url=self.url, timeout=TIMEOUT_SECONDS, trust_env=False)
        object.__setattr__(self, "_http", http)

    def submit(self, body: dict[str, object]) -> str:
        """Submit the document's request body and return the task's id. Raises ServerRefused."""
        output = self._post("/wan-video/v1/generateTextToVideoRequest", body)
        return str(output["task_id"])

    def wait(self, task_id: str, on_status: Callable[[str], None]) -> str:
        """Poll until the task has its video, telling each status, and return its link. Raises ServerRefused."""
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
        with _said_plainly(), self._http.stream("GET", link) as answer:
            answer.raise_for_status()
            with to.open("wb") as file:
                for chunk in answer.iter_bytes():
                    file.write(chunk)

    def _post(self, path: str, body: dict[str, object]) -> dict[str, object]:
        with _said_plainly():
            answer = self._http.post(path, json=body, headers={"Ocp-Apim-Subscription-Key": self.key})
            said = answer.json()
        if not isinstance(said, dict) or not {"error", "output"} & said.keys():
            raise ServerRefused(_NOT_OURS)
        if answer.is_error:
            raise ServerRefused(f"{said.get('error')} ({said.get('message')})")
        output: dict[str, object] = said["output"]
        return output


@contextmanager
def _said_plainly() -> Iterator[None]:
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ServerRefused(f"the server did not answer as it should: {error}") from error
    except ValueError as error:
        raise ServerRefused(_NOT_OURS) from error
