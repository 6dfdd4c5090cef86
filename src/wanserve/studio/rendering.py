"""Renders the pages of the studio and parts of them from the templates."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.responses import HTMLResponse

import wanserve
from wanserve.domain.errors import InvalidRequest, ModerationBlocked, WanserveError
from wanserve.domain.generation import number_text
from wanserve.domain.ports import Clock
from wanserve.domain.progress import Stage
from wanserve.domain.task import Task
from wanserve.outlook import Outlook
from wanserve.studio.language import Language, Texts, read_texts
from wanserve.studio.visit import Visit

FOLDER: Final = Path(__file__).parent
STATIC_FOLDER: Final = FOLDER / "static"

STOPPING_MS: Final = 600_000
"""How long a page says that a device stops: a child that does not is killed long before, and a lost worker tells nothing."""

SECURITY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self' blob:; connect-src 'self';"
    " form-action 'self'; base-uri 'self'; frame-ancestors 'none'"
)
"""What a page may load and do: nothing of another host, and no script or style that stands in the page itself."""

HEADERS: Final[Mapping[str, str]] = {
    "cache-control": "no-store",
    "content-security-policy": SECURITY,
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    # What htmx asks for and the page itself have the same paths.
    "vary": "HX-Request, Cookie, Accept-Language",
}


@lru_cache
def asset_version() -> str:
    """A hash of the static files, which is in their paths: browsers may keep them for ever."""
    files = sorted(STATIC_FOLDER.iterdir())
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def asset(name: str) -> str:
    """The path of a static file, relative to every page."""
    return f"studio/static/{asset_version()}/{name}"


def when(time_ms: int) -> Markup:
    """A time for people: in UTC, which a script replaces by the browser's own zone and form."""
    time = datetime.fromtimestamp(time_ms / 1000, UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        time.isoformat(timespec="seconds"), time.strftime("%Y-%m-%d %H:%M UTC")
    )


def seconds_text(text: Texts, seconds: float) -> str:
    """A duration for people: seconds, from two minutes on minutes, from two hours on hours."""
    if seconds < 120:
        return text("time.seconds", n=f"{max(1, round(seconds))}")
    if seconds < 7200:
        return text("time.minutes", n=f"{round(seconds / 60)}")
    return text("time.hours", n=f"{seconds / 3600:.1f}")


def outlook_text(text: Texts, outlook: Outlook | None) -> str:
    """What is to come of a task, as one line."""
    if outlook is None:
        return ""
    # That it waits is what its state says.
    parts = [] if outlook.stage is Stage.WAITING else [text(f"stage.{outlook.stage}")]
    if outlook.place is not None:
        parts.append(text("status.place", n=outlook.place))
    if outlook.steps:
        parts.append(text("status.step", n=outlook.step, of=outlook.steps))
    if outlook.seconds_left is not None:
        parts.append(text("status.left", time=seconds_text(text, outlook.seconds_left)))
    return " · ".join(parts)


def error_text(text: Texts, error: WanserveError) -> str:
    """What went wrong, for people: the studio's own words for it where it has them, else the error's."""
    name = f"problem.{error.code}"
    if text.has(name):
        return text(name)
    return str(error) if text.language is Language.EN else text("problem.other", error=error)


def problem_text(text: Texts, error: InvalidRequest | ModerationBlocked, field: str) -> str:
    """What is wrong with a field. The rules themselves are in English; in other languages the field has one text."""
    if isinstance(error, ModerationBlocked):
        return error_text(text, error)
    return error.problem if text.language is Language.EN else text(f"problem.{field}")


def bytes_text(size: int) -> str:
    """A size for people, in decimal units."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"


@pass_context
def _text(context: Context, name: str, /, **values: object) -> str:
    texts: Texts = context["texts"]
    return texts(name, **values)


@pass_context
def _outlook(context: Context, outlook: Outlook | None) -> str:
    return outlook_text(context["texts"], outlook)


@pass_context
def _told(context: Context, error: WanserveError) -> str:
    return error_text(context["texts"], error)


@pass_context
def _problem(context: Context, error: InvalidRequest | ModerationBlocked, field: str) -> str:
    return problem_text(context["texts"], error, field)


@pass_context
def _duration(context: Context, seconds: float) -> str:
    return seconds_text(context["texts"], seconds)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals |= {
        "t": _text,
        "asset": asset,
        "when": when,
        "bytes_text": bytes_text,
        "stopping_ms": STOPPING_MS,
        "version": wanserve.__version__,
    }
    environment.filters |= {"outlook": _outlook, "duration": _duration, "told": _told, "problem": _problem}
    environment.filters["number"] = number_text
    return environment


@dataclass(frozen=True, slots=True)
class Pages:
    """The templates and the texts."""

    environment: Environment
    texts: Mapping[Language, Texts]

    def page(self, template: str, visit: Visit, status: int = 200, **values: object) -> HTMLResponse:
        """The answer with the page, or the part of one, for this visit."""
        return HTMLResponse(self.text(template, visit, **values), status, HEADERS)

    def text(self, template: str, visit: Visit, **values: object) -> str:
        """The page, or the part of one."""
        known = {"visit": visit, "texts": self.texts[visit.language], "language": visit.language}
        return self.environment.get_template(template).render(**known, **values)

    def status(self, language: Language, task: Task, outlook: Outlook | None) -> str:
        """How far a task is, the same for everybody who watches it."""
        known = {"texts": self.texts[language], "language": language}
        return self.environment.get_template("_status.html").render(task=task, outlook=outlook, **known)


def open_pages(now_ms: Clock) -> Pages:
    """Read the texts and make the templates ready. `now_ms` is the clock of the tasks."""
    environment = _environment()
    environment.globals["now_ms"] = now_ms
    return Pages(environment, read_texts())
