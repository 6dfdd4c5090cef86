"""The errors of the client. Each message is one line for the user.

WanError
├── ServerUnreachable      no connection, or it broke, for longer than the client tries again
├── UnexpectedAnswer       the answer is not one of this API: there is another server at this address
├── RequestRefused         the server said no; `status`, `code` and `param` are its own
│   ├── InvalidRequest     400 to 422: a field breaks a rule; `param` names it
│   │   └── ModerationBlocked 400: the server's rules do not allow the text of the field
│   ├── InvalidKey         401: the key is missing, unknown or revoked
│   ├── NotFound           404: unknown, deleted, another account's, or past its retention
│   ├── RateLimited        429: too many requests a second, or too many videos waiting
│   └── ServerFailed       5xx: an error of the server
├── VideoFailed            the video could not be made; `video` is how it ended
├── VideoCanceled          the video was canceled; `video` is how it ended
└── WaitTimeout            it takes longer than `timeout` allows; the video is still being made
"""

from wanserve.client.info import VideoInfo


class WanError(Exception):
    """An error of the client."""


class ServerUnreachable(WanError):
    """There is no connection to the server, or it broke."""


class UnexpectedAnswer(WanError):
    """The answer is not one of this API."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}: is there a wanserve at this address?")


class RequestRefused(WanError):
    """The server refused the request. `status` is that of HTTP; `code` and `param` are empty where it told none."""

    def __init__(self, status: int, message: str, code: str = "", param: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param


class InvalidRequest(RequestRefused):
    """A field of the request breaks a rule; `param` names it."""


class ModerationBlocked(InvalidRequest):
    """The server's rules do not allow the prompt or the negative prompt; `param` says which."""


class InvalidKey(RequestRefused):
    """The key is missing, unknown or revoked."""


class NotFound(RequestRefused):
    """There is no such video: unknown, deleted, another account's, or past its retention."""


class RateLimited(RequestRefused):
    """The account sends too many requests a second, or has too many videos waiting."""


class ServerFailed(RequestRefused):
    """The server had an error."""


class VideoFailed(WanError):
    """The video could not be made; `video` is how it ended."""

    def __init__(self, video: VideoInfo) -> None:
        super().__init__(f"{video.id} failed: {video.error or 'no reason was given'}")
        self.video = video


class VideoCanceled(WanError):
    """The video was canceled; `video` is how it ended."""

    def __init__(self, video: VideoInfo) -> None:
        super().__init__(f"{video.id} was canceled")
        self.video = video


class WaitTimeout(WanError, TimeoutError):
    """The video takes longer than `timeout` allows. It is still being made: `wait` goes on, `cancel` stops it."""

    def __init__(self, video_id: str, timeout_s: float) -> None:
        super().__init__(f"{video_id} has not ended after {timeout_s:g} s")
        self.video_id = video_id
