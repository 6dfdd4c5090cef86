"""The stores on which faults are met."""

import pytest


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.thorough)])
def store(request: pytest.FixtureRequest) -> str:
    """Each store in turn, for a rig."""
    return str(request.param)
