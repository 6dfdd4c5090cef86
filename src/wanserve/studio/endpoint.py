"""The ASGI application of one route of the studio: session, rate limit, form, then the page; errors become pages too."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from wanserve.domain.account import Key
from wanserve.domain.errors import NotSignedIn, WanserveError
from wanserve.http.body import BodyBudget, BodyReader
from wanserve.http.dialects.base import require_uncompressed
from wanserve.http.middleware import UnexpectedError
from wanserve.http.rates import RateLimiter, RequestKind
from wanserve.http.routing import BODY_READ, DIALECT, REQUEST_ID
from wanserve.studio.rendering import HEADERS, Pages
from wanserve.studio.visit import Visit, read_form, read_visit, require_own_page

log = logging.getLogger(__name__)

STUDIO: Final = "studio"
"""The studio's name where the dialects' are: in the metrics."""

Handler = Callable[[Visit], Awaitable[ASGIApp]]
"""Answers a visit. Raises WanserveError."""

FindKey = Callable[[str | None], Awaitable[Key]]
"""Finds the key of a session's token. Raises NotSignedIn."""

NOBODY: Final = "studio, not signed in"
"""In place of an account, for the memory that the forms of visitors without a session take."""


@dataclass(frozen=True, slots=True)
class Access:
    """What every route of the studio needs before its page is made."""

    find_key: FindKey
    rate_limiter: RateLimiter
    body_budget: BodyBudget
    pages: Pages


@dataclass(frozen=True, slots=True)
class StudioEndpoint:
    """One route. `public`: also for visitors without a session. `counted`: it counts as a query of the account.

    Pictures and videos are not counted, as in the links that are signed: a wall shows many at a time.
    """

    handle: Handler
    access: Access
    public: bool = False
    counted: bool = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request with a page, also where that fails."""
        scope[DIALECT] = STUDIO
        visit = read_visit(scope)
        try:
            visit = await self._identified(visit)
            if visit.method == "POST":
                visit = await self._with_form(visit, receive)
                require_own_page(visit)
            answer = await self.handle(visit)
        except NotSignedIn:
            answer = to_sign_in(visit)
        except WanserveError as error:
            if error.status >= 500:
                log.error("%s %s: %s: %s", visit.method, visit.path, error.code, error)
            answer = self._error_page(visit, error)
        except Exception:
            log.exception("%s %s (request %s)", visit.method, visit.path, scope.get(REQUEST_ID))
            answer = self._error_page(visit, UnexpectedError("an unexpected error"))
        # What a file raises while it is sent has no page, as no person reads it.
        await answer(scope, receive, send)

    async def _identified(self, visit: Visit) -> Visit:
        try:
            key = await self.access.find_key(visit.session)
        except NotSignedIn:
            if not self.public:
                raise
            return visit
        if self.counted:
            await self.access.rate_limiter.acquire(key, RequestKind.QUERY)
        return replace(visit, key=key)

    async def _with_form(self, visit: Visit, receive: Receive) -> Visit:
        account = visit.key.account if visit.key else NOBODY
        body = BodyReader(receive, self.access.body_budget, account)
        try:
            require_uncompressed(visit.headers)
            visit.scope[BODY_READ] = True
            return replace(visit, form=read_form(await body.read()))
        finally:
            body.release()

    def _error_page(self, visit: Visit, error: WanserveError) -> Response:
        template = "_error.html" if visit.partial else "error.html"
        return self.access.pages.page(template, visit, error.status, error=error)


def to_sign_in(visit: Visit) -> Response:
    """Lead the browser to the page where one signs in. htmx loads it as a whole page."""
    if visit.partial:
        return Response(status_code=401, headers={**HEADERS, "hx-redirect": "sign-in"})
    return see(visit, "sign-in")


def see(visit: Visit, place: str) -> Response:
    """Lead the browser to another page of the studio, given relative to the root, under whatever prefix that is."""
    return RedirectResponse(visit.to_root + place or "./", 303, HEADERS)
