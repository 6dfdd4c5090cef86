"""Chains futures of threads: one begins when another is done."""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from wanserve.domain.errors import WanserveError

log = logging.getLogger(__name__)

A = TypeVar("A")
B = TypeVar("B")


def after(first: Future[A], following: Callable[[Future[A]], Future[B]]) -> Future[B]:
    """A future of what `following` begins once `first` is done. It runs in the thread in which that happens.

    What `following` raises is the error of the future. Who cancels the future before that begins nothing.
    """
    last: Future[B] = Future()

    def go_on(done: Future[A]) -> None:
        if not last.set_running_or_notify_cancel():
            return
        try:
            second = following(done)
        except WanserveError as error:
            last.set_exception(error)
        except Exception as error:
            # Else whoever waits would wait for ever.
            log.exception("an unexpected error between two steps")
            last.set_exception(error)
        else:
            second.add_done_callback(partial(_pass_on, last))

    first.add_done_callback(go_on)
    return last


def already(result: A) -> Future[A]:
    """A future that is done."""
    future: Future[A] = Future()
    future.set_result(result)
    return future


def failed(error: Exception) -> Future[Any]:
    """A future that is done, and has failed."""
    future: Future[Any] = Future()
    future.set_exception(error)
    return future


def _pass_on(last: Future[Any], done: Future[Any]) -> None:
    error = done.exception()
    if error is None:
        last.set_result(done.result())
    else:
        last.set_exception(error)
