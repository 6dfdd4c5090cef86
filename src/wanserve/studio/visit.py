"""One request of a browser as the studio sees it: who asks, in which language, and with which fields."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, QueryParams
from starlette.requests import cookie_parser
from starlette.types import Scope

from wanserve.domain.account import Key
from wanserve.domain.errors import InvalidRequest, WanserveError
from wanserve.http.body import EMPTY_QUERY, MAX_QUERY_PARAMETERS, read_query
from wanserve.studio.language import Language, wanted_language

SESSION_COOKIE: Final = "wanserve_session"
"""The beginning of the session cookie's name: cookies do not tell ports apart, so the port is its end."""

LANGUAGE_COOKIE: Final = "wanserve_language"
THEME_COOKIE: Final = "wanserve_theme"
THEMES: Final = ("light", "dark")

CSRF_FIELD: Final = "csrf_token"
CSRF_HEADER: Final = "x-csrf-token"
"""Where a page sends the token that only pages of this server know: see `Visit.csrf_token`."""


class ForeignRequest(WanserveError):
    """A request that changes something came from another site's page, or from a page of an earlier session."""

    code = "foreign_request"
    status = 403


@dataclass(frozen=True, slots=True)
class Visit:
    """A request. `key` is that of its session, None where it has none; `session` is the session's token."""

    method: str
    path: str
    headers: Headers
    query: QueryParams
    cookies: Mapping[str, str]
    language: Language
    theme: str | None
    scope: Scope
    session: str | None = None
    key: Key | None = None
    form: QueryParams = field(default_factory=lambda: EMPTY_QUERY)

    @property
    def account(self) -> str:
        """The account of the session. Only for pages that need one."""
        return self.signed_in.account

    @property
    def signed_in(self) -> Key:
        """The key of the session. Only for pages that need one."""
        assert self.key is not None, "the endpoint lets nobody in without a session"
        return self.key

    @property
    def task_id(self) -> str:
        """The id of the task in the path. Only for paths that have one."""
        return str(self.scope["path_params"]["task_id"])

    @property
    def partial(self) -> bool:
        """Whether htmx asks, for a part of a page."""
        return "hx-request" in self.headers

    @property
    def to_root(self) -> str:
        """The way from the path of this request to the root of the studio, under whatever prefix that is."""
        return "../" * (self.path.count("/") - 1)

    @property
    def csrf_token(self) -> str:
        """What each form and each request of htmx sends back: other sites' pages cannot read it."""
        return sha256(f"form {self.session}".encode()).hexdigest()[:32] if self.session else ""


def session_cookie(headers: Headers) -> str:
    """The name of the session cookie: two servers on one machine have one each."""
    port = re.search(r":(\d+)$", headers.get("host", ""))
    return f"{SESSION_COOKIE}_{port[1]}" if port else SESSION_COOKIE


def read_visit(scope: Scope) -> Visit:
    """The request, without its session and its form. Raises InvalidRequest for a query that is too long."""
    headers = Headers(scope=scope)
    cookies = cookie_parser("; ".join(headers.getlist("cookie")))
    return Visit(
        scope["method"],
        scope["path"],
        headers,
        read_query(scope["query_string"]),
        cookies,
        wanted_language(cookies.get(LANGUAGE_COOKIE), headers.get("accept-language", "")),
        cookies.get(THEME_COOKIE) if cookies.get(THEME_COOKIE) in THEMES else None,
        scope,
        cookies.get(session_cookie(headers)) or None,
    )


def read_form(content: bytes) -> QueryParams:
    """The fields of a form. Raises InvalidRequest where it is none."""
    try:
        # A browser writes every line end as CR LF.
        text = content.decode("ascii").replace("%0D%0A", "%0A")
        return QueryParams(
            parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_QUERY_PARAMETERS, errors="strict")
        )
    except ValueError as error:
        raise InvalidRequest("body", "must be the fields of a form") from error


def require_own_page(visit: Visit) -> None:
    """Raise ForeignRequest unless a page of this server sent the request."""
    # Browsers say this of every request to a site with TLS and to this machine. Without it the token alone decides.
    if visit.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise ForeignRequest("the request came from another site")
    if visit.key is None:
        return
    sent = visit.headers.get(CSRF_HEADER) or visit.form.get(CSRF_FIELD) or ""
    if not compare_digest(sent.encode(), visit.csrf_token.encode()):
        raise ForeignRequest("the page is of an earlier session: load it again")
