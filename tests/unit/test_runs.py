"""What every run of the tests holds to: the same examples, and no skip where `CI=true`."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import HERE, THOROUGH, WITH_TORCH
from tests.fuzz.doors import hammer

SKIPPING = """
import pytest

{module}

def test_that_skips():
    pytest.skip("chromium is not installed")

@pytest.fixture
def without_a_compiler():
    pytest.skip("cc is not installed")

def test_whose_fixture_skips(without_a_compiler):
    pass

@pytest.mark.skipif(True, reason="the samples are not there")
def test_that_is_marked():
    pass

@pytest.mark.xfail(reason="known", strict=True)
def test_that_is_expected_to_fail():
    assert False

def test_that_passes():
    pass
"""


def drawn() -> list[list[Any]]:
    """What a test of its own examples and one of the fuzzing's are given."""
    own: list[Any] = []
    fuzzed: list[Any] = []

    @given(st.text(), st.integers())
    def example(text: str, number: int) -> None:
        own.append((text, number))

    example()
    hammer(st.text(), fuzzed.append)
    return [own, fuzzed]


def test_the_same_examples_are_drawn_in_every_run() -> None:
    assert drawn() == drawn()
    assert settings.default is not None
    assert settings.default.database is None
    assert settings.default.deadline is None, "a busy machine is no failure"


def test_each_place_that_is_left_out_or_needs_torch_is_there() -> None:
    assert [place for place in THOROUGH + WITH_TORCH if not (HERE / place).exists()] == []
    assert set(WITH_TORCH) <= set(THOROUGH), "`make test` installs no torch"


def run(folder: Path, ci: str, module: str = "") -> str:
    """What pytest tells at the end of a run of the tests above, with our rules."""
    file = folder / "test_skipping.py"
    file.write_text(SKIPPING.format(module=module))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", os.devnull, "--rootdir", folder, file],
        env=os.environ | {"CI": ci, "PYTHONPATH": str(HERE.parent), "PYTEST_ADDOPTS": "-p no:cacheprovider"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == (1 if ci == "true" else 0) or module, done.stdout
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("ci", "told"),
    [("", "1 passed, 3 skipped, 1 xfailed"), ("true", "1 failed, 1 passed, 1 xfailed, 2 errors")],
)
def test_a_skip_is_a_failure_under_ci(tmp_path: Path, ci: str, told: str) -> None:
    assert told in run(tmp_path, ci)


@pytest.mark.parametrize(("ci", "told"), [("", "1 skipped"), ("true", "1 error")])
def test_a_module_that_is_skipped_is_a_failure_under_ci(tmp_path: Path, ci: str, told: str) -> None:
    assert told in run(tmp_path, ci, 'pytest.skip("torch is not installed", allow_module_level=True)')
