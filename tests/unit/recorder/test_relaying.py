"""What relays of a recording listen with, and the rows that the writer is configured with."""

from __future__ import annotations

import socket
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.engines import spec
from tests.support.relays import relay_spec
from wsmon.config.specs import Configuration
from wsmon.errors import ConfigError
from wsmon.model.snapshot import RelayedRoute
from wsmon.recorder.relaying import listening_relays, recorded_specs, routes_of_rows, share_interpreter
from wsmon.relay.relays import RelayError, listen


def test_an_address_in_use_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "w.toml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        file.write_text(f"[[relay]]\nname = 'api'\nlisten = '{address}'\n")
        configuration = Configuration(file, "", (), (relay_spec("ws://h", listen=address),))
        with pytest.raises(ConfigError) as raised:
            listening_relays(configuration)
        assert str(raised.value) == (
            f"{file}:3: relay[0].listen: cannot listen: Address already in use ({address})."
            " stop what listens there, or use another port"
        )
        with pytest.raises(RelayError, match=r"relay api: cannot listen: Address already in use \("):
            listening_relays(replace(configuration, path=None))


def test_further_rows_stand_below_their_relay() -> None:
    connection = spec(1)
    app, other = relay_spec("ws://h", name="app"), relay_spec("ws://h", name="other")
    specs = recorded_specs(Configuration(None, "", (connection,), (app, other)), {"app": ["app-2", "app-3"]})
    assert [each.name for each in specs] == [connection.name, "app", "app-2", "app-3", "other"]
    assert specs[2] == replace(app.connection, name="app-2")


def test_rows_of_a_relay_have_its_routes_where_it_listens() -> None:
    app = relay_spec("ws://h", "ws://i", name="app")
    with closing(listen(app).socket) as listening:
        address = listening.getsockname()
        configuration = Configuration(None, "", (spec(1),), (app, relay_spec("ws://h", name="off", enabled=False)))
        found = routes_of_rows(configuration, {"app": ["app-2"]}, {"app": address})
    routes = (
        RelayedRoute(f"ws://127.0.0.1:{address[1]}/", "ws://h"),
        RelayedRoute(f"ws://127.0.0.1:{address[1]}/1", "ws://i"),
    )
    assert found == {"app": routes, "app-2": routes}


def test_threads_give_way_sooner_where_bytes_of_a_relay_wait() -> None:
    interval_s = sys.getswitchinterval()
    recording = Configuration(None, "", (spec(1),))
    found = []
    try:
        for configuration in (recording, replace(recording, relays=(relay_spec("ws://h"),)), recording):
            share_interpreter(configuration)
            found.append(sys.getswitchinterval())
    finally:
        sys.setswitchinterval(interval_s)
    assert found == pytest.approx([0.0005, 0.0001, 0.0005])
