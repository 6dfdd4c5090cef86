"""The charts of the owner's page: what is stacked on what, and how high."""

import pytest

from wanserve.domain.overview import DAY_MS, HOUR_MS, EndedHour, UsedDay
from wanserve.domain.task import State
from wanserve.overview import DAYS, HOURS
from wanserve.studio.serving import ACCOUNTS_SHOWN, CHART_HEIGHT, GAP, OTHERS, Bar, Chart, ended_chart, used_chart

NOW_MS = 20_000 * DAY_MS + 7 * HOUR_MS + 12_345
"""4 October 2024, shortly after seven."""


def test_the_parts_of_a_column_stand_on_each_other_and_the_highest_column_fills_the_chart() -> None:
    chart = Chart(["a", "b", "c"], [Bar("one", [1, 0, 3]), Bar("two", [2, 6, 0]), Bar("three", [0, 0, 0])])
    assert chart.highest == 8
    rects = list(chart.rects())
    assert [(rect.part, rect.x) for rect in rects] == [(0, GAP / 2), (2, GAP / 2), (0, 1 + GAP / 2), (1, 1 + GAP / 2)]
    for column in (rects[:2], rects[2:]):
        assert column[0].y + column[0].height == pytest.approx(CHART_HEIGHT)
        assert column[1].y + column[1].height == pytest.approx(column[0].y)
    assert [rect.height for rect in rects] == [CHART_HEIGHT * share / 8 for share in (1, 3, 2, 6)]
    assert rects[-1].y == 0.0
    assert chart.totals == [3, 6, 3]


def test_a_chart_of_nothing_has_no_rects_and_divides_by_nothing() -> None:
    for chart in (Chart(["a"], [Bar("one", [0])]), Chart([], [Bar("one", [])])):
        assert chart.highest == 1
        assert list(chart.rects()) == []


def test_every_one_of_the_last_hours_has_a_column_with_its_states_in_order() -> None:
    this_hour = NOW_MS // HOUR_MS * HOUR_MS
    chart = ended_chart(
        [
            EndedHour(this_hour, State.CANCELED, 1),
            EndedHour(this_hour, State.SUCCEEDED, 5),
            EndedHour(this_hour - 2 * HOUR_MS, State.FAILED, 2),
            EndedHour(this_hour - HOURS * HOUR_MS, State.FAILED, 99),
        ],
        NOW_MS,
    )
    assert len(chart.bars) == HOURS
    assert (chart.bars[0].label, chart.bars[-1].label) == ("08:00", "07:00")
    assert chart.bars[-1].values == [5, 0, 1]
    assert chart.bars[-3].values == [0, 2, 0]
    assert chart.totals == [5, 2, 1], "what is older than the first column is in none"
    assert len(chart.parts) == 3


def test_every_one_of_the_last_days_has_a_column_with_the_accounts_that_used_most_first() -> None:
    used = [
        UsedDay("2024-10-04", "bob", 1, 5.0),
        UsedDay("2024-10-04", "ann", 3, 15.4),
        UsedDay("2024-10-03", "bob", 4, 20.0),
    ]
    chart = used_chart(used, NOW_MS)
    assert len(chart.bars) == DAYS
    assert chart.parts == ["bob", "ann"]
    assert (chart.bars[-1].label, chart.bars[0].label) == ("2024-10-04", "2024-09-05")
    assert [bar.values for bar in chart.bars[-2:]] == [[20, 0], [5, 15]]


@pytest.mark.parametrize("accounts", [ACCOUNTS_SHOWN, ACCOUNTS_SHOWN + 1, ACCOUNTS_SHOWN + 5])
def test_the_accounts_beyond_those_with_a_colour_are_one(accounts: int) -> None:
    used = [UsedDay("2024-10-04", f"account-{n:02}", 1, 100.0 - n) for n in range(accounts)]
    chart = used_chart(used, NOW_MS)
    named = [f"account-{n:02}" for n in range(min(accounts, ACCOUNTS_SHOWN))]
    assert chart.parts == [*named, *([OTHERS] if accounts > ACCOUNTS_SHOWN else [])]
    assert chart.bars[-1].total == sum(100 - n for n in range(accounts))
    assert all(rect.part <= ACCOUNTS_SHOWN for rect in chart.rects()), "each part has a colour in the style sheet"


def test_accounts_that_used_as_much_are_in_the_order_of_their_names() -> None:
    used = [UsedDay("2024-10-04", name, 1, 5.0) for name in ("cat", "ann", "bob")]
    assert used_chart(used, NOW_MS).parts == ["ann", "bob", "cat"]
