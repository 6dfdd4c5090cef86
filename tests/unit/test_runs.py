"""What every run of the tests holds to: the same examples, and no skip where `CI=true`."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import HERE, NEEDED_LIBRARIES, THOROUGH
from tests.fuzz.asgi import hammer

OPTIONS = f"-p tests.conftest -p no:cacheprovider -c {os.devnull} --continue-on-collection-errors".split()
SKIPPED_MODULE = """
import pytest

pytest.skip("torch is not installed", allow_module_level=True)
"""
SKIPPED_TESTS = """
import pytest

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
    needing = tuple(place for places in NEEDED_LIBRARIES.values() for place in places)
    assert [place for place in THOROUGH + needing if not (HERE / place).exists()] == []
    left_out = [place for place in needing if place in THOROUGH or place.split("/")[0] in THOROUGH]
    assert left_out == list(needing), "`make test` installs none of these libraries"


@pytest.mark.parametrize(
    ("ci", "told"),
    [("", "1 passed, 4 skipped, 1 xfailed"), ("true", "1 failed, 1 passed, 1 xfailed, 3 errors")],
)
def test_a_skip_is_a_failure_under_ci(tmp_path: Path, ci: str, told: str) -> None:
    (tmp_path / "test_tests.py").write_text(SKIPPED_TESTS)
    (tmp_path / "test_module.py").write_text(SKIPPED_MODULE)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *OPTIONS, "--rootdir", str(tmp_path), str(tmp_path)],
        env=os.environ | {"CI": ci, "PYTHONPATH": str(HERE.parent)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told in done.stdout.splitlines()[-1], done.stdout
    assert done.returncode == (1 if ci else 0)
    assert done.stdout.count("CI=true, and nothing may be skipped there. Skipped: ") >= (4 if ci else 0)
