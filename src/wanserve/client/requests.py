"""Builds the requests: pure functions, the same for both clients. The API is OpenAI's videos, with this server's fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypedDict
from urllib.parse import quote, urlencode

VIDEOS: Final = "/v1/videos"
PAGE: Final = 100
"""The most videos that the server puts on one page of a list."""


Loras = Mapping[str, float | None] | Sequence[str]
"""LoRAs by name, each with its strength; None, or a name alone: as strongly as the server's owner has set."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request without its address and its key. `path` includes the query."""

    method: str
    path: str
    body: Mapping[str, object] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class VideoSettings(TypedDict, total=False):
    """What a video is made with besides its prompt. What is left out, or None, is the server's default."""

    model: str | None
    size: str | None
    negative_prompt: str | None
    seconds: int | None
    seed: int | None
    prompt_extend: bool | None
    watermark: bool | None
    profile: str | None
    steps: int | None
    guidance_scale: float | None
    loras: Loras | None


def create(
    prompt: str,
    idempotency_key: str,
    *,
    model: str | None = None,
    size: str | None = None,
    negative_prompt: str | None = None,
    seconds: int | None = None,
    seed: int | None = None,
    prompt_extend: bool | None = None,
    watermark: bool | None = None,
    profile: str | None = None,
    steps: int | None = None,
    guidance_scale: float | None = None,
    loras: Loras | None = None,
) -> Request:
    """Submit a video. Sent again with the same idempotency key, it does not submit another."""
    wanted: dict[str, object] = {
        "prompt": prompt,
        "model": model,
        "size": size,
        "negative_prompt": negative_prompt,
        "seconds": None if seconds is None else str(seconds),
        "seed": seed,
        "prompt_extend": prompt_extend,
        "watermark": watermark,
        "profile": profile,
        "num_inference_steps": steps,
        "guidance_scale": guidance_scale,
        "loras": _loras(loras) if loras else None,
    }
    body = {name: value for name, value in wanted.items() if value is not None}
    return Request("POST", VIDEOS, body, {"Idempotency-Key": idempotency_key})


def retrieve(video_id: str) -> Request:
    """Ask for one video."""
    return Request("GET", _video(video_id))


def events(video_id: str, last_event_id: str) -> Request:
    """Open the stream of events about one video, after the last event that was received, if there was one."""
    headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
    if last_event_id:
        headers["Last-Event-ID"] = last_event_id
    return Request("GET", f"{_video(video_id)}/events", headers=headers)


def page(after: str | None, limit: int | None) -> Request:
    """Ask for a page of the list, newest first, after a video."""
    query: dict[str, object] = {"limit": PAGE if limit is None else min(limit, PAGE)}
    if after is not None:
        query["after"] = after
    return Request("GET", f"{VIDEOS}?{urlencode(query)}")


def cancel(video_id: str) -> Request:
    """Cancel a video that has not ended."""
    return Request("POST", f"{_video(video_id)}/cancel")


def delete(video_id: str) -> Request:
    """Delete a video."""
    return Request("DELETE", _video(video_id))


def content(video_id: str, begin: int, etag: str) -> Request:
    """Download a video: whole, or from byte `begin` on where the file still has this entity tag."""
    headers = {"Accept-Encoding": "identity"}
    if begin:
        headers |= {"Range": f"bytes={begin}-", "If-Range": etag}
    return Request("GET", f"{_video(video_id)}/content", headers=headers)


def _loras(loras: Loras) -> list[dict[str, object]]:
    if isinstance(loras, Mapping):
        return [_lora(name, strength) for name, strength in loras.items()]
    return [_lora(name, None) for name in ([loras] if isinstance(loras, str) else loras)]


def _lora(name: str, strength: float | None) -> dict[str, object]:
    return {"name": name} if strength is None else {"name": name, "strength": strength}


def _video(video_id: str) -> str:
    return f"{VIDEOS}/{quote(video_id, safe='')}"
