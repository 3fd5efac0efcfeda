"""Specs: frozen values that show no secret."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.relays import relay_spec
from wsmon.config.load import Loaded, connection_spec, global_fields
from wsmon.config.schema import CONNECTION, CONNECTION_NAMES, WSMON, WSMON_NAMES, ConfigKey
from wsmon.config.secrets import ReferenceSources
from wsmon.config.specs import (
    CaptureSpec,
    Configuration,
    ConnectionSpec,
    HeartbeatSpec,
    OtlpSpec,
    PingSpec,
    ReconnectSpec,
    RedactSpec,
    RetentionSpec,
    RouteSpec,
    TlsSpec,
    local_place,
)
from wsmon.config.table_reader import TableReader
from wsmon.model.redact.masking import Sensitive
from wsmon.model.snapshot import RelayedRoute

Load = Callable[..., Loaded]


CANARY = "canary-0123456789"


def tree_of(keys: tuple[ConfigKey, ...]) -> dict[str, object]:
    tree: dict[str, object] = {}
    for key in keys:
        if key.needed:
            continue
        table, dot, name = key.path.partition(".")
        inner = tree.setdefault(table, {}) if dot else tree
        assert isinstance(inner, dict)
        inner[name or table] = key.default
    return tree


def test_no_representation_contains_a_secret(loaded: Load) -> None:
    text = f'[[connection]]\nname = "a"\nurl = "wss://u:{CANARY}@h"\nsend = ["${{secret:S}}"]\nauth.x = "{CANARY}"\n'
    whole = loaded(text, S=CANARY)
    assert CANARY not in repr(whole)
    assert CANARY not in str(whole)


def test_the_defaults_of_the_table_are_those_of_the_specs(tmp_path: Path) -> None:
    reader = TableReader(ReferenceSources({}, tmp_path))
    url = Sensitive("ws://h")
    connection = reader.table(tree_of(CONNECTION), (), CONNECTION_NAMES).values
    wsmon = reader.table(tree_of(WSMON), (), WSMON_NAMES).values
    assert connection_spec({**connection, "name": "a", "url": url}) == ConnectionSpec("a", url)
    assert Configuration(None, "", (), **global_fields(wsmon)) == Configuration(None, "", ())
    assert (reader.faults, reader.warnings) == ([], [])


def test_specs_are_compared_and_hashed_by_value() -> None:
    for spec in (PingSpec, TlsSpec, ReconnectSpec, HeartbeatSpec, CaptureSpec, RedactSpec, OtlpSpec, RetentionSpec):
        assert {spec()} == {spec()}
    with pytest.raises(dataclasses.FrozenInstanceError):
        PingSpec().interval_s = 1.0  # type: ignore[misc]  # which is the point


def test_a_relay_that_listens_knows_the_urls_that_an_application_connects_to() -> None:
    plain, any_address = relay_spec("ws://h", "ws://i"), relay_spec("ws://h", tls_cert=Path("c"))
    secret = RouteSpec("/1", Sensitive("ws://i?key=7", "ws://i?key=[FILTERED]"))
    plain = dataclasses.replace(plain, routes=(plain.routes[0], secret))
    assert plain.listening("::1", 9000) == (
        RelayedRoute("ws://[::1]:9000/", "ws://h"),
        RelayedRoute("ws://[::1]:9000/1", "ws://i?key=[FILTERED]"),
    )
    assert any_address.listening("0.0.0.0", 9001) == (RelayedRoute("wss://127.0.0.1:9001/", "ws://h"),)


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("127.0.0.1", "127.0.0.1:9"),
        ("0.0.0.0", "127.0.0.1:9"),
        ("::", "[::1]:9"),
        ("fe80::1", "[fe80::1]:9"),
        ("192.0.2.1", "192.0.2.1:9"),
    ],
)
def test_what_listens_at_every_address_has_a_url_on_this_machine(host: str, place: str) -> None:
    assert local_place(host, 9) == place
