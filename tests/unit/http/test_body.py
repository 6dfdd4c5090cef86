"""Bodies: read whole or refused, within limits of size, memory and time, with every reserved byte given back."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Send

from wanserve.domain.errors import InvalidRequest, WanserveError
from wanserve.http.body import (
    MAX_DISCARDED_BYTES,
    MAX_QUERY_PARAMETERS,
    BodyBudget,
    BodyDiscarder,
    BodyReader,
    read_query,
)
from wanserve.http.deadlines import Deadlines
from wanserve.http.dialects.base import MAX_BODY_BYTES, BodyTooLarge, ServerBusy

DISCONNECT: Message = {"type": "http.disconnect"}


class Sender:
    """A client that sends its chunks one by one, then disconnects. `taken` counts the messages that were received."""

    def __init__(self, chunks: Sequence[bytes], *, whole: bool = True) -> None:
        self.messages = [
            {"type": "http.request", "body": chunk, "more_body": not (whole and number == len(chunks))}
            for number, chunk in enumerate(chunks, 1)
        ]
        self.taken = 0

    async def __call__(self) -> Message:
        self.taken += 1
        return self.messages[self.taken - 1] if self.taken <= len(self.messages) else DISCONNECT


def read(receive: Receive, budget: BodyBudget, account: str = "ann") -> bytes:
    """Read one body and release it, also after an error."""

    async def run() -> bytes:
        reader = BodyReader(receive, budget, account)
        try:
            return await reader.read()
        finally:
            reader.release()

    return asyncio.run(run())


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=8))
def test_a_body_comes_whole_however_it_is_cut_and_leaves_nothing_reserved(chunks: list[bytes]) -> None:
    budget = BodyBudget()
    assert read(Sender(chunks), budget) == b"".join(chunks)
    assert budget.used == 0


def test_a_body_of_the_greatest_size_is_read_and_one_byte_more_is_refused() -> None:
    budget, half = BodyBudget(), b"x" * (MAX_BODY_BYTES // 2)
    assert len(read(Sender([half, half]), budget)) == MAX_BODY_BYTES
    sender = Sender([half, half, b"x"])
    with pytest.raises(BodyTooLarge):
        read(sender, budget)
    assert sender.taken == 3, "it is read to its end, so that its client gets the answer"
    assert budget.used == 0


def test_of_an_endless_body_no_more_is_read_than_a_limit() -> None:
    sender = Sender([b"x" * MAX_BODY_BYTES] * 1000, whole=False)
    with pytest.raises(BodyTooLarge):
        read(sender, BodyBudget())
    assert sender.taken <= MAX_DISCARDED_BYTES // MAX_BODY_BYTES + 1


def test_a_client_that_goes_away_is_told_from_one_that_is_done() -> None:
    budget = BodyBudget()
    with pytest.raises(InvalidRequest, match="ended before it was whole"):
        read(Sender([b"half"], whole=False), budget)
    assert budget.used == 0


def test_a_body_that_takes_too_long_is_refused() -> None:
    async def silent() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    budget = BodyBudget(deadlines=Deadlines(0.01))
    with pytest.raises(InvalidRequest, match=r"did not come within 0\.01 s"):
        read(silent, budget)
    assert budget.used == 0


def test_the_memory_is_limited_for_all_accounts_and_for_each() -> None:
    budget = BodyBudget(total=100, per_account=60)
    assert budget.reserve("ann", 60)
    assert not budget.reserve("ann", 1), "the account's own limit"
    assert budget.reserve("ben", 40)
    assert not budget.reserve("cy", 1), "the limit of all"
    with pytest.raises(ServerBusy):
        read(Sender([b"x"]), budget, "cy")
    budget.release("ann", 60)
    assert read(Sender([b"x"]), budget, "cy") == b"x"
    budget.release("ben", 40)
    assert budget.used == 0
    assert budget._used_by_account == {}


def test_a_body_that_finds_no_memory_half_way_gives_back_what_it_had() -> None:
    budget = BodyBudget(total=10)
    with pytest.raises(WanserveError) as error:
        read(Sender([b"12345", b"1234567", b"end"]), budget)
    assert isinstance(error.value, ServerBusy)
    assert budget.used == 0


def answered(discarder: BodyDiscarder, headers: dict[str, str], receive: Receive) -> list[Message]:
    """What is sent of a refusal with these request headers."""
    sent: list[Message] = []

    async def run() -> None:
        async def send(message: Message) -> None:
            sent.append(message)

        wrapped: Send = discarder.wrap(Headers(headers), receive, send)
        await wrapped({"type": "http.response.start", "status": 401})
        await wrapped({"type": "http.response.body", "body": b"answer"})

    asyncio.run(run())
    return sent


def test_the_last_byte_of_a_refusal_waits_for_the_body() -> None:
    sender = Sender([b"x" * 100, b"y" * 100])
    sent = answered(BodyDiscarder(), {"content-length": "200"}, sender)
    assert [message.get("body") for message in sent] == [None, b"answe", b"r"]
    assert sent[1]["more_body"]
    assert sender.taken == 2


@pytest.mark.parametrize("headers", [{}, {"content-length": "0"}, {"content-length": "200", "expect": "100-continue"}])
def test_a_refusal_is_sent_at_once_where_no_body_comes(headers: dict[str, str]) -> None:
    sender = Sender([b"x"])
    assert [message.get("body") for message in answered(BodyDiscarder(), headers, sender)] == [None, b"answer"]
    assert sender.taken == 0


def test_beyond_the_limit_of_discards_the_answer_is_sent_at_once() -> None:
    sender = Sender([b"x"])
    sent = answered(BodyDiscarder(limit=0), {"transfer-encoding": "chunked"}, sender)
    assert [message.get("body") for message in sent] == [None, b"answer"]
    assert sender.taken == 0


def test_a_query_is_limited_before_it_is_parsed() -> None:
    assert read_query(b"").multi_items() == []
    assert read_query(b"a=1&a=2&b=").multi_items() == [("a", "1"), ("a", "2"), ("b", "")]
    assert len(read_query(b"&".join([b"a=1"] * MAX_QUERY_PARAMETERS)).multi_items()) == MAX_QUERY_PARAMETERS
    for query in (b"a" * 8193, b"&".join([b"a=1"] * (MAX_QUERY_PARAMETERS + 1)), b"&" * 8193):
        with pytest.raises(InvalidRequest, match="query"):
            read_query(query)
