"""An account with a long queue does not keep another one waiting."""

from pathlib import Path

import pytest

from tests.e2e.faults.harness import rig, until


@pytest.mark.thorough
def test_of_two_accounts_the_one_with_400_tasks_delays_the_other_by_one_at_most(tmp_path: Path, store: str) -> None:
    with rig(tmp_path, max_queued="500", store=store) as made:
        many, one = made.new_key("many"), made.new_key("one")
        made.accept_held("hold", many)
        for number in range(399):
            made.accept(f"many {number}", many)
        for number in range(3):
            made.accept(f"one {number}", one)
        made.release()
        asked = made.engine / "asked"
        until("the other's last", lambda: "one 2" in asked.read_text())
        # Not only its first: as long as it has any, they take turns.
        assert asked.read_text().splitlines()[:6] == ["hold", "one 0", "many 0", "one 1", "many 1", "one 2"]


@pytest.mark.parametrize("running", ["1", "2"])
def test_more_than_the_running_limit_stays_pending(tmp_path: Path, store: str, running: str) -> None:
    with rig(tmp_path, max_running=running, store=store) as made:
        first, second = made.accept("hold"), made.accept("hold too")
        made.until_running(first)
        assert made.row("state", second) == "PENDING"
