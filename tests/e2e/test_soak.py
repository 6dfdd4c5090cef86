"""A short soak; a long one is `make soak`."""

from pathlib import Path

from tests.soak.run import soak


def test_a_short_soak_loses_nothing_makes_nothing_twice_and_leaves_nothing(tmp_path: Path) -> None:
    told = soak(tmp_path, tasks=20, seed=7)
    assert told.wrong == [], told
    assert told.troubles.total() > 0
    assert told.states["SUCCEEDED"] > told.states["CANCELED"]
