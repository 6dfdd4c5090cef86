"""An account with a long queue does not keep another one waiting."""

from pathlib import Path

import pytest

from tests.e2e.faults.harness import rig, until


def test_of_two_accounts_the_one_with_400_tasks_delays_the_other_by_one_at_most(tmp_path: Path) -> None:
    with rig(tmp_path, max_queued="500") as made:
        many, one = made.new_key("many"), made.new_key("one")
        running = made.accept("hold", many)
        made.until_running(running)
        for number in range(399):
            made.accept(f"many {number}", many)
        made.accept("one of another", one)
        made.release()
        asked = made.engine / "asked"
        until("the other's first", lambda: "one of another" in asked.read_text())
        assert asked.read_text().splitlines()[:2] == ["hold", "one of another"]
        # Not only its first: as long as it has any, they take turns.
        for number in range(2):
            made.accept(f"one more {number}", one)
        until("its next", lambda: "one more 1" in asked.read_text())
        served = asked.read_text().splitlines()
        between = served[served.index("one of another") :].index("one more 0")
        assert served[served.index("one more 0") + 1].startswith("many")
        assert served[served.index("one more 0") + 2] == "one more 1"
        assert between >= 1


@pytest.mark.parametrize("running", ["1", "2"])
def test_more_than_the_running_limit_stays_pending(tmp_path: Path, running: str) -> None:
    with rig(tmp_path, max_running=running) as made:
        first, second = made.accept("hold"), made.accept("hold too")
        made.until_running(first)
        assert made.row("state", second) == "PENDING"
