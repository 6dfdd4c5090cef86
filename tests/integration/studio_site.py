"""A server with its studio in this process, over real HTTP. There is no worker: a test makes the videos itself."""

import asyncio
import re
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import httpx
from markupsafe import escape
from starlette.routing import Route
from starlette.types import ASGIApp, Message

from wanserve.app import build
from wanserve.core import Core, open_core
from wanserve.domain.account import Key
from wanserve.domain.files import file_key
from wanserve.domain.rules import VideoRequest
from wanserve.domain.task import Failure, Task, Variant, Video
from wanserve.http.listener import bind_socket, serve_app, start_listening
from wanserve.models.availability import find_availability
from wanserve.models.catalogue import Served
from wanserve.moderation import open_moderation
from wanserve.prompts.moderation import Moderation
from wanserve.settings import Settings
from wanserve.studio.endpoint import StudioEndpoint
from wanserve.studio.language import Language, read_texts
from wanserve.studio.routes import open_studio

MODEL: Final = "wan2.2-t2v-plus"
VIDEO_BYTES: Final = b"not really a video, and long enough for ranges"
CSRF: Final = re.compile(r'name="csrf_token" value="([0-9a-f]+)"')
ONCE: Final = re.compile(r'name="once" value="([^"]+)"')

TEXTS: Final = read_texts()

_NOTHING: Final[dict[str, Any]] = dict.fromkeys(signature(open_studio).parameters)
_NOTHING["tasks"] = SimpleNamespace(store=SimpleNamespace(now_ms=lambda: 0))
ROUTES: Final = [route for route in open_studio(**_NOTHING).routes() if isinstance(route, Route)]
"""The table of routes, for tests that hold all of them to something. It is built on nothing, and answers nothing."""


def told(name: str, language: str = "en", **values: object) -> str:
    """A text of the studio as a page has it."""
    return str(escape(TEXTS[Language(language)](name, **values)))


def routes(method: str) -> list[Route]:
    """The routes of this method which have a page behind them: all but the static files."""
    return [route for route in ROUTES if method in (route.methods or ()) and isinstance(route.endpoint, StudioEndpoint)]


def is_public(route: Route) -> bool:
    """Whether visitors without a session have it too."""
    assert isinstance(route.endpoint, StudioEndpoint)
    return route.endpoint.public


@dataclass
class Browser:
    """Keeps cookies as a browser does, and sends forms with the token of the page."""

    http: httpx.Client

    def get(self, path: str, **headers: str) -> httpx.Response:
        """One page or file, without following where it leads."""
        return self.http.get(path, headers=_names(headers))

    def page(self, path: str, **headers: str) -> str:
        """The text of a page that is there."""
        answer = self.get(path, **headers)
        assert answer.status_code == 200, answer.text
        return answer.text

    def token(self) -> str:
        """The token that the forms of this session send."""
        found = CSRF.search(self.page("/"))
        assert found, "no form has a token"
        return found[1]

    def post(self, path: str, fields: dict[str, str] | None = None, **headers: str) -> httpx.Response:
        """Send a form of one of the pages."""
        return self.http.post(path, data={"csrf_token": self.token(), **(fields or {})}, headers=_names(headers))

    def make(self, prompt: str = "a cat", **fields: str) -> httpx.Response:
        """Send the form of the first page as it comes, with these fields filled in."""
        page = self.page("/")
        once = ONCE.search(page)
        assert once, "the form has no id"
        return self.post("/studio/make", {"once": once[1], "prompt": prompt, "takes": "1", **fields})

    def sign_in(self, secret: str) -> httpx.Response:
        """Enter a key."""
        return self.http.post("/sign-in", data={"key": secret})


def _names(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass
class Site:
    """The server, and who uses it."""

    settings: Settings
    core: Core
    app: ASGIApp
    url: str
    opened: ExitStack

    def browser(self) -> Browser:
        """A browser of somebody who has not signed in."""
        return Browser(self.opened.enter_context(httpx.Client(base_url=self.url, trust_env=False, timeout=60)))

    def key(self, account: str = "ann", models: Sequence[str] | None = None, name: str | None = None) -> str:
        """The text of a new key."""
        return self.core.keys.create(name or account, account, models)

    def signed_in(self, account: str = "ann") -> Browser:
        """A browser of somebody with a new account."""
        browser = self.browser()
        answer = browser.sign_in(self.key(account))
        assert answer.status_code == 303, answer.text
        return browser

    def submit(self, account: str = "ann", prompt: str = "a cat", model: str = MODEL, seed: int | None = None) -> Task:
        """A task that waits."""
        request = VideoRequest(model, prompt, size=(640, 480) if model == MODEL else None, seed=seed)
        return self.core.tasks.submit(Key(account, account, "", 0), request).result(60)

    def run(self) -> Task:
        """The task that waits longest, which runs from now on."""
        claimed = self.core.tasks.claim("worker", [MODEL])
        assert claimed is not None
        return claimed

    def video(self, account: str = "ann", prompt: str = "a cat", seed: int | None = None, **told: Any) -> Task:
        """A task with a finished video; nothing else may wait."""
        task = self.submit(account, prompt, seed=seed)
        running = self.run()
        assert running.id == task.id
        for variant in Variant:
            file = self.settings.blobs_dir / file_key(task.id, running.attempt, variant)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(VIDEO_BYTES if variant is Variant.VIDEO else b"a picture")
        video = Video(file_key(task.id, running.attempt), len(VIDEO_BYTES), "animatic", ("a note",))
        assert self.core.tasks.succeed(running, replace(video, **told))
        return self.core.tasks.get(account, task.id)

    def failed(self, account: str = "ann", prompt: str = "a cat", why: str = "it rained") -> Task:
        """A task that has failed."""
        task = self.submit(account, prompt)
        assert self.core.tasks.fail(self.run(), Failure("engine_failed", why), retryable=False)
        return self.core.tasks.get(account, task.id)

    def kept(self) -> dict[str, list[tuple[object, ...]]]:
        """Everything in the database, by table."""
        with closing(sqlite3.connect(self.settings.database_file)) as database:
            tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {table: list(database.execute(f'SELECT * FROM "{table}"')) for table in tables}

    def ask(
        self, path: str, query: str = "", client: str = "127.0.0.1", scheme: str = "http", **headers: str
    ) -> "Said":
        """A GET from a chosen address or by TLS, which no client of this machine could send."""
        return asyncio.run(
            self._ask({"path": path, "query_string": query.encode(), "scheme": scheme, "client": (client, 5)}, headers)
        )

    async def _ask(self, scope: dict[str, Any], headers: dict[str, str]) -> "Said":
        said: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            said.append(message)

        sent = [(name.encode(), value.encode()) for name, value in _names(headers).items()]
        await self.app({"type": "http", "method": "GET", "headers": sent, **scope}, receive, send)
        return Said(
            int(said[0]["status"]), httpx.Headers(said[0]["headers"]), b"".join(m["body"] for m in said[1:]).decode()
        )


@dataclass(frozen=True)
class Said:
    """An answer."""

    status: int
    headers: httpx.Headers
    text: str


@contextmanager
def serving(folder: Path, judges: Moderation | None = None, **settings: Any) -> Iterator[Site]:
    """A site for the length of a block; its rate limits are out of the way unless they are set.

    `judges` are those of its settings, unless they are handed in.
    """
    given = {"submit_rps": 100_000, "query_rps": 100_000, "engine": "animatic", **settings}
    chosen = Settings(data_dir=folder / "data", **given)
    availability = find_availability(chosen)
    served = Served(availability.cards, frozenset({availability.engine}))
    with closing(open_core(chosen, served)) as core, closing(judges or open_moderation(chosen)) as moderation:
        parts = build(chosen, core, availability, with_worker=False, moderation=moderation)
        bound = bind_socket("127.0.0.1", 0)
        url, done = start_listening(bound), threading.Event()

        async def until() -> float:
            await asyncio.to_thread(done.wait)
            parts.stopping.set()
            return 10.0

        thread = threading.Thread(target=lambda: asyncio.run(serve_app(parts.app, bound, until)))
        thread.start()
        try:
            with ExitStack() as opened:
                yield Site(chosen, core, parts.app, url, opened)
        finally:
            done.set()
            thread.join()
