"""The engines that the tests of this folder share. Without torch each file here is skipped; see tests/conftest.py."""

from importlib.util import find_spec

if find_spec("torch") is not None:
    from tests.unit.wan.engines import plus, stock, turbo  # noqa: F401 - fixtures
