"""Every SQL statement of the owner's overview, for all SQL stores: named parameters are written `:name`."""

from typing import Final

# Reads the counts that are kept with each change, as the metrics do: few rows, however many tasks there are.
LANES: Final = """
    SELECT account, model, sum(CASE state WHEN 'PENDING' THEN tasks ELSE 0 END),
        sum(CASE state WHEN 'RUNNING' THEN tasks ELSE 0 END)
    FROM lane_counts WHERE state IN ('PENDING', 'RUNNING') AND tasks > 0 GROUP BY account, model
"""

# The index by the time of the end leads to the tasks, so that those which ended before are not read.
ENDED_BY_HOUR: Final = """
    SELECT ended_ms / 3600000, state, count(*) FROM tasks WHERE ended_ms >= :since_ms GROUP BY ended_ms / 3600000, state
"""

# The index by time has every column that is read.
USAGE_BY_DAY: Final = """
    SELECT ended_ms / 86400000, account, count(*), sum(seconds)
    FROM ledger WHERE ended_ms >= :since_ms GROUP BY ended_ms / 86400000, account
"""
