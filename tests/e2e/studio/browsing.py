"""A real browser on the studio: signs in, and hears everything that a page does wrong."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Request, expect, sync_playwright

from tests import needs
from wanserve.studio.language import Language, read_texts

PATIENCE_MS: Final = 90_000
"""An upper bound of every wait; all of them end with what they wait for."""

TEXTS: Final = read_texts()

EXAMPLE: Final = "A kitten running in the moonlight"


def told(name: str, language: str = "en", **values: object) -> str:
    """A text of the studio."""
    return TEXTS[Language(language)](name, **values)


def pattern(name: str, language: str = "en") -> re.Pattern[str]:
    """A text of the studio with anything in the places of its values."""
    return re.compile(re.sub(r"\\\{\w+\\\}", ".+", re.escape(TEXTS[Language(language)].by_name[name])))


@dataclass
class Visitor:
    """A browser of somebody's own, with one page open first. `problems` is what its pages have done wrong.

    `confirms`: it says yes where a page asks. `asked` is what pages have asked it in a dialog.
    """

    context: BrowserContext
    url: str
    page: Page = field(init=False)
    problems: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)
    confirms: bool = False
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.on("page", self._watch)
        self.context.on("request", self._note_request)
        self.page = self.context.new_page()

    def _watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.problems.append(f"{page.url}: {error}"))
        page.on("console", self._note_console)
        page.on("dialog", self._answer)

    def _answer(self, dialog: Dialog) -> None:
        self.asked.append(dialog.message)
        if self.confirms:
            dialog.accept()
        else:
            dialog.dismiss()

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"{message.location.get('url', '')}: {message.text}")

    def _note_request(self, request: Request) -> None:
        asked = urlsplit(request.url)
        if asked.scheme in ("http", "https") and asked.netloc != urlsplit(self.url).netloc:
            self.problems.append(f"a request to another host: {request.url}")

    def allow(self, text: str) -> None:
        """Something that is expected to be heard of in this test, such as the status of an answer."""
        self.allowed.append(text)

    def check(self) -> None:
        """Fail where a page did something wrong that was not expected."""
        found = [problem for problem in self.problems if not any(text in problem for text in self.allowed)]
        assert not found, found

    def go(self, place: str = "") -> Page:
        """Open a page by its address."""
        self.page.goto(f"{self.url}/{place}")
        return self.page

    def sign_in(self, key: str) -> Page:
        """Enter a key."""
        self.go("sign-in")
        self.page.locator("#key").fill(key)
        self.page.locator("main form button").click()
        expect(self.page.locator("#make")).to_be_visible()
        return self.page

    def make(self, prompt: str, **fields: str) -> str:
        """Ask for a video by the form of the first page; its id. `fields` are those under more settings."""
        page = self.page
        page.locator("#prompt").fill(prompt)
        if fields and page.locator("#more").get_attribute("open") is None:
            page.locator("#more summary").click()
        for name, value in fields.items():
            choice = page.locator(f'#make input[type="radio"][name="{name}"][value="{value}"]')
            if choice.count():
                choice.check(force=True)
            elif page.locator(f"#make select[name={name}]").count():
                page.locator(f"#make select[name={name}]").select_option(value)
            else:
                page.locator(f"#make [name={name}]").fill(value)
        with page.expect_response(lambda answer: answer.url.endswith("/studio/make")):
            page.locator("#make button.primary").click()
        card = page.locator("#wall > [data-task]").filter(has_text=prompt).first
        expect(card).to_be_visible()
        return str(card.get_attribute("data-task"))


def launch_browser(playwright: Any) -> Browser:
    """Debian's browser, which can be started by root."""
    browser: Browser = playwright.chromium.launch(
        executable_path=needs.program("chromium"),
        args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    )
    return browser


@contextmanager
def browser_running() -> Iterator[Browser]:
    """A browser for the length of a block."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = launch_browser(playwright)
        try:
            yield browser
        finally:
            browser.close()


def playing(page: Page) -> None:
    """Wait until the newest video plays: its time goes on."""
    video = page.locator("#stage video, .watch video").first
    expect(video).to_have_js_property("paused", value=False)
    page.wait_for_function("video => video.currentTime > 0.1", arg=video.element_handle())
