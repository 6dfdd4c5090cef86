"""What a test needs of the machine it runs on: without it the test is skipped by the name of what is missing.

Under `CI=true` nothing may be skipped: tests/conftest.py turns every skip into a failure there.
"""

import shutil
from importlib.util import find_spec

import pytest


def program(name: str) -> str:
    """The path of a program; skips where it is not installed."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def library(name: str) -> None:
    """Skip where a library is not installed."""
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
