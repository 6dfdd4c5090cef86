"""The conditions and ranges of a request for a file, as RFC 9110 has them (sections 13 and 14)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from typing import Final

from starlette.datastructures import Headers

from wanserve.domain.errors import WanserveError

MAX_RANGES: Final = 32
"""More of them are no player's: the whole file is sent instead."""

_SPEC: Final = re.compile(r"(\d*)-(\d*)", re.ASCII)
_TAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')

Span = tuple[int, int]
"""From which byte to which, the latter exclusive."""


class RangeNotSatisfiable(WanserveError):
    """Every range that is asked for lies outside of the file."""

    code = "range_not_satisfiable"
    status = 416

    def __init__(self, size: int) -> None:
        super().__init__(f"Range: the file has {size} bytes, and no range that is asked for lies in it")
        self.size = size


class PreconditionFailed(WanserveError):
    """The client wants the file only where it is another than it is."""

    code = "precondition_failed"
    status = 412


@dataclass(frozen=True, slots=True)
class Version:
    """What conditions compare: the file's entity tag, in quotes, and when it was written, in seconds since 1970."""

    tag: str
    modified_s: int

    @property
    def modified(self) -> str:
        """The time as HTTP writes it."""
        return formatdate(self.modified_s, usegmt=True)


def not_modified(headers: Headers, version: Version) -> bool:
    """Whether the client has this version already. Raises PreconditionFailed where it wants another one."""
    wanted, had = headers.getlist("if-match"), headers.getlist("if-none-match")
    if wanted and not _holds(wanted, version.tag, weak=False):
        raise PreconditionFailed(f"If-Match: the file's tag is {version.tag}")
    unmodified_s = None if wanted else _seconds(headers.get("if-unmodified-since"))
    if unmodified_s is not None and version.modified_s > unmodified_s:
        raise PreconditionFailed(f"If-Unmodified-Since: the file is of {version.modified}")
    if had:
        return _holds(had, version.tag, weak=True)
    since_s = _seconds(headers.get("if-modified-since"))
    return since_s is not None and version.modified_s <= since_s


def spans(headers: Headers, version: Version, size: int) -> Sequence[Span] | None:
    """The parts of a file of `size` bytes that a GET asks for, none of which overlap; None for the whole.

    What is no range of bytes is passed over, as the RFC says. Raises RangeNotSatisfiable.
    """
    bounds = _bounds(headers, version)
    if not bounds:
        return None
    found = [span for first, last in bounds if (span := _span(first, last, size)) is not None]
    if not found:
        raise RangeNotSatisfiable(size)
    return _apart(found)


def _bounds(headers: Headers, version: Version) -> Sequence[tuple[str, str]]:
    """The first and last byte of each range that is asked for, as digits or empty; none where the whole file is."""
    asked, condition = headers.getlist("range"), headers.get("if-range")
    if len(asked) != 1 or (condition is not None and condition.strip() not in (version.tag, version.modified)):
        return ()
    unit, equals, texts = asked[0].partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return ()
    matches = [_SPEC.fullmatch(text) for text in (each.strip(" \t") for each in texts.split(",")) if text]
    bounds = [(match[1], match[2]) for match in matches if match and _is_range(match[1], match[2])]
    # One that is none makes all of them none.
    return bounds if len(bounds) == len(matches) <= MAX_RANGES else ()


def _is_range(first: str, last: str) -> bool:
    return bool(first or last) and not (first and last and _number(last) < _number(first))


def _span(first: str, last: str, size: int) -> Span | None:
    if not first:
        length = min(_number(last), size)
        return (size - length, size) if length else None
    start = _number(first)
    return (start, min(_number(last) + 1, size) if last else size) if start < size else None


def _apart(found: list[Span]) -> list[Span]:
    """The spans as they were asked for, or where any of them overlap joined and in their order in the file."""
    joined: list[Span] = []
    for start, end in sorted(found):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return found if len(joined) == len(found) else joined


def _number(digits: str) -> int:
    # No file has more bytes than a number of 18 digits, and one of thousands of digits takes long to read.
    kept = digits.lstrip("0")
    return int(kept or 0) if len(kept) <= 18 else 10**18


def _holds(values: Sequence[str], tag: str, *, weak: bool) -> bool:
    """Whether the tag is in a list of tags, or the list is `*`. A weak comparison takes a weak tag for its strong one."""
    text = ", ".join(values).strip()
    if text == "*":
        return True
    return any(found == tag or (weak and found.removeprefix("W/") == tag) for found in _TAG.findall(text))


def _seconds(date: str | None) -> float | None:
    """An HTTP date in seconds since 1970; None where there is none, or what stands there is no date."""
    try:
        return None if date is None else parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
