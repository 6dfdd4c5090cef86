"""A moderator in memory, and a moderation endpoint on loopback, which judge by the same words."""

import json
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from tests.integration.scripted import Asked, Reply, Script, reply, scripted
from wanserve.domain.moderation import PASSED, NoVerdict, Passed, Refused, Texts, Verdict

LISTED: Final = "gore"
"""The word of the list."""

FLAGGED: Final = {"blood": "violence", "slur": "hate", "\u8840": "violence"}
"""The words that the endpoint flags, each with its category."""

KEY: Final = "sk-moderation-secret"


@dataclass
class FakeModerator:
    """Judges in memory. While `held`, questions are not answered; `release` answers them. `asked` are the questions."""

    asks: bool = True
    down: bool = False
    held: bool = False
    asked: list[Texts] = field(default_factory=list)
    waiting: list[Future[Verdict]] = field(default_factory=list)

    def look_up(self, texts: Texts) -> Passed | Refused:
        """See Moderator."""
        return next((Refused(name) for name, text in texts.items() if LISTED in text.lower().split()), PASSED)

    def ask(self, texts: Texts) -> Future[Verdict]:
        """See Moderator."""
        self.asked.append(texts)
        future: Future[Verdict] = Future()
        self.waiting.append(future)
        if not self.held:
            self.release()
        return future

    def release(self) -> None:
        """Answer the questions that wait."""
        asked = self.asked[len(self.asked) - len(self.waiting) :]
        waiting, self.waiting = self.waiting, []
        for texts, future in zip(asked, waiting, strict=True):
            future.set_result(NoVerdict(5) if self.down else self._verdict(texts))

    def _verdict(self, texts: Texts) -> Verdict:
        for name, text in texts.items():
            if found := categories_in(text):
                return Refused(name, found)
        return PASSED


def categories_in(text: str) -> tuple[str, ...]:
    """The categories of the words that the endpoint flags in the text."""
    return tuple(dict.fromkeys(category for word, category in FLAGGED.items() if word in text))


def judged(texts: list[str]) -> Mapping[str, object]:
    """The endpoint's answer about these texts."""
    results = []
    for text in texts:
        found = categories_in(text)
        names = ("hate", "violence")
        results.append(
            {
                "flagged": bool(found),
                "categories": {name: name in found for name in names},
                "category_scores": {name: 0.9 if name in found else 0.01 for name in names},
            }
        )
    return {"id": "modr-1", "model": "omni-moderation-latest", "results": results}


@dataclass
class Judge(Script):
    """The endpoint: it judges, or gives `answer` instead. Questions wait until `free` is set; `came` counts them."""

    answer: Reply | None = None
    free: threading.Event = field(default_factory=threading.Event)
    came: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def take(self, asked: Asked) -> Reply:
        """Note a question, and the answer to it."""
        with self.lock:
            self.asked.append(asked)
        self.came.release()
        self.free.wait(30)
        if self.answer is not None:
            return self.answer
        return reply(judged(asked.body["input"]))

    @property
    def inputs(self) -> list[list[str]]:
        """The texts of each question."""
        return [json.loads(json.dumps(asked.body["input"])) for asked in self.asked]


@contextmanager
def judging() -> Iterator[Judge]:
    """An endpoint that answers."""
    judge = Judge()
    judge.free.set()
    with scripted(judge):
        try:
            yield judge
        finally:
            judge.free.set()
