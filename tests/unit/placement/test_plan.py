"""What is started, drained and removed, for what is wanted and what is seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanserve.placement.plan import Phase, Seen, Steps, plan

STARTING, RUNNING, DRAINING, ENDED, LOST = Phase


@pytest.mark.parametrize(
    ("replicas", "seen", "steps"),
    [
        (2, [], Steps(start=(0, 1))),
        (2, [Seen(0, RUNNING)], Steps(start=(1,))),
        (2, [Seen(0, RUNNING), Seen(1, STARTING)], Steps()),
        (1, [Seen(0, RUNNING), Seen(1, RUNNING), Seen(2, STARTING)], Steps(drain=(1,), remove=(2,))),
        (1, [Seen(0, RUNNING), Seen(1, DRAINING)], Steps()),
        (1, [Seen(0, RUNNING), Seen(1, ENDED)], Steps(remove=(1,))),
        (2, [Seen(0, LOST), Seen(1, RUNNING)], Steps(remove=(0,))),
        (2, [Seen(0, DRAINING), Seen(1, RUNNING)], Steps()),
        (0, [Seen(0, RUNNING), Seen(1, LOST)], Steps(drain=(0,), remove=(1,))),
    ],
)
def test_one_look(replicas: int, seen: list[Seen], steps: Steps) -> None:
    assert plan(replicas, seen) == steps


def test_a_paused_number_is_not_started() -> None:
    assert plan(3, [Seen(0, RUNNING)], paused={1}) == Steps(start=(2,))


def test_actors_with_other_settings_are_replaced_one_after_another() -> None:
    old = [Seen(0, RUNNING, current=False), Seen(1, RUNNING, current=False)]
    assert plan(2, old) == Steps(drain=(0,))
    assert plan(2, [Seen(0, DRAINING, current=False), old[1]]) == Steps()
    assert plan(2, [old[1]]) == Steps(start=(0,))
    assert plan(2, [Seen(0, STARTING), old[1]]) == Steps(), "the other goes on until the new one runs"
    assert plan(2, [Seen(0, RUNNING), old[1]]) == Steps(drain=(1,))


SEEN = st.lists(
    st.builds(Seen, st.integers(0, 6), st.sampled_from(Phase), st.booleans()), max_size=6, unique_by=lambda s: s.number
)


@given(st.integers(0, 6), SEEN)
def test_no_step_touches_what_another_step_touches(replicas: int, seen: list[Seen]) -> None:
    steps = plan(replicas, seen)
    assert not set(steps.start) & {each.number for each in seen}
    assert set(steps.start) <= set(range(replicas))
    phases = {each.number: each.phase for each in seen}
    assert all(phases[number] is RUNNING for number in steps.drain)
    assert all(phases[number] in (STARTING, ENDED, LOST) for number in steps.remove)
    assert len(set(steps.drain)) == len(steps.drain)
