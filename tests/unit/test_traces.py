"""Traces that are not asked for, and those that cannot be made."""

import sys

import pytest

from tests.samples import new_task
from wanserve.domain.errors import SetupError
from wanserve.traces import NoTraces, open_traces


def test_without_a_collector_there_are_none_and_no_library_is_loaded() -> None:
    before = set(sys.modules)
    traces = open_traces(None, "1")
    traces.submitted(new_task(), traces.now_s(), "openai", None)
    assert isinstance(traces, NoTraces)
    assert not {name for name in set(sys.modules) - before if name.startswith("opentelemetry")}


def test_without_the_extra_a_collector_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(SetupError, match=r"traces_url: the extra otel is not installed: pip install"):
        open_traces("http://127.0.0.1:4318", "1")
