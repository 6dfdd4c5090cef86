"""Which tests `make test` leaves to `make test-all`, the fixed examples of hypothesis, and that `CI=true` skips nothing."""

import os
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings

HERE = Path(__file__).parent
AnyReport = TypeVar("AnyReport", pytest.TestReport, pytest.CollectReport)

THOROUGH = (
    "clients",
    "fuzz/test_openapi.py",
    "unit/wan",
    "unit/bench/test_capacity.py",
    "unit/bench/test_invisible.py",
    "integration/test_capacity.py",
    "integration/test_deploy.py",
    "integration/test_group.py",
    "integration/test_postgres.py",
    "integration/test_shared_stores.py",
    "integration/test_pull.py",
    "integration/test_remote.py",
    "integration/test_remote_child.py",
    "integration/test_s3.py",
    "integration/test_standard_webhooks.py",
    "e2e/faults/test_clock.py",
    "e2e/faults/test_disk.py",
    "e2e/faults/test_engines.py",
    "e2e/faults/test_machine.py",
    "e2e/faults/test_stop.py",
    "e2e/faults/test_zombies.py",
    "e2e/test_behind_nginx.py",
    "e2e/test_browser.py",
    "e2e/test_examples.py",
    "e2e/test_postgres.py",
    "e2e/test_ray.py",
    "e2e/test_several_machines.py",
    "e2e/test_migrate.py",
    "e2e/test_prompt_extension.py",
    "e2e/test_s3.py",
    "e2e/test_soak.py",
    "e2e/studio",
    "e2e/test_traces.py",
    "e2e/test_import.py",
    "e2e/test_wan.py",
    "e2e/test_wan_choices.py",
    "e2e/test_weights.py",
    "e2e/test_webhooks.py",
)
"""What `make test` leaves to `make test-all` as a whole. Single tests carry the marker `thorough` themselves."""

NEEDED_LIBRARIES = {
    "torch": (
        "unit/wan",
        "integration/test_group.py",
        "integration/test_pull.py",
        "e2e/test_import.py",
        "e2e/test_wan.py",
        "e2e/test_wan_choices.py",
    ),
    "psycopg": (
        "e2e/test_postgres.py",
        "e2e/test_ray.py",
        "e2e/test_several_machines.py",
        "e2e/test_migrate.py",
        "integration/test_postgres.py",
        "integration/test_shared_stores.py",
    ),
    "numpy": ("unit/bench/test_invisible.py",),
    "playwright": ("e2e/studio",),
    "axe_playwright_python": ("e2e/studio",),
    "opentelemetry": ("e2e/test_traces.py",),
    "ray": ("e2e/test_ray.py",),
    "standardwebhooks": ("integration/test_standard_webhooks.py",),
    "kubernetes_validate": ("integration/test_deploy.py",),
    "simpy": ("unit/bench/test_capacity.py", "integration/test_capacity.py"),
    "obstore": (
        "integration/test_s3.py",
        "e2e/test_ray.py",
        "e2e/test_s3.py",
        "e2e/test_several_machines.py",
        "clients/test_over_a_bucket.py",
    ),
}
"""What cannot even be imported without a library of an extra."""

# The same examples in every run, on however busy a machine; fresh ones are drawn by `make fuzz`.
settings.register_profile(
    "fixed", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("fixed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is thorough by its place."""
    for item in items:
        if _within(item.path, THOROUGH):
            item.add_marker(pytest.mark.thorough)


@pytest.hookimpl(tryfirst=True)
def pytest_make_collect_report(collector: pytest.Collector) -> pytest.CollectReport | None:
    """Skip by its name what needs a library that is not installed."""
    for library, places in NEEDED_LIBRARIES.items():
        if _within(collector.path, places) and find_spec(library) is None:
            reason = f"Skipped: {library} is not installed: CONTRIBUTING.md says what installs it"
            return pytest.CollectReport(collector.nodeid, "skipped", (str(collector.path), 0, reason), [])
    return None


class NothingSkipped:
    """Turns every skip into a failure."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """See NothingSkipped."""
        return failed_where_skipped((yield))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """See NothingSkipped."""
        return failed_where_skipped((yield))


def failed_where_skipped(report: AnyReport) -> AnyReport:
    """The report of what was skipped as one of a failure, with the same reason."""
    if report.skipped and not hasattr(report, "wasxfail"):
        assert isinstance(report.longrepr, tuple)
        report.outcome = "failed"
        report.longrepr = f"CI=true, and nothing may be skipped there. {report.longrepr[2]}"
    return report


def pytest_configure(config: pytest.Config) -> None:
    """Hold every test to what CI promises."""
    if os.environ.get("CI") == "true":
        config.pluginmanager.register(NothingSkipped())


def _within(path: Path, places: tuple[str, ...]) -> bool:
    return any(path.is_relative_to(HERE / place) for place in places)
