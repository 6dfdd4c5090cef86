"""Ranges and conditions of a file, against a model that marks single bytes, and by the examples of RFC 9110."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from wanserve.http.ranges import (
    MAX_RANGES,
    PreconditionFailed,
    RangeNotSatisfiable,
    Validators,
    not_modified,
    requested_ranges,
)

FILE = Validators('"a-tag"', 1_000_000_000)
EARLIER, THEN, LATER = (
    "Sun, 09 Sep 2001 01:46:39 GMT",
    "Sun, 09 Sep 2001 01:46:40 GMT",
    "Sun, 09 Sep 2001 01:46:41 GMT",
)
"""One second before the file's last write, that second, and one after it."""


def asked(size: int, *values: str, **more: str) -> list[tuple[int, int]] | None:
    """The ranges for these values of Range and for other headers, or None for the whole file."""
    raw = [(b"range", value.encode()) for value in values]
    raw += [(name.replace("_", "-").encode(), value.encode()) for name, value in more.items()]
    found = requested_ranges(Headers(raw=raw), FILE, size)
    return None if found is None else list(found)


def bytes_of(first: int | None, last: int | None, size: int) -> set[int]:
    """The bytes that a range asks for, one by one."""
    if first is None:
        return set(range(size)[-last:]) if last else set()
    return {each for each in range(size) if each >= first and (last is None or each <= last)}


RANGES = st.tuples(st.none() | st.integers(0, 30), st.none() | st.integers(0, 30)).filter(
    lambda pair: pair != (None, None) and (pair[0] is None or pair[1] is None or pair[0] <= pair[1])
)


@given(st.lists(RANGES, min_size=1, max_size=6), st.integers(0, 25))
def test_the_ranges_hold_exactly_the_bytes_that_are_asked_for_each_once(
    ranges: list[tuple[int | None, int | None]], size: int
) -> None:
    texts = ["-".join("" if end is None else str(end) for end in pair) for pair in ranges]
    wanted = set[int]().union(*(bytes_of(*pair, size) for pair in ranges))
    try:
        found = asked(size, f"bytes={', '.join(texts)}")
    except RangeNotSatisfiable:
        assert not wanted
        return
    assert found is not None
    covered = [each for first, end in found for each in range(first, end)]
    assert sorted(covered) == sorted(wanted)
    assert all(0 <= first < end <= size for first, end in found)


def test_the_order_of_the_request_is_kept_where_nothing_overlaps() -> None:
    assert asked(100, "bytes=90-, 0-9") == [(90, 100), (0, 10)]
    assert asked(100, "bytes=5-20, 0-9") == [(0, 21)], "overlapping ranges are merged"
    assert asked(100, "bytes=0-9, 10-19") == [(0, 10), (10, 20)], "neighbours are not"


@pytest.mark.parametrize(
    "value",
    [
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-4",
        "bytes=0-1, x",
        "bytes=٠-٥",
        "bytes=+1-5",
        "lines=0-5",
        "=0-5",
        ", ".join(["bytes=0-0", *["2-2"] * MAX_RANGES]),
    ],
)
def test_a_header_that_is_malformed_or_of_another_unit_asks_for_the_whole_file(value: str) -> None:
    assert asked(100, value) is None


def test_two_headers_ask_for_the_whole_file() -> None:
    assert asked(100, "bytes=0-1", "bytes=2-3") is None


@pytest.mark.parametrize("value", ["BYTES=0-0", "bytes = 0-0", "bytes=\t0-0", "bytes=,0-0,", "bytes=00000-000"])
def test_letters_blanks_empty_items_and_leading_zeros_do_not_matter(value: str) -> None:
    assert asked(100, value) == [(0, 1)]


@pytest.mark.parametrize("value", [f"bytes={'9' * 5000}-", "bytes=100-", "bytes=-0"])
def test_a_range_outside_of_the_file_cannot_be_satisfied(value: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as error:
        asked(100, value)
    assert (error.value.size, error.value.status) == (100, 416)


def test_a_length_beyond_every_file_ends_at_its_end() -> None:
    assert asked(100, f"bytes=1-{'9' * 5000}") == [(1, 100)]
    assert asked(100, f"bytes=-{'9' * 5000}") == [(0, 100)]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [('"a-tag"', True), (' "a-tag" ', True), ('W/"a-tag"', False), ('"other"', False), (THEN, True), (LATER, False)],
)
def test_if_range_asks_for_the_part_only_where_the_file_is_the_same(condition: str, *, holds: bool) -> None:
    assert asked(100, "bytes=0-0", if_range=condition) == ([(0, 1)] if holds else None)


def conditions(**headers: str) -> Headers:
    return Headers({name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("headers", "current"),
    [
        ({}, False),
        ({"if_none_match": '"a-tag"'}, True),
        ({"if_none_match": 'W/"a-tag"'}, True),
        ({"if_none_match": "*"}, True),
        ({"if_none_match": '"x", W/"a-tag"'}, True),
        ({"if_none_match": '"x"'}, False),
        ({"if_none_match": "a-tag"}, False),
        ({"if_modified_since": THEN}, True),
        ({"if_modified_since": LATER}, True),
        ({"if_modified_since": EARLIER}, False),
        ({"if_modified_since": "yesterday"}, False),
        ({"if_none_match": '"x"', "if_modified_since": LATER}, False),
        ({"if_match": '"a-tag"', "if_unmodified_since": EARLIER}, False),
        ({"if_match": "*"}, False),
        ({"if_unmodified_since": THEN}, False),
        ({"if_unmodified_since": "yesterday"}, False),
    ],
)
def test_whether_the_clients_copy_is_current(headers: dict[str, str], *, current: bool) -> None:
    assert not_modified(conditions(**headers), FILE) is current


@pytest.mark.parametrize(
    "headers", [{"if_match": '"x"'}, {"if_match": 'W/"a-tag"'}, {"if_match": ""}, {"if_unmodified_since": EARLIER}]
)
def test_a_condition_that_does_not_hold_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(PreconditionFailed):
        not_modified(conditions(**headers), FILE)
