"""Asks an upstream something that changes nothing, to learn whether it is there and takes the key."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from wanserve.domain.errors import SetupError, UpstreamDenied, UpstreamFailed, UpstreamRefused
from wanserve.engine.remote.answers import Answer, Codec, KeyTaken, Transient, error_of
from wanserve.engine.remote.fetching import codec_for
from wanserve.engine.remote.transport import Limits, Transport
from wanserve.machine.coroutines import DeadlineExceeded, run_coroutine
from wanserve.models.upstream import Upstream

CHECK_SECONDS: Final = 5.0
"""How long one check may take."""

_LIMITS: Final = Limits(answer_s=CHECK_SECONDS, silence_s=CHECK_SECONDS)


@dataclass(frozen=True, slots=True)
class Check:
    """How an upstream answered a check.

    `problem` says why it can make no videos now, None where it can. `said` are the upstream's own words, which are not
    to be logged. `by_setting`: only another setting can help. `missing` are the upstream's names of those models of
    ours that its own list does not have.
    """

    problem: str | None = None
    said: str = ""
    by_setting: bool = False
    missing: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """Problem and words as one line."""
        return ": ".join(filter(None, (self.problem, self.said)))


def check_upstream(upstream: Upstream) -> Check:
    """Check the upstream. Takes at most some seconds, and raises nothing that the upstream could cause."""
    try:
        models = run_coroutine(_ask(upstream, codec_for(upstream)), lambda: None, 2 * CHECK_SECONDS, 1.0)
    except (UpstreamDenied, WrongAddress) as error:
        return Check(str(error), error.said, by_setting=True)
    except UpstreamFailed as error:
        return Check(str(error), error.said)
    except (Transient, DeadlineExceeded) as error:
        return Check(str(error) or f"it did not answer within {CHECK_SECONDS:g} s")
    wanted = sorted(set(upstream.models.values()))
    return Check(missing=() if models is None else tuple(name for name in wanted if name not in models))


def check_all(upstreams: Mapping[str, Upstream]) -> dict[str, Check]:
    """Check all upstreams at the same time."""
    with ThreadPoolExecutor(max(len(upstreams), 1), "upstreams") as threads:
        return dict(zip(upstreams, threads.map(check_upstream, upstreams.values()), strict=True))


def require_settings(checks: Mapping[str, Check]) -> None:
    """Raise SetupError for the first upstream that only another setting can make work."""
    for name, check in checks.items():
        if check.by_setting:
            raise SetupError(f"upstreams: {name}: {check.line}")


class WrongAddress(UpstreamFailed):
    """What answers at the URL has not this API."""


async def _ask(upstream: Upstream, codec: Codec) -> set[str] | None:
    """The upstream's models, None where it has no list of them. Raises Transient, UpstreamFailed."""
    problem = ""
    async with Transport(upstream, _LIMITS) as transport:
        for request in codec.checks():
            answer = await transport.call(request)
            error = error_of(upstream, answer)
            if error is None:
                return _read(codec, answer)
            if isinstance(error, UpstreamRefused | KeyTaken):
                # It did not mind the key, only the question: not every server has a task that nobody submitted.
                return _read(codec, answer)
            if answer.status not in (404, 405):
                raise error
            problem = str(error)
    raise WrongAddress(problem)


def _read(codec: Codec, answer: Answer) -> set[str] | None:
    try:
        return codec.read_check(answer)
    except Transient as error:
        raise WrongAddress(f"{error}: its url or its dialect is wrong") from error
