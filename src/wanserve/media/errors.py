"""Turns what FFmpeg and the file system raise into our own errors."""

from collections.abc import Iterator
from contextlib import contextmanager

import av

from wanserve.domain.errors import MediaFailed, MediaUnavailable


@contextmanager
def media_errors(what: str, failed: type[MediaFailed] = MediaFailed) -> Iterator[None]:
    """Within the block their errors become ours, with what failed and the reason that they give.

    Raises MediaUnavailable for what the file system refuses, also through FFmpeg, and `failed` for anything else
    that FFmpeg does not like.
    """
    try:
        yield
    except OSError as error:
        raise MediaUnavailable(f"{what}: {error.strerror or error}") from error
    except av.FFmpegError as error:
        raise failed(f"{what}: {error.strerror or error}") from error
