"""The demonstration's configuration: one connection a server, by its scenario."""

from __future__ import annotations

from wsmon.clock import SystemClock
from wsmon.config.specs import AlertSpec
from wsmon.demo.demo import Demo, demo_connections
from wsmon.demo.scenario import DEMO_SCENARIOS, parse_scenario
from wsmon.demo.server import ScenarioServer

QUIET = parse_scenario("quiet", '[connection]\ngroup = "feeds"\n')
OTHER = parse_scenario("other", "")


def test_the_built_in_scenarios_come_in_their_order() -> None:
    configuration = Demo(SystemClock()).configuration
    assert tuple(connection.name for connection in configuration.connections) == DEMO_SCENARIOS


def test_a_connection_is_the_scenarios_with_the_url_of_its_server() -> None:
    server = ScenarioServer(QUIET, SystemClock(), port=1234)
    (connection,) = demo_connections([server])
    assert (connection.name, connection.url.reveal(), connection.group) == (
        "quiet",
        "ws://127.0.0.1:1234/quiet",
        "feeds",
    )


def test_the_digest_is_that_of_the_scenarios() -> None:
    digests = {
        Demo(SystemClock(), chosen).configuration.digest for chosen in ([QUIET], [QUIET], [OTHER], [QUIET, OTHER])
    }
    assert len(digests) == 3


def test_the_demonstration_does_not_ring() -> None:
    assert Demo(SystemClock(), [QUIET]).configuration.alerts == AlertSpec(bell=False)
