"""The course of a wait: the event stream, with polls behind it. What is told of a video can be lost, and is asked again."""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from wanserve.client import requests
from wanserve.client.answers import Answer, EventReader, poll_after_s, read_event, read_video
from wanserve.client.errors import (
    ServerUnreachable,
    UnexpectedAnswer,
    VideoCanceled,
    VideoFailed,
    WaitTimeout,
    WanError,
)
from wanserve.client.flows import Close, Flow, NextBytes, Open, Pause, Retries, Tell, answered, further
from wanserve.client.info import VideoInfo

SILENCE_SECONDS: Final = 40.0
"""After this a stream counts as broken: the server sends something every 15 seconds."""

REFUSED_SECONDS: Final = 30.0
"""When a stream that was refused is tried again: by an older server, or by a proxy that lets none through."""

SHORTEST_PAUSE_SECONDS: Final = 0.05
"""Between a poll and the next attempt at the stream."""


@dataclass(slots=True)
class _Wait:
    """What a wait knows: the video as it was told last, the last event, and when the stream may be opened again."""

    video_id: str
    retries: Retries
    timeout_s: float | None
    deadline_s: float | None
    video: VideoInfo | None
    told: VideoInfo | None = None
    events: EventReader = field(default_factory=EventReader)
    stream_at_s: float = 0.0

    @property
    def streams(self) -> bool:
        """Whether the stream should be open now."""
        now_s = self.retries.now_s()
        return now_s >= self.stream_at_s and self._allows_stream(now_s)

    def learn(self, video: VideoInfo) -> Flow[None]:
        """Take in what was told, and tell it on where it is new."""
        self.video = further(self.video, video)
        if self.video != self.told:
            self.told = self.video
            yield Tell(self.video)

    def pause_s(self, advised_s: float) -> float:
        """The pause before the next look. Raises WaitTimeout at the deadline."""
        now_s = self.retries.now_s()
        pause_s = advised_s
        if self._allows_stream(max(now_s, self.stream_at_s)):
            pause_s = min(pause_s, max(self.stream_at_s - now_s, SHORTEST_PAUSE_SECONDS))
        if self.deadline_s is None:
            return pause_s
        if now_s >= self.deadline_s:
            raise WaitTimeout(self.video_id, self.timeout_s or 0.0)
        return min(pause_s, self.deadline_s - now_s)

    def _allows_stream(self, at_s: float) -> bool:
        """Shortly before the deadline there are polls only: a wait for an event cannot be cut short, a pause can."""
        return self.deadline_s is None or self.deadline_s - at_s > SILENCE_SECONDS


def waiting(
    video_id: str,
    known: VideoInfo | None,
    retries: Retries,
    timeout_s: float | None = None,
    deadline_s: float | None = None,
) -> Flow[VideoInfo]:
    """Wait until the video has ended, and return it. `known` is what was told of it last.

    Raises VideoFailed, VideoCanceled, WaitTimeout, ServerUnreachable, RequestRefused.
    """
    wait = _Wait(video_id, retries, timeout_s, deadline_s, known)
    if known is not None and not known.ended:
        yield from wait.learn(known)
    while True:
        if wait.video is not None and wait.streams:
            yield from _listen(wait, wait.video)
        answer = yield from _poll(wait)
        video = read_video(answer)
        yield from wait.learn(video)
        if video.ended:
            return _made(video)
        yield Pause(wait.pause_s(poll_after_s(answer)))


def _poll(wait: _Wait) -> Flow[Answer]:
    course = wait.retries.course(deadline_s=wait.deadline_s)
    try:
        return (yield from answered(requests.retrieve(wait.video_id), wait.retries, course))
    except WanError as error:
        if course.late:
            raise WaitTimeout(wait.video_id, wait.timeout_s or 0.0) from error
        raise


def _listen(wait: _Wait, video: VideoInfo) -> Flow[None]:
    """Tell of the events until the stream ends: with the video, or because it broke, or because a deadline is near."""
    wait.events.restart()
    with suppress(ServerUnreachable, UnexpectedAnswer):
        opened: Answer = yield Open(requests.events(wait.video_id, wait.events.last_id), SILENCE_SECONDS)
        if opened.refused or not opened.headers.get("content-type", "").startswith("text/event-stream"):
            wait.stream_at_s = wait.retries.now_s() + REFUSED_SECONDS
            yield Close()
            return
        wait.retries.answered = True
        yield from _hear(wait, video)
    yield Close()
    wait.stream_at_s = wait.retries.now_s() + wait.events.again_s


def _hear(wait: _Wait, video: VideoInfo) -> Flow[None]:
    """Tell of the events of the stream that is open."""
    while wait.streams and (arrived := (yield NextBytes())):
        for data in wait.events.feed(arrived):
            after = read_event(wait.video or video, data)
            # What it has become is asked for: the poll has the link to the video too.
            if after is not None and not after.ended:
                yield from wait.learn(after)


def _made(video: VideoInfo) -> VideoInfo:
    match video.state:
        case "failed":
            raise VideoFailed(video)
        case "canceled":
            raise VideoCanceled(video)
        case _:
            return video
