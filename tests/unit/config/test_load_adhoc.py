"""Configurations made of URLs on the command line."""

from __future__ import annotations

import pytest

from wsmon.config.load import from_urls
from wsmon.config.specs import ConnectionSpec
from wsmon.errors import ConfigError
from wsmon.model.redact.masking import Sensitive


def test_urls_become_connections_with_everything_by_default() -> None:
    configuration = from_urls(["wss://h.example/p"], [("X-A", "1")], ["trades"])
    assert configuration.path is None
    assert configuration.connections == (
        ConnectionSpec(
            name="h.example",
            url=Sensitive("wss://h.example/p"),
            headers=(("X-A", Sensitive("1")),),
            subscribe=(Sensitive("trades"),),
        ),
    )


def test_subprotocols_are_offered_and_are_part_of_the_digest() -> None:
    made = from_urls(["wss://h/p"], subprotocols=["graphql-transport-ws", "v1"])
    (connection,) = made.connections
    assert [each.reveal() for each in connection.subprotocols] == ["graphql-transport-ws", "v1"]
    assert made.digest != from_urls(["wss://h/p"]).digest


@pytest.mark.parametrize(
    ("urls", "names"),
    [
        (["wss://h/a", "wss://h/b", "ws://h/c"], ["h", "h-2", "h-3"]),
        (["ws://localhost:8765", "ws://localhost:8766"], ["localhost-8765", "localhost-8766"]),
        (["ws://h:80", "wss://h:443", "ws://h:443"], ["h", "h-2", "h-443"]),
        (["ws://[::1]:9/"], ["1-9"]),
        (["ws://bücher.example"], ["b-cher.example"]),
        ([f"ws://{'x' * 60}.{'y' * 60}"] * 2, [f"{'x' * 60}.yyy", f"{'x' * 60}.y-2"]),
    ],
)
def test_names_come_from_hosts_and_are_unique(urls: list[str], names: list[str]) -> None:
    assert [connection.name for connection in from_urls(urls).connections] == names


def test_equal_command_lines_have_equal_digests() -> None:
    one = from_urls(["ws://h"], [("A", "1")])
    assert one.digest == from_urls(["ws://h"], [("A", "1")]).digest
    assert one.digest != from_urls(["ws://h"], [("A", "2")]).digest


def test_references_are_looked_up_in_the_environment_that_is_given() -> None:
    configuration = from_urls(["ws://h"], [("Authorization", "Bearer ${secret:T}")], environ={"T": "token-of-mine"})
    assert configuration.connections[0].headers == (
        ("Authorization", Sensitive("Bearer token-of-mine", "Bearer [FILTERED]")),
    )


def test_all_mistakes_are_named_at_once_without_lines() -> None:
    with pytest.raises(ConfigError) as caught:
        from_urls(["http://h", "ws://"], [("Upgrade", "x"), ("A", "1"), ("A", "2")])
    assert sorted(map(str, caught.value.problems)) == [
        "command line: connection[0].headers.Upgrade: header belongs to the handshake. wsmon sets this header",
        "command line: connection[0].url: scheme must be ws or wss (http://h). use ws://",
        "command line: connection[1].headers.Upgrade: header belongs to the handshake. wsmon sets this header",
        "command line: connection[1].url: missing host (ws://). e.g. ws://host:port",
        "command line: headers.A: duplicate",
    ]


def test_no_url_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="no connections defined"):
        from_urls([])
