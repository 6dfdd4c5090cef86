"""Signs browsers in, by a link or by a key, and out."""

import ipaddress
from dataclasses import dataclass
from functools import partial
from typing import Final

from starlette.responses import Response

from wanserve.domain.errors import InvalidKey, MissingKey, SignInLinkInvalid, WanserveError
from wanserve.http.runners import Runners
from wanserve.sessions import SESSION_SECONDS, Sessions
from wanserve.studio.endpoint import see
from wanserve.studio.language import Language
from wanserve.studio.rendering import Pages
from wanserve.studio.visit import LANGUAGE_COOKIE, THEME_COOKIE, THEMES, Visit, session_cookie

FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
"""The headers of proxies: whoever comes through one may be on any machine."""

PREFERENCE_SECONDS: Final = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class SigningIn:
    """The page where one signs in, and what its form does."""

    sessions: Sessions
    runners: Runners
    pages: Pages

    async def show(self, visit: Visit) -> Response:
        """The page; or, with a link of this server's, the session at once."""
        link = visit.query.get("link")
        if link is None:
            return see(visit, "") if visit.key else self._page(visit)
        if not from_this_machine(visit):
            return self._page(visit, SignInLinkInvalid("a sign-in link is for a browser on the server's own machine"))
        try:
            session = await self.runners.write(partial(self.sessions.redeem, link))
        except SignInLinkInvalid as error:
            # Who follows it again is signed in by its first use, and wants the same page.
            return see(visit, "") if visit.key else self._page(visit, error)
        return self._signed_in(visit, session)

    async def sign_in(self, visit: Visit) -> Response:
        """Begin a session of the key that was entered."""
        try:
            session = await self.runners.write(partial(self.sessions.begin, visit.form.get("key", "").strip()))
        except (MissingKey, InvalidKey) as error:
            return self._page(visit, error)
        return self._signed_in(visit, session)

    async def sign_out(self, visit: Visit) -> Response:
        """End the session: its cookie is worth nothing afterwards, wherever it was copied."""
        await self.runners.write(partial(self.sessions.end, visit.session))
        answer = see(visit, "sign-in")
        _set_cookie(answer, visit, session_cookie(visit.headers), "", 0)
        return answer

    async def prefer(self, visit: Visit) -> Response:
        """Keep the language or the theme that the visitor has chosen, and show the page that the form was on."""
        answer = see(visit, visit.form.get("back", "") if _is_own_page(visit.form.get("back", "")) else "")
        for cookie, value, known in (
            (LANGUAGE_COOKIE, visit.form.get("language"), tuple(Language)),
            (THEME_COOKIE, visit.form.get("theme"), THEMES),
        ):
            if value in known:
                _set_cookie(answer, visit, cookie, str(value), PREFERENCE_SECONDS)
        return answer

    def _page(self, visit: Visit, refusal: WanserveError | None = None) -> Response:
        return self.pages.page("sign_in.html", visit, 200 if refusal is None else refusal.status, refusal=refusal)

    def _signed_in(self, visit: Visit, session: str) -> Response:
        answer = see(visit, "")
        _set_cookie(answer, visit, session_cookie(visit.headers), session, SESSION_SECONDS)
        return answer


def from_this_machine(visit: Visit) -> bool:
    """Whether the browser runs on the server's own machine, as far as the connection and its headers tell."""
    client = visit.scope.get("client")
    try:
        address = ipaddress.ip_address(client[0] if client else "")
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        # How a server that listens for both sees a client of IPv4.
        address = address.ipv4_mapped
    return address.is_loopback and not any(name in visit.headers for name in FORWARDED)


def _set_cookie(answer: Response, visit: Visit, name: str, value: str, seconds: int) -> None:
    # Without a path the cookie belongs to the folder of this route, which lies at the root of the studio: so it also
    # does under a proxy's prefix, of which the server need not know.
    answer.set_cookie(name, value, max_age=seconds, path=None, secure=_by_tls(visit), httponly=True, samesite="lax")


def _by_tls(visit: Visit) -> bool:
    """Whether the browser's connection is encrypted, also where a proxy does that."""
    return visit.scope["scheme"] == "https" or visit.headers.get("x-forwarded-proto", "").startswith("https")


def _is_own_page(place: str) -> bool:
    """Whether this is a page of the studio, relative to its root."""
    return place.partition("?")[0] in ("", "video", "compare", "server", "sign-in")
