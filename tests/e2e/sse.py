"""Reads server-sent events from a running server, as a client would."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.e2e.server import Server


@dataclass(frozen=True)
class Told:
    """One event."""

    id: int
    name: str
    data: dict[str, Any]


@contextmanager
def streaming(server: Server, path: str, key: str | None = None, last: object = None) -> Iterator[httpx.Response]:
    """An open stream."""
    headers = {b"Authorization": f"Bearer {key or server.key}".encode()}
    if last is not None:
        headers[b"Last-Event-ID"] = str(last).encode("latin-1")
    with server.http.stream("GET", server.url + path, headers=headers, timeout=60) as answer:
        yield answer


def events(answer: httpx.Response) -> Iterator[Told]:
    """The events as they come."""
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        if not line and fields.keys() >= {"id", "event", "data"}:
            yield Told(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            fields = {}
        elif not line:
            fields = {}
        elif not line.startswith(":"):
            name, _, text = line.partition(": ")
            fields[name] = text


def video_of(task_id: str) -> str:
    """The video's id of a task's."""
    return f"video_{task_id.replace('-', '')}"


def path_of(task_id: str) -> str:
    """The path of a task's events."""
    return f"/v1/videos/{video_of(task_id)}/events"


def assert_never_goes_back(told: list[Told]) -> None:
    """The progress and the ids only grow, and no event came twice."""
    fractions = [each.data["fraction"] for each in told]
    assert fractions == sorted(fractions)
    assert [each.id for each in told] == sorted({each.id for each in told})
