"""A target is met by what was measured, and by nothing else."""

import json

import pytest

from bench.result import Result, Target, commit, machine, ratio


def test_a_target_is_met_by_its_figure() -> None:
    assert Target("ratio", ">=", 0.5).met({"ratio": 0.5})
    assert not Target("ratio", ">=", 0.5).met({"ratio": 0.499})
    assert Target("ratio", "<=", 1.1).met({"ratio": 1.1})
    assert not Target("ms", "<", 50).met({"ms": 50})


def test_what_was_not_measured_meets_nothing() -> None:
    with pytest.raises(KeyError):
        Target("ratio", ">=", 0.5).met({})


def test_a_ratio_is_taken_pair_by_pair() -> None:
    # The machine was ten times as busy in the second round: the pairs agree all the same.
    assert ratio([100, 10, 100], [200, 20, 200]) == 0.5


def test_pairs_are_whole() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        ratio([1, 2], [1])


def test_the_line_says_all() -> None:
    targets = [Target("ratio", ">=", 0.5), Target("mb", "<", 600)]
    line = json.loads(Result("polls", {"ratio": 0.6, "mb": 700}, targets).line("abc", {"cores": 2}))
    assert line == {
        "bench": "polls",
        "commit": "abc",
        "machine": {"cores": 2},
        "ratio": 0.6,
        "mb": 700,
        "target": "ratio >= 0.5 and mb < 600",
        "met": False,
    }


def test_commit_and_machine_are_told() -> None:
    assert commit()
    assert set(machine()) == {"cpu", "cores", "python"}
