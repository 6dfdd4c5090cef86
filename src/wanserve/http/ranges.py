"""Evaluates the conditional and range headers of a request for a file, by RFC 9110, sections 13 and 14."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from typing import Final

from starlette.datastructures import Headers

from wanserve.domain.errors import WanserveError

MAX_RANGES: Final = 32
"""A request with more ranges gets the whole file: no player sends so many."""

_SPEC: Final = re.compile(r"(\d*)-(\d*)", re.ASCII)
_TAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')

ByteRange = tuple[int, int]
"""The first byte, and the byte after the last."""


class RangeNotSatisfiable(WanserveError):
    """Every requested range lies outside the file."""

    code = "range_not_satisfiable"
    status = 416

    def __init__(self, size: int) -> None:
        super().__init__(f"Range: the file has {size} bytes, and no range that is asked for lies in it")
        self.size = size


class PreconditionFailed(WanserveError):
    """A condition of the request (If-Match, If-Unmodified-Since) does not hold."""

    code = "precondition_failed"
    status = 412


@dataclass(frozen=True, slots=True)
class Validators:
    """What conditions are compared with: the entity tag, in quotes, and the time of the last write, in seconds since 1970."""

    etag: str
    modified_s: int

    @property
    def modified(self) -> str:
        """The value of the Last-Modified header."""
        return formatdate(self.modified_s, usegmt=True)


def not_modified(headers: Headers, validators: Validators) -> bool:
    """Whether the client's copy is current, which is answered with 304. Raises PreconditionFailed."""
    if_match, if_none_match = headers.getlist("if-match"), headers.getlist("if-none-match")
    if if_match and not _matches(if_match, validators.etag, weak=False):
        raise PreconditionFailed(f"If-Match: the file's tag is {validators.etag}")
    unmodified_s = None if if_match else _seconds(headers.get("if-unmodified-since"))
    if unmodified_s is not None and validators.modified_s > unmodified_s:
        raise PreconditionFailed(f"If-Unmodified-Since: the file is of {validators.modified}")
    if if_none_match:
        return _matches(if_none_match, validators.etag, weak=True)
    since_s = _seconds(headers.get("if-modified-since"))
    return since_s is not None and validators.modified_s <= since_s


def requested_ranges(headers: Headers, validators: Validators, size: int) -> Sequence[ByteRange] | None:
    """The ranges of a file of `size` bytes that a GET asks for, without overlaps; None for the whole file.

    A Range header that is malformed, or in another unit than bytes, is ignored, as the RFC says. Raises
    RangeNotSatisfiable.
    """
    bounds = _parse_range_header(headers, validators)
    if not bounds:
        return None
    found = [found_range for first, last in bounds if (found_range := _byte_range(first, last, size)) is not None]
    if not found:
        raise RangeNotSatisfiable(size)
    return _merge_overlapping(found)


def _parse_range_header(headers: Headers, validators: Validators) -> Sequence[tuple[str, str]]:
    """The first and last byte of each requested range, as digits or empty; no ranges where the whole file is requested."""
    sent, condition = headers.getlist("range"), headers.get("if-range", validators.etag)
    if len(sent) != 1 or condition.strip() not in (validators.etag, validators.modified):
        return ()
    unit, equals, texts = sent[0].partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return ()
    matches = [_SPEC.fullmatch(text) for text in (each.strip(" \t") for each in texts.split(",")) if text]
    bounds = [(match[1], match[2]) for match in matches if match and _is_range(match[1], match[2])]
    # One malformed range makes the whole header invalid.
    return bounds if len(bounds) == len(matches) <= MAX_RANGES else ()


def _is_range(first: str, last: str) -> bool:
    return bool(first or last) and not (first and last and _parse_int(last) < _parse_int(first))


def _byte_range(first: str, last: str, size: int) -> ByteRange | None:
    if not first:
        length = min(_parse_int(last), size)
        return (size - length, size) if length else None
    start = _parse_int(first)
    return (start, min(_parse_int(last) + 1, size) if last else size) if start < size else None


def _merge_overlapping(found: list[ByteRange]) -> list[ByteRange]:
    """The ranges in the order of the request; where any overlap, all are merged and sorted."""
    joined: list[ByteRange] = []
    for start, end in sorted(found):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return found if len(joined) == len(found) else joined


def _parse_int(digits: str) -> int:
    # No file is larger than 10**18 bytes, and int() of thousands of digits is slow.
    kept = digits.lstrip("0")
    return int(kept or 0) if len(kept) <= 18 else 10**18


def _matches(values: Sequence[str], etag: str, *, weak: bool) -> bool:
    """Whether the entity tag is in a list of tags, or the list is `*`. A weak comparison ignores the prefix `W/`."""
    text = ", ".join(values).strip()
    if text == "*":
        return True
    return any(found == etag or (weak and found.removeprefix("W/") == etag) for found in _TAG.findall(text))


def _seconds(date: str | None) -> float | None:
    """An HTTP date in seconds since 1970; None where there is no valid date."""
    try:
        return None if date is None else parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
