"""Fixtures that all tests share."""

pytest_plugins = ("tests.node_peers", "tests.peers", "tests.processes")
