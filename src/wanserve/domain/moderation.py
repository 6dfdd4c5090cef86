"""What moderation says of a generation's texts, and the port that is asked for it."""

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, assert_never

from wanserve.domain.errors import ModerationBlocked, ModerationUnavailable, WanserveError
from wanserve.domain.generation import Generation

Texts = Mapping[str, str]
"""The texts of a request by the names of their fields: `prompt` and, unless it is empty, `negative_prompt`."""


class Source(StrEnum):
    """Who judges."""

    LIST = "list"
    ENDPOINT = "endpoint"


class Judgement(StrEnum):
    """How it ends, for the metrics."""

    PASSED = "passed"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Refused:
    """The text of this field breaks the owner's rules. `categories` are the endpoint's names for how, if it told any."""

    field: str
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoVerdict:
    """The endpoint did not answer, or not what its API has. It may be asked again after so many seconds."""

    retry_after_s: int


@dataclass(frozen=True, slots=True)
class Passed:
    """Nothing is held against the texts."""


Verdict = Passed | Refused | NoVerdict

PASSED: Final = Passed()


class Moderator(Protocol):
    """Judges texts by the owner's list and by an endpoint. May be used from any thread. It logs and keeps no text."""

    @property
    def asks(self) -> bool:
        """Whether there is an endpoint to be asked."""

    def look_up(self, texts: Texts) -> Passed | Refused:
        """What the list says, at once; Passed where there is none."""

    def ask(self, texts: Texts) -> Future[Verdict]:
        """What the endpoint says, within some seconds. The future never fails."""


def texts_of(generation: Generation) -> Texts:
    """The texts that are judged. What the negative prompt names is to be left out, and is judged all the same."""
    texts = {"prompt": generation.prompt}
    return texts | {"negative_prompt": generation.negative_prompt} if generation.negative_prompt else texts


def refusal_of(verdict: Verdict, *, open_when_down: bool) -> WanserveError | None:
    """The error by which a verdict refuses a submit, or None where it is accepted."""
    match verdict:
        case Passed():
            return None
        case Refused(field, categories):
            return ModerationBlocked(field, categories)
        case NoVerdict(retry_after_s):
            return None if open_when_down else ModerationUnavailable(retry_after_s)
        case _:
            assert_never(verdict)
