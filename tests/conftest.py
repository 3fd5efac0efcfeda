"""Fixtures that all tests share."""

pytest_plugins = ("tests.peers", "tests.processes")
