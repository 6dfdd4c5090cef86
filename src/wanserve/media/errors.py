"""Knows what FFmpeg and the file system raise, and makes our own error of it."""

from collections.abc import Iterator
from contextlib import contextmanager

import av

from wanserve.domain.errors import MediaFailed


@contextmanager
def media_errors(what: str) -> Iterator[None]:
    """Within the block their errors become MediaFailed: what failed, in words, and the reason that they give."""
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        raise MediaFailed(f"{what}: {error.strerror or error}") from error
