"""Answers of the server as the client gets them."""

import json
from typing import Any

from wanserve.client.answers import Answer

VIDEO_ID = "video_19d8e7a6c6524f0e9a530f6f4a1e2b3c"
VIDEO = {
    "id": VIDEO_ID,
    "object": "video",
    "model": "wan2.2-t2v-plus",
    "status": "in_progress",
    "progress": 33,
    "created_at": 1_758_941_485,
    "completed_at": None,
    "expires_at": None,
    "prompt": "A kitten",
    "size": "832x480",
    "seconds": "5",
    "remixed_from_video_id": None,
    "error": None,
    "negative_prompt": "",
    "seed": 7,
    "prompt_extend": True,
    "watermark": False,
    "url": None,
}


def video(**fields: Any) -> dict[str, Any]:
    """A video as the server tells of it."""
    return VIDEO | fields


def answer(body: object, status: int = 200, **headers: str) -> Answer:
    """An answer of JSON."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, named, json.dumps(body).encode())


def refusal(status: int, code: str = "c", message: str = "no", param: str | None = None, **headers: str) -> Answer:
    """An error of the server."""
    return answer({"error": {"message": message, "type": "t", "param": param, "code": code}}, status, **headers)


def event(**fields: Any) -> str:
    """The data of an event."""
    told = {"id": VIDEO_ID, "state": "running", "stage": "denoise", "step": 12, "steps": 50, "fraction": 0.244}
    return json.dumps(told | {"place": None, "seconds_left": 61.3, "error": None} | fields)


def sent_event(number: int, **fields: Any) -> bytes:
    """An event as it is sent."""
    return f"id: {number}\nevent: video.progress\ndata: {event(**fields)}\n\n".encode()
