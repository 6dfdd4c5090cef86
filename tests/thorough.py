"""The variations of a test that `make test` leaves to `make test-all`."""

from collections.abc import Collection, Iterable

import pytest
from _pytest.mark import ParameterSet


def all_but(quick: Collection[str], cases: Iterable[str]) -> list[ParameterSet]:
    """The cases as parameters of a test; all but the quick ones are thorough."""
    unknown = set(quick) - set(cases)
    assert not unknown, unknown
    return [pytest.param(case, marks=[] if case in quick else pytest.mark.thorough) for case in cases]
