"""Judges texts by a deny list, a moderation endpoint, or both, and counts how that ends."""

import logging
import threading
from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass, field

from wanserve.domain.moderation import PASSED, Judgement, NoVerdict, Passed, Refused, Source, Texts, Verdict
from wanserve.machine.futures import already
from wanserve.prompts.deny_list import DenyList
from wanserve.prompts.moderation_endpoint import EndpointAsker

log = logging.getLogger("wanserve.prompts")


@dataclass(slots=True)
class Moderation:
    """A Moderator: the owner's list and endpoint, either of which may be left out."""

    words: DenyList | None = None
    endpoint: EndpointAsker | None = None
    _counts: Counter[tuple[Source, Judgement]] = field(default_factory=Counter, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def asks(self) -> bool:
        """See Moderator."""
        return self.endpoint is not None

    def look_up(self, texts: Texts) -> Passed | Refused:
        """See Moderator."""
        if self.words is None:
            return PASSED
        denied = next((name for name, text in texts.items() if self.words.denies(text)), None)
        verdict = PASSED if denied is None else Refused(denied)
        self._note(Source.LIST, verdict)
        return verdict

    def ask(self, texts: Texts) -> Future[Verdict]:
        """See Moderator."""
        if self.endpoint is None:
            return already(PASSED)
        asked = self.endpoint.ask(texts)
        asked.add_done_callback(lambda done: self._note(Source.ENDPOINT, done.result()))
        return asked

    def counts(self) -> dict[tuple[str, str], int]:
        """How many submits were judged, by who judged and how that ended."""
        with self._lock:
            return {(source.value, judgement.value): count for (source, judgement), count in self._counts.items()}

    @property
    def problem(self) -> str | None:
        """Why the endpoint gives no verdict now; None where it does, or there is none."""
        return None if self.endpoint is None else self.endpoint.problem

    def state(self) -> str:
        """What judges, and whether the endpoint answers: for the owner."""
        parts = [] if self.words is None else [f"a list of {self.words.size} entries"]
        if self.endpoint is not None:
            parts.append(f"an endpoint: {self.problem or 'it answers'}")
        return " and ".join(parts) or "off"

    def close(self) -> None:
        """Close what is open."""
        if self.endpoint is not None:
            self.endpoint.close()

    def _note(self, source: Source, verdict: Verdict) -> None:
        match verdict:
            case Passed():
                judgement = Judgement.PASSED
            case Refused(name, categories):
                judgement = Judgement.REFUSED
                log.info("a submit was refused by the %s: %s", source.value, name)
                log.debug("the categories were: %s", ", ".join(categories))
            case NoVerdict():
                judgement = Judgement.UNAVAILABLE
        with self._lock:
            self._counts[source, judgement] += 1
