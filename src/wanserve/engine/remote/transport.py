"""Sends requests to an upstream and downloads its files, within limits of time and size."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from urllib.parse import urljoin

import httpx

from wanserve.domain.errors import MediaUnavailable, UpstreamFailed
from wanserve.engine.remote.answers import Answer, Transient
from wanserve.models.upstream import Upstream, origin

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

_HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": "wanserve"}

_NO_VIDEO_TYPES: Final = ("text", "application/json", "application/xml", "image")
"""How the content types of pages and errors begin. Any other type may be a video, whatever it claims to be."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an upstream may take: seconds for a whole answer, without a byte, and for a file; bytes of both."""

    answer_s: float = 30.0
    silence_s: float = 30.0
    file_s: float = 900.0
    answer_bytes: int = 1024 * 1024
    file_bytes: int = 1024 * 1024 * 1024
    redirects: int = 5


DEFAULT_LIMITS: Final = Limits()


@dataclass(slots=True)
class Transport:
    """Connections to one upstream, as an async context manager."""

    upstream: Upstream
    limits: Limits = DEFAULT_LIMITS
    # Unlike a client, a transport follows no redirect, logs no URL and uses no proxy of the environment.
    _http: httpx.AsyncHTTPTransport = field(default_factory=httpx.AsyncHTTPTransport, init=False)

    async def __aenter__(self) -> Self:
        """Open."""
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def call(self, request: httpx.Request) -> Answer:
        """Send the request and read the whole answer, whatever its status. Raises Transient, or UpstreamFailed."""
        async with self._deadline(self.limits.answer_s), self._sent(request) as answer:
            body = bytearray()
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > self.limits.answer_bytes:
                    raise Transient(f"its answer is longer than {self.limits.answer_bytes} bytes")
            return Answer(answer.status_code, answer.headers, bytes(body))

    async def download(self, url: str, path: Path, on_fraction: Callable[[float], None]) -> Answer | None:
        """Download the file behind the URL to `path`, and call `on_fraction` where its size is known.

        Returns None, or the answer where its status is an error. The key goes to the upstream's own host only, and to
        none after a redirect to another host. Raises Transient, UpstreamFailed, MediaUnavailable.
        """
        # Before the URL is looked at in any other way: it may be none.
        _download_request(url, {})
        headers = self.upstream.headers if self.upstream.is_own(url) else {}
        async with self._deadline(self.limits.file_s):
            for _ in range(self.limits.redirects + 1):
                found = await self._follow(url, headers, path, on_fraction)
                if not isinstance(found, str):
                    return found
                if origin(found) != origin(url):
                    headers = {}
                url = found
        raise UpstreamFailed(f"its video is behind more than {self.limits.redirects} redirects")

    async def _follow(
        self, url: str, headers: Mapping[str, str], path: Path, on_fraction: Callable[[float], None]
    ) -> Answer | str | None:
        """One request of a download: where it leads to, or its end as in `download`."""
        request = _download_request(url, headers)
        async with self._sent(request) as answer:
            if answer.status_code in REDIRECTS:
                return _joined(url, str(answer.headers.get("location", "")))
            return await self._save(answer, path, on_fraction)

    async def _save(self, answer: httpx.Response, path: Path, on_fraction: Callable[[float], None]) -> Answer | None:
        if answer.status_code != 200:
            return Answer(answer.status_code, answer.headers, b"")
        kind, size = answer.headers.get("content-type", ""), _content_length(answer.headers)
        wrong = next((known for known in _NO_VIDEO_TYPES if kind.lower().startswith(known)), None)
        if wrong is not None:
            raise Transient(f"it sent a file of type {wrong} instead of a video")
        self._limit_file(size or 0)
        try:
            with path.open("wb") as file:
                async for chunk in answer.aiter_raw():
                    written = file.tell() + len(chunk)
                    self._limit_file(written)
                    file.write(chunk)
                    on_fraction(written / size if size else 0.0)
        except OSError as error:
            raise MediaUnavailable(f"cannot write {path.name}: {error.strerror or error}") from error
        return None

    def _limit_file(self, size: int) -> None:
        if size > self.limits.file_bytes:
            raise UpstreamFailed(f"its video is larger than {self.limits.file_bytes} bytes")

    @asynccontextmanager
    async def _deadline(self, seconds: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            raise Transient(f"it did not answer in full within {seconds:g} s") from error

    @asynccontextmanager
    async def _sent(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        """Send the request and read the head of the answer. Turns the errors of httpx into Transient."""
        request.headers.update({name: value for name, value in _HEADERS.items() if name not in request.headers})
        request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), self.limits.silence_s)
        # The messages of httpx's errors may quote a header, and with it the key. Only ConnectError's is safe to pass on,
        # which is what the system says of the address.
        try:
            answer = await self._http.handle_async_request(request)
            async with aclosing(answer):
                yield answer
        except httpx.ConnectError as error:
            raise Transient(f"it cannot be reached: {_reason(error)}") from error
        except httpx.TimeoutException as error:
            raise Transient(f"it sent nothing for {self.limits.silence_s:g} s") from error
        except httpx.HTTPError as error:
            raise Transient(f"the connection broke ({type(error).__name__})") from error
        except (ExceptionGroup, OSError, ValueError) as error:
            # A host with several addresses, none of which answers; a port or a name that no system accepts.
            raise Transient(f"it cannot be reached ({type(error).__name__})") from error


def _reason(error: BaseException) -> str:
    """What the system says of why a connection could not be opened, such as "Connection refused"."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None:
            # Those of name resolution have negative numbers and texts of their own.
            return os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)
        # With several addresses there are several errors, mostly alike.
        cause = cause.exceptions[0] if isinstance(cause, BaseExceptionGroup) else cause.__cause__ or cause.__context__
    return str(error)


def _joined(url: str, location: str) -> str:
    """Where a redirect leads to. Raises UpstreamFailed where that is no URL."""
    try:
        target = urljoin(url, location)
        origin(target)
    except ValueError as error:
        raise UpstreamFailed("its video is at an address that is no URL") from error
    return target


def _download_request(url: str, headers: Mapping[str, str]) -> httpx.Request:
    """The request for a file. Raises UpstreamFailed where the URL is not one of HTTP."""
    try:
        scheme, host, _ = origin(url)
        if scheme not in ("http", "https") or not host:
            raise UpstreamFailed("its video is at an address that is neither http:// nor https://")
        return httpx.Request("GET", url, headers=headers)
    except (ValueError, httpx.InvalidURL) as error:
        raise UpstreamFailed("its video is at an address that is no URL") from error


def _content_length(headers: Mapping[str, str]) -> int | None:
    length = headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 16 else None
