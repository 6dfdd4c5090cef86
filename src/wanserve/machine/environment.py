"""The environment of this process: the only module that reads or sets it."""

import os
from collections.abc import Mapping


def process_environment() -> Mapping[str, str]:
    """The environment of this process."""
    return os.environ


def set_defaults(variables: Mapping[str, str]) -> None:
    """Set the variables that are not set yet, for libraries of this process that read them."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)
