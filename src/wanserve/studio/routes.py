"""The routes of the studio, each with its handler."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from wanserve.domain.account import Key
from wanserve.http.body import BodyBudget
from wanserve.http.dialects.base import EndpointNotFound
from wanserve.http.events import Streams
from wanserve.http.files import BucketFiles, FileSender, VideoLinks
from wanserve.http.origin import Origin
from wanserve.http.rates import RateLimiter
from wanserve.http.responses import open_file, send_file
from wanserve.http.routing import ExactRoute
from wanserve.http.runners import Runners
from wanserve.outlook import Outlooks
from wanserve.overview import Overview
from wanserve.sessions import Sessions
from wanserve.studio.endpoint import Access, Handler, StudioEndpoint
from wanserve.studio.live import Live, operations
from wanserve.studio.making import Making
from wanserve.studio.rendering import STATIC_FOLDER, asset_version, open_pages
from wanserve.studio.serving import Serving
from wanserve.studio.signing_in import SigningIn
from wanserve.studio.wall import Wall
from wanserve.studio.watching import Watching
from wanserve.tasks import Tasks

STATIC_TYPES: Final = {
    "htmx.min.js": "text/javascript; charset=utf-8",
    "studio.js": "text/javascript; charset=utf-8",
    "studio.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "example.mp4": "video/mp4",
    "example.webp": "image/webp",
}
"""The media types of the static files, by name."""

FOR_EVER: Final = "public, max-age=31536000, immutable"
FOR_A_DAY: Final = "public, max-age=86400"


@dataclass(frozen=True, slots=True)
class Studio:
    """Everything that the studio can do."""

    access: Access
    signing_in: SigningIn
    making: Making
    watching: Watching
    live: Live
    serving: Serving

    def routes(self) -> Sequence[BaseRoute]:
        """All routes. The pages lie at the root, so that links between them are the same on each, under any prefix."""
        signing_in, making, watching = self.signing_in, self.making, self.watching
        task = "/studio/tasks/{task_id}"
        return [
            self._get("/", making.home),
            self._get("/video", watching.video),
            self._get("/compare", watching.compare),
            self._get("/server", self.serving.show),
            self._get("/sign-in", signing_in.show, public=True),
            self._post("/sign-in", signing_in.sign_in, public=True),
            self._post("/sign-out", signing_in.sign_out),
            self._post("/prefer", signing_in.prefer, public=True),
            self._get("/studio/form", making.form),
            self._get("/studio/estimate", making.estimate),
            self._post("/studio/make", making.make),
            self._get("/studio/wall", making.wall.part),
            self._get("/studio/task", watching.part),
            self._get("/studio/status", watching.status),
            self._get("/studio/states", watching.states),
            self._get("/studio/events", self.live.stream),
            self._post(f"{task}/again", making.again),
            self._post(f"{task}/cancel", watching.cancel),
            self._post(f"{task}/delete", watching.delete),
            self._post(f"{task}/share", watching.share),
            ExactRoute(f"{task}/{{name}}", StudioEndpoint(watching.file, self.access, counted=False), ["GET", "HEAD"]),
            ExactRoute("/studio/static/{version}/{name}", StaticFile(), ["GET", "HEAD"]),
            # Browsers ask for it on their own, also beside what is no page.
            ExactRoute("/favicon.ico", StaticFile("icon.svg"), ["GET", "HEAD"]),
        ]

    def _get(self, path: str, handle: Handler, *, public: bool = False) -> ExactRoute:
        return ExactRoute(path, StudioEndpoint(handle, self.access, public), ["GET", "HEAD"])

    def _post(self, path: str, handle: Handler, *, public: bool = False) -> ExactRoute:
        return ExactRoute(path, StudioEndpoint(handle, self.access, public), ["POST"])


def open_studio(
    *,
    tasks: Tasks,
    sessions: Sessions,
    outlooks: Outlooks,
    rate_limiter: RateLimiter,
    body_budget: BodyBudget,
    runners: Runners,
    streams: Streams,
    files: FileSender,
    links: VideoLinks | BucketFiles,
    origin: Origin,
    overview: Overview,
) -> Studio:
    """Build the studio on the use cases."""
    pages = open_pages(tasks.store.now_ms)

    async def find_key(token: str | None) -> Key:
        return await runners.read(partial(sessions.owner, token))

    wall = Wall(tasks, runners, pages)
    return Studio(
        Access(find_key, rate_limiter, body_budget, pages),
        SigningIn(sessions, runners, pages),
        Making(tasks, outlooks, rate_limiter, runners, pages, wall),
        Watching(tasks, runners, pages, files, links, origin),
        Live(streams, operations(pages), find_key),
        Serving(overview, runners, pages),
    )


@dataclass(frozen=True, slots=True)
class StaticFile:
    """The ASGI application of the static files, or of one whose path does not name it."""

    only: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send one of STATIC_TYPES. Raises EndpointNotFound, and what `send_file` raises."""
        asked = scope["path_params"]
        name, version = self.only or asked["name"], asked.get("version")
        media_type = STATIC_TYPES.get(name)
        if media_type is None:
            raise EndpointNotFound(f"there is no {scope['path']}")
        # A page of another version of the server asks for the path of its own; a cache must not keep this file there.
        keep = {asset_version(): FOR_EVER, None: FOR_A_DAY}.get(version, "no-store")
        headers = [("cache-control", keep), ("x-content-type-options", "nosniff")]
        with open_file(STATIC_FOLDER / name) as file:
            await send_file(file, f'"{asset_version()}-{name}"', media_type, scope, send, headers)
