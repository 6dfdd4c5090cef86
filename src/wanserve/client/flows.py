"""The course of each operation as a generator, which both clients run: it yields what is to be done, and gets the outcome.

So what is sent when, what is sent again and what an answer means is here once, with no I/O. The two clients hold the I/O:
`sync.py` does each step with blocking calls, `aio.py` awaits it.
"""

import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeVar

from wanserve.client import requests
from wanserve.client.answers import Answer, Page, error_of, read_deleted, read_page, read_video, retry_after_s
from wanserve.client.errors import NotFound, RequestRefused, ServerUnreachable, WanError
from wanserve.client.info import VideoInfo
from wanserve.client.requests import Request

T = TypeVar("T")

SEND_SECONDS: Final = 30.0
"""The longest pause in an answer. A server answers at once, also while it makes videos."""

FIRST_PAUSE_SECONDS: Final = 0.25
LONGEST_PAUSE_SECONDS: Final = 8.0

NEW_SERVER_SECONDS: Final = 3.0
"""For how long a server is tried that has never answered: its address may be misspelt."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request and read its answer. The outcome is an Answer, or ServerUnreachable is thrown into the flow."""

    request: Request
    seconds: float = SEND_SECONDS


@dataclass(frozen=True, slots=True)
class Open:
    """The same for an answer that is read bit by bit. An error is read whole; else the connection stays open."""

    request: Request
    seconds: float = SEND_SECONDS


@dataclass(frozen=True, slots=True)
class NextBytes:
    """Wait for the next bytes of the open answer. The outcome is empty at the end."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the open answer."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Let the time pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Tell:
    """Call `on_progress`."""

    video: VideoInfo


@dataclass(frozen=True, slots=True)
class OnDisk:
    """Run a function that reads or writes a file. The outcome is its result."""

    run: Callable[[], object]


Step = Send | Open | NextBytes | Close | Pause | Tell | OnDisk
Flow = Generator[Step, Any, T]
"""A course of steps that ends with a T, or with an error."""


class Run(Generic[T]):
    """A flow under way: `step` is what is to be done next, None once it has ended with `result`."""

    def __init__(self, flow: Flow[T]) -> None:
        self._flow = flow
        self.step: Step | None = None
        self.result: T
        self._advance(lambda: next(flow))

    def done(self, outcome: object) -> None:
        """Go on with the outcome of the step. Raises what the flow raises."""
        self._advance(lambda: self._flow.send(outcome))

    def failed(self, error: WanError) -> None:
        """Go on with the error of the step. Raises what the flow raises."""
        self._advance(lambda: self._flow.throw(error))

    def close(self) -> None:
        """Give the flow up where it has not ended."""
        self._flow.close()

    def _advance(self, onwards: Callable[[], Step]) -> None:
        try:
            self.step = onwards()
        except StopIteration as end:
            self.step, self.result = None, end.value


@dataclass(slots=True)
class Retries:
    """How a request is sent again: after pauses that double, until `seconds` have passed since its first failure.

    `answered` is whether the server ever did. `now_s` is a monotonic clock.
    """

    seconds: float
    now_s: Callable[[], float] = time.monotonic
    answered: bool = False

    def course(self, tries: int | None = None, deadline_s: float | None = None) -> "Course":
        """The pauses of one request, which is sent `tries` times at most and given up at the deadline."""
        return Course(self, tries, deadline_s)


@dataclass(slots=True)
class Course:
    """The pauses between the tries of one request. `late`: it was given up because of the deadline."""

    retries: Retries
    tries: int | None
    deadline_s: float | None
    failed: int = 0
    first_failed_s: float = 0.0
    late: bool = False

    def pause_s(self, advised_s: float | None) -> float | None:
        """The pause after a failure; None where it is given up."""
        now_s = self.retries.now_s()
        if self.failed == 0:
            self.first_failed_s = now_s
        self.failed += 1
        if self.tries is not None and self.failed >= self.tries:
            return None
        pause_s = self._growing_pause_s() if advised_s is None else advised_s
        if now_s + pause_s > self.first_failed_s + self._patience_s():
            return None
        if self.deadline_s is None or now_s + pause_s <= self.deadline_s:
            return pause_s
        self.late = advised_s is not None or now_s >= self.deadline_s
        return None if self.late else self.deadline_s - now_s

    def _patience_s(self) -> float:
        return self.retries.seconds if self.retries.answered else min(self.retries.seconds, NEW_SERVER_SECONDS)

    def _growing_pause_s(self) -> float:
        # Some of the pause is by chance, so that many clients do not come back at the same moment.
        doubled_s = min(FIRST_PAUSE_SECONDS * 2.0 ** min(self.failed - 1, 16), LONGEST_PAUSE_SECONDS)
        return doubled_s * random.uniform(0.5, 1.0)

    def succeeded(self) -> None:
        """Count the failures anew."""
        self.failed = 0


def answered(request: Request, retries: Retries, course: "Course | None" = None) -> Flow[Answer]:
    """Send a request until the server answers it and is not busy. Only for requests that may be sent twice.

    Raises ServerUnreachable, or the error of the last answer.
    """
    course = course or retries.course()
    while True:
        problem: WanError
        advised_s = None
        try:
            answer: Answer = yield Send(request, seconds_for(retries, course.deadline_s))
        except ServerUnreachable as error:
            problem = error
        else:
            retries.answered = True
            if not answer.busy:
                return answer
            problem, advised_s = error_of(answer), retry_after_s(answer)
        pause_s = course.pause_s(advised_s)
        if pause_s is None:
            raise problem
        yield Pause(pause_s)


def seconds_for(retries: Retries, deadline_s: float | None) -> float:
    """How long an answer may take, where something else has to happen at the deadline."""
    return SEND_SECONDS if deadline_s is None else min(SEND_SECONDS, max(0.1, deadline_s - retries.now_s()))


def submitting(request: Request, retries: Retries, deadline_s: float | None = None) -> Flow[VideoInfo]:
    """Submit a video. It may be sent again because it has an idempotency key."""
    return read_video((yield from answered(request, retries, retries.course(deadline_s=deadline_s))))


def getting(video_id: str, retries: Retries) -> Flow[VideoInfo]:
    """Ask for a video."""
    return read_video((yield from answered(requests.retrieve(video_id), retries)))


@dataclass(slots=True)
class Cursor:
    """How far a list was fetched: to the video `after`, with so many `left`, or all where that is None."""

    after: str | None
    left: int | None
    more: bool = True

    @property
    def goes_on(self) -> bool:
        """Whether there is another page to fetch."""
        return self.more and (self.left is None or self.left > 0)


def listing(cursor: Cursor, retries: Retries) -> Flow[Page]:
    """Ask for the next page of the list."""
    page = read_page((yield from answered(requests.page(cursor.after, cursor.left), retries)))
    cursor.more = page.more
    if page.videos:
        cursor.after = page.videos[-1].id
    if cursor.left is not None:
        cursor.left -= len(page.videos)
    return page


def canceling(video_id: str, retries: Retries) -> Flow[VideoInfo]:
    """Cancel a video; it is sent twice at most. One that is canceled already is not an error."""
    answer = yield from answered(requests.cancel(video_id), retries, retries.course(tries=2))
    try:
        return read_video(answer)
    except RequestRefused as error:
        if error.status == 409 and (video := (yield from getting(video_id, retries))).state == "canceled":
            return video
        raise


def deleting(video_id: str, retries: Retries) -> Flow[None]:
    """Delete a video; it is sent twice at most. Where the first try was not answered, an unknown video is a deleted one."""
    course = retries.course(tries=2)
    answer = yield from answered(requests.delete(video_id), retries, course)
    try:
        read_deleted(answer)
    except NotFound:
        if course.failed == 0:
            raise


def further(before: VideoInfo | None, now: VideoInfo) -> VideoInfo:
    """The video as it is now, with a progress that does not go back: a poll tells it in whole percents."""
    return now if before is None else replace(now, progress=max(before.progress, now.progress))
