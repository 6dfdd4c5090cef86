"""Asks an OpenAI-compatible chat endpoint for a better prompt, and falls back to the original."""

import asyncio
import logging
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

import httpx

from wanserve.domain.generation import Generation
from wanserve.domain.ports import Report
from wanserve.domain.progress import NOT_BEGUN
from wanserve.domain.rules import SEED_MAX
from wanserve.machine.coroutines import DeadlineExceeded, run_coroutine
from wanserve.prompts.answer import PROMPT_FIELD, UnusableAnswer, completion_text, extract_prompt
from wanserve.prompts.calls import TEMPORARY, CallFailed, call, json_request, open_transport
from wanserve.prompts.instructions import Instructions, instructions_for

log = logging.getLogger("wanserve.prompts")

TIMEOUT_SECONDS: Final = 10.0
"""For all tries together, from the first DNS look-up to the last byte."""

MAX_TRIES: Final = 4
MAX_TOKENS: Final = 512
TEMPERATURE: Final = 0.7
REPORT_SECONDS: Final = 0.1

_PAUSE_FRACTION: Final = 1 / 40
"""The pause between two tries, as a fraction of the timeout: an overloaded endpoint may recover in it."""

RESPONSE_FORMAT: Final = {
    "type": "json_schema",
    "json_schema": {
        "name": "video_prompt",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {PROMPT_FIELD: {"type": "string", "description": "The paragraph, and nothing else."}},
            "required": [PROMPT_FIELD],
            "additionalProperties": False,
        },
    },
}
"""The structured output of OpenAI's API, which most servers of open models have too."""

_UNKNOWN_FIELD: Final = frozenset({400, 422})


@dataclass(frozen=True, slots=True)
class ChatEndpoint:
    """A chat model: the base of its URLs, such as `http://127.0.0.1:8080/v1`, its name, and an API key."""

    url: str
    model: str
    key: str | None = field(default=None, repr=False)


class _PermanentFailure(UnusableAnswer):
    """A failure that another try would not change."""


class RequestForm(Enum):
    """How much a request asks for besides a chat completion. An endpoint that refuses one form gets the next."""

    STRUCTURED = auto()
    """The answer as JSON by RESPONSE_FORMAT, its length, temperature and seed."""

    TUNED = auto()
    """Length, temperature and seed of the answer."""

    BARE = auto()
    """Only the fields that every endpoint accepts."""


NEXT_FORM: Final = {RequestForm.STRUCTURED: RequestForm.TUNED, RequestForm.TUNED: RequestForm.BARE}


@dataclass(slots=True)
class PromptExtender:
    """Has a chat endpoint rewrite prompts, and remembers which form of request the endpoint accepts."""

    endpoint: ChatEndpoint
    form: RequestForm = RequestForm.STRUCTURED

    def extend(self, generation: Generation, report: Report, timeout_s: float = TIMEOUT_SECONDS) -> str:
        """Rewrite the generation's prompt at the length and in the style that suit a video model.

        Returns the prompt itself, and logs one warning, where the endpoint gives nothing usable within `timeout_s`
        seconds. Calls `report` about ten times a second, and raises only what that raises. Must not be called
        inside an event loop, as it runs its own.
        """
        # With asyncio, because the timeout of httpx's sync client starts again at each byte: an endpoint that sends
        # slowly could block the task forever.
        rewriter = _Rewriter(self.endpoint, generation, timeout_s * _PAUSE_FRACTION, self.form)
        problem: object
        try:
            return run_coroutine(rewriter.rewrite(), lambda: report(NOT_BEGUN), timeout_s, REPORT_SECONDS)
        except UnusableAnswer as error:
            problem = error
        except DeadlineExceeded:
            problem = f"no usable answer came within {timeout_s:g} s"
        finally:
            self.form = rewriter.form
        log.warning("the prompt was not extended, and is used as it was sent: %s", problem)
        return generation.prompt


@dataclass(slots=True)
class _Rewriter:
    """Asks the endpoint for a better prompt, again after a temporary failure."""

    endpoint: ChatEndpoint
    generation: Generation
    pause_s: float
    form: RequestForm
    _without_schema: bool = field(default=False, init=False)
    """Whether the endpoint has answered by the schema, and not usably."""

    async def rewrite(self) -> str:
        """Ask until an answer is usable, `MAX_TRIES` times at most. Raises UnusableAnswer."""
        instructions = instructions_for(self.generation)
        problem = UnusableAnswer("no request was sent")
        async with open_transport() as transport:
            for number in range(MAX_TRIES):
                if number:
                    await asyncio.sleep(self.pause_s)
                try:
                    body = await self._ask(transport, instructions, number)
                except _PermanentFailure:
                    raise
                except UnusableAnswer as error:
                    problem = error
                    continue
                try:
                    return extract_prompt(completion_text(body), self.generation.prompt, instructions)
                except UnusableAnswer as error:
                    problem = error
                    # Some endpoints accept the schema and write nonsense by it.
                    self._without_schema = True
        raise problem

    async def _ask(self, transport: httpx.AsyncHTTPTransport, instructions: Instructions, number: int) -> bytes:
        try:
            return await call(transport, lambda: self._request(instructions, number), self._check)
        except CallFailed as error:
            raise (UnusableAnswer if error.temporary else _PermanentFailure)(str(error)) from error

    def _request(self, instructions: Instructions, number: int) -> httpx.Request:
        body: dict[str, object] = {
            "model": self.endpoint.model,
            "messages": [
                {"role": "system", "content": instructions.system_prompt},
                {"role": "user", "content": self.generation.prompt},
            ],
            "stream": False,
        }
        if self.form is RequestForm.STRUCTURED and not self._without_schema:
            body["response_format"] = RESPONSE_FORMAT
        if self.form is not RequestForm.BARE:
            # Each try has another seed, because the same seed would give the same answer.
            seed = (self.generation.seed + number) % (SEED_MAX + 1)
            body |= {"max_tokens": MAX_TOKENS, "temperature": TEMPERATURE, "seed": seed}
        return json_request(self.endpoint.url, "chat/completions", self.endpoint.key, body)

    def _check(self, status: int) -> None:
        if 200 <= status < 300:
            return
        problem = f"the endpoint answered with HTTP status {status}"
        if status in _UNKNOWN_FIELD and self.form in NEXT_FORM:
            # Some endpoints refuse fields that others need.
            self.form = NEXT_FORM[self.form]
            raise UnusableAnswer(problem)
        if status >= 500 or status in TEMPORARY:
            raise UnusableAnswer(problem)
        raise _PermanentFailure(problem)
