"""The synchronous and the asynchronous client behind one face, so that one test holds both to the same."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wanserve.client import AsyncVideo, AsyncWan, Video, VideoInfo, Wan

KINDS = ("sync", "async")


class Client:
    """Calls either client; its methods are those of `Wan`."""

    def __init__(
        self, kind: str, run: Callable[[Coroutine[Any, Any, Any]], Any], url: str, key: str, **options: Any
    ) -> None:
        self.run = run
        self.wan: Any = Wan(url, key, **options) if kind == "sync" else AsyncWan(url, key, **options)

    def call(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Call a method, and await what it returns where it has to be."""
        result = getattr(self.wan, name)(*arguments, **options)
        return self.run(result) if asyncio.iscoroutine(result) else result

    def generate(self, prompt: str, **options: Any) -> VideoInfo:
        video: VideoInfo = self.call("generate", prompt, **options)
        return video

    def submit(self, prompt: str, **options: Any) -> VideoInfo:
        video: VideoInfo = self.call("submit", prompt, **options)
        return video

    def wait(self, video: VideoInfo | str, **options: Any) -> VideoInfo:
        made: VideoInfo = self.call("wait", video, **options)
        return made

    def get(self, video_id: str) -> VideoInfo:
        video: VideoInfo = self.call("get", video_id)
        return video

    def cancel(self, video: VideoInfo | str) -> VideoInfo:
        canceled: VideoInfo = self.call("cancel", video)
        return canceled

    def delete(self, video: VideoInfo | str) -> None:
        self.call("delete", video)

    def download(self, video: VideoInfo | str, path: Path) -> Path:
        saved: Path = self.call("download", video, path)
        return saved

    def save(self, video: VideoInfo, path: Path) -> Path:
        """`save` of a video."""
        assert isinstance(video, Video | AsyncVideo)
        saved = video.save(path)
        if isinstance(saved, Path):
            return saved
        there: Path = self.run(saved)
        return there

    def list(self, **options: Any) -> "list[VideoInfo]":
        listed = self.wan.list(**options)
        if isinstance(self.wan, Wan):
            return list(listed)

        async def collected() -> Any:
            return [video async for video in listed]

        videos: list[VideoInfo] = self.run(collected())
        return videos

    def close(self) -> None:
        if isinstance(self.wan, Wan):
            self.wan.close()
        else:
            self.run(self.wan.aclose())


@contextmanager
def client(kind: str, url: str, key: str, **options: Any) -> Iterator[Client]:
    """A client of this kind, closed at the end."""
    with asyncio.Runner() as runner:
        made = Client(kind, runner.run, url, key, **options)
        try:
            yield made
        finally:
            made.close()
