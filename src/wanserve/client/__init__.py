"""The Python client of a running server: `Wan(url, key).generate("A kitten").save("kitten.mp4")`, and `AsyncWan`."""

from wanserve.client.aio import AsyncVideo, AsyncWan
from wanserve.client.errors import (
    InvalidKey,
    InvalidRequest,
    ModerationBlocked,
    NotFound,
    RateLimited,
    RequestRefused,
    ServerFailed,
    ServerUnreachable,
    UnexpectedAnswer,
    VideoCanceled,
    VideoFailed,
    WaitTimeout,
    WanError,
)
from wanserve.client.info import VideoInfo, VideoState
from wanserve.client.requests import VideoSettings
from wanserve.client.sync import Video, Wan

__all__ = [
    "AsyncVideo",
    "AsyncWan",
    "InvalidKey",
    "InvalidRequest",
    "ModerationBlocked",
    "NotFound",
    "RateLimited",
    "RequestRefused",
    "ServerFailed",
    "ServerUnreachable",
    "UnexpectedAnswer",
    "Video",
    "VideoCanceled",
    "VideoFailed",
    "VideoInfo",
    "VideoSettings",
    "VideoState",
    "WaitTimeout",
    "Wan",
    "WanError",
]
