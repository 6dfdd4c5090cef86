"""The environment of this process: the only module that reads or sets it."""

import os
from collections.abc import Mapping
from typing import Final


def process_environment() -> Mapping[str, str]:
    """The environment of this process."""
    return os.environ


def environment_of_child(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a child process: this one's, without our own settings, which have keys in them, and `variables`.

    What a child needs of the settings it is sent.
    """
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("WANSERVE_")}
    return inherited | dict(variables or {})


def colours_wanted() -> bool:
    """Whether programs may write in colours to a terminal: not where NO_COLOR is set, or the terminal knows none."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def set_defaults(variables: Mapping[str, str]) -> None:
    """Set the variables that are not set yet, for libraries of this process that read them."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)


RAY_DEFAULTS: Final = {
    # Ray reports its use to its makers unless it is told not to.
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""What Ray reads from the environment and what we choose unless the owner has set it."""


def prepare_for_ray() -> None:
    """Set RAY_DEFAULTS, and token authentication where the owner gives a token and no mode. To be called before Ray is imported."""
    set_defaults(RAY_DEFAULTS)
    if any(os.environ.get(name) for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")):
        set_defaults({"RAY_AUTH_MODE": "token"})
