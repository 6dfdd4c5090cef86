"""Knows what is told of an attempt: how it ended and where its time went."""

from dataclasses import dataclass
from enum import StrEnum


class End(StrEnum):
    """How an attempt ended, as its worker saw it."""

    MADE = "made"
    LOST = "lost"
    CANCELED = "canceled"
    GIVEN_BACK = "given_back"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Spent:
    """Where an attempt's time went, in seconds: the engine, H.264, and reading back, syncing and storing the file."""

    generate_s: float = 0.0
    encode_s: float = 0.0
    store_s: float = 0.0


NOTHING_SPENT = Spent()
