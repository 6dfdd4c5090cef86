"""What is set for Ray before it is imported, what the owner has set stays, and whether colours are wanted."""

import os

import pytest

from wanserve.machine.environment import colours_wanted, prepare_for_ray

NAMES = ("RAY_USAGE_STATS_ENABLED", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


@pytest.mark.parametrize(
    ("given", "usage", "mode"),
    [
        ({}, "0", None),
        ({"RAY_USAGE_STATS_ENABLED": "1"}, "1", None),
        ({"RAY_AUTH_TOKEN": "secret"}, "0", "token"),
        ({"RAY_AUTH_TOKEN_PATH": "/run/token"}, "0", "token"),
        ({"RAY_AUTH_TOKEN": "secret", "RAY_AUTH_MODE": "disabled"}, "0", "disabled"),
    ],
)
def test_ray_reports_no_use_and_a_token_is_used(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], usage: str, mode: str | None
) -> None:
    for name in NAMES:
        # Set first, so that what is set meanwhile is taken back too.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    prepare_for_ray()
    assert (os.environ["RAY_USAGE_STATS_ENABLED"], os.environ.get("RAY_AUTH_MODE")) == (usage, mode)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm"}, True),
    ],
)
def test_whether_colours_are_wanted(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], wanted: bool) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert colours_wanted() is wanted
