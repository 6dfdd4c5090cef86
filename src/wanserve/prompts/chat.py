"""Asks an OpenAI-compatible chat endpoint for a better prompt, and falls back to the original."""

import asyncio
import json
import logging
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

import httpx

from wanserve.domain.generation import Generation
from wanserve.domain.ports import Report
from wanserve.domain.rules import SEED_MAX
from wanserve.prompts.answer import PROMPT_FIELD, Unusable, said, usable
from wanserve.prompts.instructions import Brief, brief_for

log = logging.getLogger("wanserve.prompts")

WITHIN_SECONDS: Final = 10.0
"""For all tries together, from the first DNS look-up to the last byte."""

TRIES: Final = 4
TOKENS: Final = 512
TEMPERATURE: Final = 0.7
BODY_BYTES: Final = 256 * 1024
REPORT_SECONDS: Final = 0.1

_PAUSE: Final = 1 / 40
"""The pause between two tries, as a share of the time for all: an overloaded endpoint may have recovered by then."""

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
_TEMPORARY: Final = frozenset({408, 429})


@dataclass(frozen=True, slots=True)
class ChatEndpoint:
    """A chat model: the base of its URLs, such as `http://127.0.0.1:8080/v1`, its name, and an API key."""

    url: str
    model: str
    key: str | None = field(default=None, repr=False)


class _Refused(Unusable):
    """A second try would get the same answer."""


class RequestForm(Enum):
    """How much a request asks for besides a chat completion. An endpoint that refuses one form is sent the next."""

    STRUCTURED = auto()
    """The answer as JSON by RESPONSE_FORMAT, its length, temperature and seed."""

    TUNED = auto()
    """Length, temperature and seed of the answer."""

    BARE = auto()
    """Only the fields that every endpoint knows."""


NEXT_FORM: Final = {RequestForm.STRUCTURED: RequestForm.TUNED, RequestForm.TUNED: RequestForm.BARE}


@dataclass(slots=True)
class PromptExtender:
    """Has a chat endpoint write prompts out, and remembers which form of request the endpoint takes."""

    endpoint: ChatEndpoint
    form: RequestForm = RequestForm.STRUCTURED

    def extend(self, generation: Generation, report: Report, within_s: float = WITHIN_SECONDS) -> str:
        """Rewrite the generation's prompt at the length and in the style that suit a video model.

        Returns the prompt itself, and logs one warning, where the endpoint gives nothing usable within `within_s`
        seconds. Calls `report(0.0)` about ten times a second, and raises only what that raises. Must not be called
        inside an event loop, as it runs its own.
        """
        # asyncio, because the timeout of httpx's sync client starts anew at each byte: an endpoint that sends slowly
        # enough would hold the task for ever. Not asyncio.run, which waits at its end for an unfinished DNS look-up.
        loop = asyncio.new_event_loop()
        conversation = _Conversation(self.endpoint, generation, within_s * _PAUSE, self.form)
        try:
            return loop.run_until_complete(_within(conversation, report, within_s))
        except Unusable as error:
            log.warning("the prompt stays as it was sent: %s", error)
            return generation.prompt
        finally:
            self.form = conversation.form
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()


async def _within(conversation: "_Conversation", report: Report, within_s: float) -> str:
    work = asyncio.ensure_future(conversation.rewritten())
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + within_s
    try:
        while not work.done():
            report(0.0)
            left = ends_at - loop.time()
            if left <= 0:
                raise Unusable(f"no usable answer came within {within_s:g} s")
            await asyncio.wait({work}, timeout=min(left, REPORT_SECONDS))
        return work.result()
    finally:
        # Closes the connection without waiting for the endpoint.
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


@dataclass(slots=True)
class _Conversation:
    endpoint: ChatEndpoint
    generation: Generation
    pause_s: float
    form: RequestForm
    _without_schema: bool = field(default=False, init=False)

    async def rewritten(self) -> str:
        """Ask until an answer is usable, `TRIES` times at most. Raises Unusable."""
        brief = brief_for(self.generation)
        problem = Unusable("nothing was asked")
        # The bare transport: unlike a client it follows no redirect, logs no URL and reads no environment variable.
        async with httpx.AsyncHTTPTransport(trust_env=False) as transport:
            for number in range(TRIES):
                if number:
                    await asyncio.sleep(self.pause_s)
                try:
                    body = await self._ask(transport, brief, number)
                except _Refused:
                    raise
                except Unusable as error:
                    problem = error
                    continue
                try:
                    return usable(said(body), self.generation.prompt, brief)
                except Unusable as error:
                    problem = error
                    # Some endpoints take the schema and write nonsense by it.
                    self._without_schema = True
        raise problem

    async def _ask(self, transport: httpx.AsyncHTTPTransport, brief: Brief, number: int) -> bytes:
        # The messages of httpx's errors may quote a header, and so the key. Only ConnectError's is safe to log.
        try:
            answer = await transport.handle_async_request(self._request(brief, number))
            async with aclosing(answer):
                self._check(answer.status_code)
                return await _body(answer)
        except httpx.ConnectError as error:
            raise _Refused(f"the endpoint cannot be reached: {error}") from error
        except httpx.NetworkError as error:
            raise Unusable(f"the connection broke ({type(error).__name__})") from error
        except httpx.RemoteProtocolError as error:
            raise Unusable("the connection ended before the HTTP response was complete") from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError, ExceptionGroup) as error:
            # A port beyond 65535 raises an ExceptionGroup, and a key that no header can hold a ValueError.
            raise _Refused(f"the endpoint cannot be asked ({type(error).__name__})") from error

    def _request(self, brief: Brief, number: int) -> httpx.Request:
        url = httpx.URL(self.endpoint.url)
        body: dict[str, object] = {
            "model": self.endpoint.model,
            "messages": [
                {"role": "system", "content": brief.system_prompt},
                {"role": "user", "content": self.generation.prompt},
            ],
            "stream": False,
        }
        if self.form is RequestForm.STRUCTURED and not self._without_schema:
            body["response_format"] = RESPONSE_FORMAT
        if self.form is not RequestForm.BARE:
            # Another seed for each try, or the answer would be the same.
            seed = (self.generation.seed + number) % (SEED_MAX + 1)
            body |= {"max_tokens": TOKENS, "temperature": TEMPERATURE, "seed": seed}
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "wanserve"}
        if self.endpoint.key is not None:
            headers["Authorization"] = f"Bearer {self.endpoint.key}"
        return httpx.Request(
            "POST",
            url.copy_with(path=f"{url.path.rstrip('/')}/chat/completions"),
            headers=headers | {"Content-Type": "application/json"},
            content=json.dumps(body).encode(),
        )

    def _check(self, status: int) -> None:
        if 200 <= status < 300:
            return
        problem = f"the endpoint answered with HTTP status {status}"
        if status in _UNKNOWN_FIELD and self.form in NEXT_FORM:
            # Some endpoints refuse fields that others need.
            self.form = NEXT_FORM[self.form]
            raise Unusable(problem)
        if status >= 500 or status in _TEMPORARY:
            raise Unusable(problem)
        raise _Refused(problem)


async def _body(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > BODY_BYTES:
            raise Unusable(f"the answer is longer than {BODY_BYTES} bytes")
    return bytes(body)
