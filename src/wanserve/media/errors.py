"""Turns the errors of FFmpeg and of the file system into wanserve's own."""

from collections.abc import Iterator
from contextlib import contextmanager

import av

from wanserve.domain.errors import MediaFailed, MediaUnavailable


@contextmanager
def media_errors(problem: str, error_class: type[MediaFailed] = MediaFailed) -> Iterator[None]:
    """Within the block, turn their errors into wanserve's own, with `problem` and the original reason as the message.

    Raises MediaUnavailable for an error of the file system, also one that FFmpeg reports, and `error_class` for any
    other error of FFmpeg.
    """
    try:
        yield
    except OSError as error:
        raise MediaUnavailable(f"{problem}: {error.strerror or error}") from error
    except av.FFmpegError as error:
        raise error_class(f"{problem}: {error.strerror or error}") from error
