"""How times, sizes and what is to come are written for people, and what every page comes with."""

import re

import pytest

from wanserve.domain.progress import Stage
from wanserve.outlook import Outlook
from wanserve.studio.language import Language, read_texts
from wanserve.studio.rendering import (
    HEADERS,
    SECURITY,
    STATIC_FOLDER,
    asset,
    asset_version,
    bytes_text,
    outlook_text,
    seconds_text,
    when,
)
from wanserve.studio.routes import STATIC_TYPES

EN, ZH = (read_texts()[language] for language in Language)

TO_COME = Outlook(Stage.DENOISE, 3, 50, seconds_left=12.4)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "1 s"),
        (0.4, "1 s"),
        (1.6, "2 s"),
        (119.4, "119 s"),
        (120, "2 min"),
        (150, "2 min"),
        (3600, "60 min"),
        (7199, "120 min"),
        (7200, "2.0 h"),
        (9000, "2.5 h"),
        (360_000, "100.0 h"),
    ],
)
def test_a_duration_is_in_seconds_then_in_minutes_then_in_hours(seconds: float, text: str) -> None:
    assert seconds_text(EN, seconds) == text


def test_a_duration_is_in_the_language() -> None:
    assert seconds_text(ZH, 5) == "5 秒"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (123_456, "123.5 kB"),
        (5_000_000, "5.0 MB"),
        (10**9, "1.0 GB"),
        (10**12, "1000.0 GB"),
    ],
)
def test_a_size_is_in_decimal_units(size: int, text: str) -> None:
    assert bytes_text(size) == text


@pytest.mark.parametrize(
    ("outlook", "text"),
    [
        (None, ""),
        (Outlook(Stage.WAITING), ""),
        (Outlook(Stage.WAITING, place=3), "place 3 in line"),
        (Outlook(Stage.WAITING, place=3, seconds_left=150), "place 3 in line · about 2 min left"),
        (Outlook(Stage.LOADING, place=1), "Loading the model · place 1 in line"),
        (TO_COME, "Drawing · step 3 of 50 · about 12 s left"),
        (Outlook(Stage.TEXT), "Reading the prompt"),
        (Outlook(Stage.DENOISE, 0, 50), "Drawing · step 0 of 50"),
    ],
)
def test_what_is_to_come_is_one_line(outlook: Outlook | None, text: str) -> None:
    assert outlook_text(EN, outlook) == text


def test_what_is_to_come_is_in_the_language() -> None:
    assert outlook_text(ZH, TO_COME) == "正在绘制 · 第 3/50 步 · 约剩 12 秒"


def test_a_time_is_in_utc_for_people_and_for_scripts() -> None:
    assert when(1_700_000_000_000) == '<time datetime="2023-11-14T22:13:20+00:00">2023-11-14 22:13 UTC</time>'


def test_a_page_may_load_nothing_of_another_host_and_no_script_that_stands_in_it() -> None:
    policy = dict(part.split(" ", 1) for part in SECURITY.split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'self'", "a page that answers a form of a deeper path leads to the root"
    allowed = {source for sources in policy.values() for source in sources.split()}
    assert allowed == {"'none'", "'self'", "blob:"}
    assert "blob:" in policy["media-src"], "the length of a dropped file is read in the browser"
    assert HEADERS["content-security-policy"] == SECURITY


def test_every_static_file_has_a_media_type_and_a_path_that_changes_with_the_files() -> None:
    files = {file.name for file in STATIC_FOLDER.iterdir()}
    assert files - STATIC_TYPES.keys() == {"LICENSE.htmx"}
    assert STATIC_TYPES.keys() <= files
    assert re.fullmatch(r"[0-9a-f]{12}", asset_version())
    assert asset("studio.js") == f"studio/static/{asset_version()}/studio.js", "relative, for any prefix"
