"""Chains of futures: one begins when another is done, and every end is passed on."""

import logging
from concurrent.futures import Future

import pytest

from wanserve.domain.errors import QueueFull
from wanserve.machine.futures import after, already, failed


def test_the_second_begins_once_the_first_is_done_and_gives_the_result() -> None:
    first, second, began = Future[int](), Future[str](), list[int]()

    def following(done: Future[int]) -> Future[str]:
        began.append(done.result())
        return second

    chain = after(first, following)
    assert began == []
    first.set_result(3)
    assert began == [3]
    assert not chain.done()
    second.set_result("three")
    assert chain.result(0) == "three"


def test_the_error_of_the_first_is_for_the_second_to_see() -> None:
    wrong = QueueFull("full")
    assert after(failed(wrong), lambda done: already(done.exception())).result(0) is wrong


def test_the_error_of_the_second_is_that_of_the_chain() -> None:
    wrong = QueueFull("full")
    assert after(already(1), lambda _: failed(wrong)).exception(0) is wrong


def test_what_the_step_between_raises_is_the_error_of_the_chain(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(_: Future[int]) -> Future[int]:
        raise QueueFull("full")

    def break_down(_: Future[int]) -> Future[int]:
        raise ZeroDivisionError

    assert isinstance(after(already(1), refuse).exception(0), QueueFull)
    assert caplog.messages == []
    with caplog.at_level(logging.ERROR):
        assert isinstance(after(already(1), break_down).exception(0), ZeroDivisionError)
    assert caplog.messages == ["an unexpected error between two steps"]


def test_a_chain_that_was_canceled_begins_nothing_more() -> None:
    first = Future[int]()
    chain: Future[int] = after(first, lambda _: pytest.fail("it was canceled"))
    assert chain.cancel()
    first.set_result(1)
    assert chain.cancelled()


def test_a_chain_that_has_begun_its_second_part_cannot_be_canceled() -> None:
    second = Future[int]()
    chain = after(already(1), lambda _: second)
    assert not chain.cancel()
    second.set_result(2)
    assert chain.result(0) == 2
