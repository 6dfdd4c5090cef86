"""The measurements of the capacity bench, with a few operations of each kind, on a real PostgreSQL."""

from pathlib import Path

import pytest

from bench import capacity, postgres_costs
from tests import postgres


def test_every_operation_is_measured_and_the_simulation_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"FEW": 2, "MANY": 4, "WAITING": 80, "COUNT": 8, "RELAYED": 5, "HTTP_SECONDS": 0.4, "CONNECTIONS": 4}
    for name, value in small.items():
        monkeypatch.setattr(postgres_costs, name, value)
    monkeypatch.setattr(capacity, "CHECK_COUNT", 10)
    result, costs = capacity.run(tmp_path, postgres.database)
    assert set(costs) == {
        "submit", "poll", "claim", "claim_per_account", "idle_claim", "heartbeat", "finish", "worker_row",
    }  # fmt: skip
    for name, cost in costs.items():
        if name != "claim_per_account":
            assert cost.database_s > 0, name
            assert cost.database_bytes > 0, name
    assert result.figures["heartbeats_per_s"]
    assert "database_cores_of_10000_gpus" in result.line("commit", {})
