"""Draws the studio's pictures of the documents, `docs/img/studio*.png`: a fresh server, videos of the preview engine, a browser.

Run it with the extra `dev` and Chromium installed: `make studio-pictures`. What the pictures show of other accounts and
of earlier days is written into the table before the server starts; everything else is made as its users would.
"""

import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import av
import av.filter
from demo import WANSERVE, address

from wanserve.client import Wan
from wanserve.domain.generation import Generation
from wanserve.domain.task import Failure, State, Task, Video
from wanserve.store.rows import TASK_COLUMNS, life_row, new_row

OUT: Final = Path(__file__).parents[1] / "docs" / "img"
LARGEST_BYTES: Final = 250_000
WAIT_SECONDS: Final = 30.0
MODEL: Final = "wanx2.1-t2v-turbo"
SIZE: Final = "1280*720"
"""The choices that the form has at first, so that it tells how long the next video takes."""

SEED: Final = 11

PROMPTS: Final = Path(__file__).with_name("studio_prompts.txt")
"""The walls in English and in Chinese, the oldest video first. The last one plays."""

ASKED: Final = "Two penguins in the snow at night"
"""What stands in the form, and is made while the pictures of the phone and of the server's page are taken."""

ACCOUNTS: Final = ("archive", "lessons", "trailers")
"""Other accounts, whose earlier use is in the charts of the server's page."""

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Site:
    """A running server with its videos. `keys` are those of the accounts by name, `link` signs a browser in, once."""

    url: str
    link: str
    keys: dict[str, str]


def main() -> None:
    """Write all pictures."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # not a library of the project

    with tempfile.TemporaryDirectory(prefix="wanserve-pictures-") as folder, serving(Path(folder)) as site:
        english, chinese = PROMPTS.read_text(encoding="utf-8").split("\n\n")
        english_ids = make(site, "default", english.splitlines())
        chinese_ids = make(site, "studio", chinese.splitlines())
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"),
                args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
            )
            in_chinese(browser, site, chinese_ids)
            in_english(browser, site, english_ids)
            browser.close()


def in_english(browser: Any, site: Site, task_ids: Sequence[str]) -> None:
    """The pictures of the account `default`, which is the server's owner."""
    page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="light", locale="en")
    page.goto(site.link)
    page.fill("#prompt", ASKED)
    playing(page)
    picture(page, "studio")
    page.goto(f"{site.url}/video?id={task_ids[-1]}")
    playing(page)
    picture(page, "studio-video")
    # The same seed, and another prompt.
    page.goto(f"{site.url}/compare?id={task_ids[-1]}&id={task_ids[-3]}")
    until(page, "[...document.querySelectorAll('video')].every((video) => video.readyState >= 3)")
    page.click("[data-play]")
    until(page, "document.querySelector('video').currentTime > 1.5")
    page.click("[data-play]")
    page.mouse.move(0, 0)
    picture(page, "studio-compare")
    phone = browser.new_context(
        viewport={"width": 360, "height": 740}, device_scale_factor=2, has_touch=True, is_mobile=True, locale="en"
    )
    phone.add_cookies(page.context.cookies())
    small = phone.new_page()
    small.goto(site.url)
    small.fill("#prompt", ASKED)
    small.click("#make .primary")
    until(small, "document.querySelector('#stage progress')?.value > 20")
    picture(small, "studio-phone")
    for name in ACCOUNTS[:2]:
        with Wan(site.url, site.keys[name]) as wan:
            for seed in range(5):
                wan.submit(ASKED, model=MODEL, size=SIZE, seed=seed)
    page.goto(f"{site.url}/server")
    # Sooner than the page itself looks again, as the videos are made in a second or two.
    while not page.query_selector("td .hint:has-text('step')"):
        page.reload()
    picture(page, "studio-server")


def in_chinese(browser: Any, site: Site, task_ids: Sequence[str]) -> None:
    """The picture of the account `studio`, in Chinese and dark; it is signed in by its key."""
    page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark", locale="zh-CN")
    page.goto(f"{site.url}/sign-in")
    page.fill("#key", site.keys["studio"])
    page.click("main button")
    page.wait_for_selector(f"#card-{task_ids[0]}")
    playing(page)
    picture(page, "studio-dark-zh")


def playing(page: Any) -> None:
    """Wait until the video plays and the pictures around it are there."""
    until(page, "document.querySelector('.panel video')?.currentTime > 1.5")
    until(page, "[...document.images].every((image) => image.complete || image.loading === 'lazy')")


def until(page: Any, holds: str) -> None:
    """Wait until an expression holds. Playwright's own wait is refused by the pages' content security policy."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not page.evaluate(holds):
        if time.monotonic() > deadline:
            raise TimeoutError(holds)
        time.sleep(0.1)


def picture(page: Any, name: str) -> None:
    """Write what the page shows, with as many colours as leave the file small."""
    shown = page.screenshot()
    for colors in (256, 192, 128, 96, 64):
        packed = quantized(shown, colors)
        if len(packed) < LARGEST_BYTES:
            break
    (OUT / f"{name}.png").write_bytes(packed)
    print(f"{name}.png: {len(packed) // 1000} kB, {colors} colours")


def quantized(content: bytes, colors: int) -> bytes:
    """The same PNG with a palette of so many colours, by FFmpeg's own filters."""
    with av.open(BytesIO(content), "r") as source:
        (frame,) = source.decode(video=0)
    graph = av.filter.Graph()
    first = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1))
    split, palette = graph.add("split"), graph.add("palettegen", f"max_colors={colors}:reserve_transparent=0")
    use, last = graph.add("paletteuse", "dither=sierra2_4a"), graph.add("buffersink")
    first.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(palette, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(last)
    graph.configure()
    frame.pts = 0
    graph.push(frame)
    graph.push(None)
    drawn = graph.pull()
    assert isinstance(drawn, av.VideoFrame), "a picture comes out"
    packed = BytesIO()
    with av.open(packed, "w", format="image2pipe") as target:
        stream = target.add_stream("png", rate=1, options={"compression_level": "9", "pred": "mixed"})
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "pal8"
        target.mux([*stream.encode(drawn), *stream.encode(None)])
    return packed.getvalue()


def make(site: Site, account: str, prompts: Sequence[str]) -> list[str]:
    """A video of each prompt, one after the other, so that the wall has their order. Returns the ids of the tasks."""
    with Wan(site.url, site.keys[account]) as wan:
        videos = [wan.generate(prompt, model=MODEL, size=SIZE, seed=SEED) for prompt in prompts]
    return [str(uuid.UUID(video.id.removeprefix("video_"))) for video in videos]


@contextmanager
def serving(folder: Path) -> Iterator[Site]:
    """A server on a new data directory, with what happened earlier in its table."""
    data_dir, log = folder / "data", folder / "server.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANSERVE_")}
    with log.open("wb") as stderr:
        server = subprocess.Popen(
            [WANSERVE, "serve", "--port", "0", "--data-dir", data_dir], stderr=stderr, env=environment
        )
    try:
        url, key = address(server, log)
        link = re.search(r"within \d+ minutes: (\S+)", log.read_text())
        assert link, "a server on this machine prints a link"
        subprocess.run([WANSERVE, "accounts", "set", "default", "--owner", "--data-dir", data_dir], check=True)
        keys = {name: new_key(data_dir, name) for name in ("studio", *ACCOUNTS)}
        write_history(data_dir)
        yield Site(url, link[1], keys | {"default": key})
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)


def new_key(data_dir: Path, name: str) -> str:
    """A key of a new account."""
    command: list[str | Path] = [WANSERVE, "keys", "create", name, "--account", name, "--data-dir", data_dir]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    return made.stdout.strip()


def write_history(data_dir: Path) -> None:
    """Add what other accounts made within the last weeks, and how the tasks of the last day ended."""
    now_ms, chance = time.time_ns() // 1_000_000, random.Random(7)
    ledger = [
        (
            str(uuid.UUID(int=chance.getrandbits(128))),
            account,
            MODEL,
            1280,
            720,
            5.0,
            "animatic",
            now_ms - back * DAY_MS,
        )
        for back in range(1, 30)
        for account, most in zip(("default", *ACCOUNTS), (14, 10, 6, 9), strict=True)
        for _ in range(chance.randint(0, most) if (back + most) % 7 else 0)
    ]
    rows = [(*new_row(task), *life_row(task), task.changes) for task in ended_tasks(now_ms, chance)]
    marks = ", ".join("?" * len(TASK_COLUMNS.split(",")))
    with sqlite3.connect(data_dir / "wanserve.db", timeout=30) as database:
        database.executemany("INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?)", ledger)
        database.executemany(f"INSERT INTO tasks ({TASK_COLUMNS}) VALUES ({marks})", rows)
    database.close()


def ended_tasks(now_ms: int, chance: random.Random) -> Iterator[Task]:
    """Tasks that ended within the last hours, more of them by day."""
    made = Generation(MODEL, "A panda eats bamboo in the forest", "", 1280, 720, 150, 30, SEED)
    for back in range(1, 24):
        for _ in range(chance.randint(2, 9) + (8 if 3 < back < 12 else 0)):
            task_id = str(uuid.UUID(int=chance.getrandbits(128)))
            ended_ms = now_ms - back * HOUR_MS
            state = chance.choices((State.SUCCEEDED, State.FAILED, State.CANCELED), (90, 3, 7))[0]
            yield Task(
                task_id, chance.choice(ACCOUNTS), made, ended_ms - 9000, state=state, ended_ms=ended_ms,
                video=Video(f"{task_id}/1", 500_000, "animatic") if state is State.SUCCEEDED else None,
                failure=Failure("engine_failed", "it cannot be drawn") if state is State.FAILED else None,
            )  # fmt: skip


if __name__ == "__main__":
    main()
