"""The simulation of fleets: it gives what arithmetic gives, repeats itself, and shows what saturates first."""

from dataclasses import replace

import pytest

from bench.capacity import Site, cost_table, database_share, predicted_per_s, simulate
from bench.postgres_costs import Cost, Costs

NAMES = ("submit", "poll", "claim", "claim_per_account", "idle_claim", "heartbeat", "finish", "worker_row")
COSTS: Costs = {name: Cost(1e-4, 2e-4, 100.0) for name in NAMES}
SITE = Site(gpus=200, video_s=30.0, load=0.8, accounts=1, simulated_s=60.0)


def test_the_simulation_agrees_with_arithmetic_where_nothing_waits() -> None:
    outcome = simulate(SITE, COSTS)
    expected = database_share(SITE, COSTS)
    assert outcome.database * SITE.database_cores == pytest.approx(expected, rel=0.1)
    assert outcome.videos_per_s == pytest.approx(SITE.load * SITE.gpus / SITE.video_s, rel=0.15)


def test_the_same_seed_gives_the_same_fleet() -> None:
    assert simulate(SITE, COSTS) == simulate(SITE, COSTS)
    assert simulate(SITE, COSTS) != simulate(replace(SITE, seed=8), COSTS)


def test_more_videos_than_gpus_can_make_are_not_made() -> None:
    outcome = simulate(replace(SITE, load=3.0), COSTS)
    assert outcome.videos_per_s == pytest.approx(SITE.gpus / SITE.video_s, rel=0.1)


def test_a_database_that_is_too_slow_is_busy_all_the_time_and_polls_wait() -> None:
    slow = {name: replace(cost, database_s=0.05) for name, cost in COSTS.items()}
    fine, broken = simulate(SITE, COSTS), simulate(replace(SITE, database_cores=1), slow)
    assert fine.database < 0.1
    assert broken.database > 0.95
    assert broken.poll_p99_s > 100 * fine.poll_p99_s


def test_api_processes_that_are_too_few_are_busy_and_the_database_is_not() -> None:
    slow = {name: replace(cost, process_s=0.05) for name, cost in COSTS.items()}
    outcome = simulate(replace(SITE, api_processes=1), slow)
    assert outcome.api > 0.95
    assert outcome.database < 0.1


def test_an_idle_fleet_costs_more_than_a_busy_one_where_submits_are_frequent() -> None:
    """Each submit wakes every idle worker."""
    many = replace(SITE, gpus=2000, video_s=10.0)
    assert database_share(replace(many, load=0.5), COSTS) > 2 * database_share(replace(many, load=0.95), COSTS)


def test_a_claim_costs_more_with_more_accounts_that_wait() -> None:
    overloaded = replace(SITE, load=2.0, accounts=100)
    per_account = COSTS | {"claim_per_account": Cost(1e-3, 0.0)}
    assert simulate(overloaded, per_account).database > 1.5 * simulate(overloaded, COSTS).database


def test_threads_of_one_process_share_its_interpreter() -> None:
    by_interpreter = predicted_per_s(Cost(database_s=1e-4, process_s=1e-3), cores=8)
    assert by_interpreter == pytest.approx(1000, rel=0.02)
    by_cores = predicted_per_s(Cost(database_s=1e-3, process_s=1e-5), cores=2)
    assert by_cores == pytest.approx(2 / 1.01e-3, rel=0.02)


def test_the_table_of_costs_has_a_row_for_each() -> None:
    lines = cost_table(COSTS | {"poll": Cost(1e-4, 2e-4)}).splitlines()
    assert len(lines) == 2 + len(NAMES)
    assert "| submit | 100 | 200 | 100 |" in lines
    assert "| poll | 100 | 200 | not measured |" in lines
