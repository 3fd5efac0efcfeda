"""Commands of the control socket: what each does, and the sentence that answers it.

The socket itself: tests/integration/test_control_socket.py.
"""

from __future__ import annotations

import asyncio
import random
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from tests.support.engines import RecordingSink, spec
from tests.support.fake_ports import FakeClock
from tests.support.relays import FakeListener, relay_spec
from wsmon.config.specs import AlertSpec, BundleSpec, Configuration, ConnectionSpec, OtlpSpec
from wsmon.control.messages import Action, Command
from wsmon.engine.supervisor import Supervisor
from wsmon.errors import ConfigError, Problem, UsageError, WsmonError
from wsmon.model.redact.masking import Sensitive
from wsmon.ports import SentByHand
from wsmon.recorder.run import RecorderOptions, self_events
from wsmon.recorder.server import CommandHandler
from wsmon.relay.relays import Relays

BROKEN = ConfigError((Problem("w.toml", 3, "connection[1].url", "missing"),))


def connection(name: str, **fields: object) -> ConnectionSpec:
    """A connection that dials nothing."""
    return replace(spec(1, enabled=False, **fields), name=name)


def configuration(*connections: ConnectionSpec, digest: str = "new", **fields: Any) -> Configuration:
    return Configuration(Path("/etc/w.toml"), digest, connections, **fields)


BEFORE = configuration(connection("orders"), connection("quotes"), digest="old")


class Part:
    """A writer, alert dispatcher or monitoring that keeps how it was configured."""

    def __init__(self) -> None:
        self.configured: list[object] = []

    def configure(self, *arguments: object) -> None:
        self.configured.append(arguments[0])


class ReceiverPart(Part):
    """A receiver that keeps how it was configured."""

    async def configure(self, *arguments: object) -> None:  # type: ignore[override]
        super().configure(*arguments)


class Rig:
    """A handler over a real supervisor and fake parts."""

    def __init__(self, reload: Callable[[], Configuration] | None = None) -> None:
        self.sink = RecordingSink()
        self.stops = 0
        self.writer, self.alerts, self.monitoring, self.bundles, self.intake = Part(), Part(), Part(), Part(), Part()
        clock = FakeClock()
        options = RecorderOptions(cast(Any, None), Path("s.db"), Path("s.sock"), "/etc/w.toml", reload)
        supervisor = Supervisor(BEFORE.connections, (), self.sink, clock, random.Random(7))
        self.relays = Relays(supervisor.services, (), lambda _recorded: FakeListener(), lambda: None, lambda: False)
        self.handler = CommandHandler(
            options,
            BEFORE,
            supervisor,
            self.relays,
            cast(Any, self.writer),
            cast(Any, self.alerts),
            cast(Any, self.monitoring),
            cast(Any, self.bundles),
            cast(Any, self.intake),
            cast(Any, ReceiverPart()),
            self_events(self.sink, clock),
            self._stop,
        )

    def _stop(self) -> None:
        self.stops += 1

    async def execute(self, action: Action, connection: str = "") -> str | SentByHand:
        return await self.handler.execute(Command(1, action, connection))


@pytest.mark.parametrize(
    ("action", "name", "sentence"),
    [
        ("reconnect", "orders", "orders: reconnecting"),
        ("disable", "orders", "orders: off"),
        ("enable", "quotes", "quotes: connecting"),
        ("stop", "", "the recorder is ending"),
    ],
)
async def test_a_command_is_answered_with_a_sentence(action: Action, name: str, sentence: str) -> None:
    assert await Rig().execute(action, name) == sentence


async def test_stop_ends_the_recording() -> None:
    rig = Rig()
    await rig.execute("stop")
    assert rig.stops == 1


@pytest.mark.parametrize("action", ["reconnect", "disable", "enable"])
async def test_a_command_for_an_unknown_connection_is_refused(action: Action) -> None:
    with pytest.raises(UsageError, match="no connection named 'trades'"):
        await Rig().execute(action, "trades")


async def test_a_recording_without_a_file_cannot_reload() -> None:
    rig = Rig()
    with pytest.raises(WsmonError, match="this recording has no configuration file"):
        await rig.execute("reload")
    assert rig.sink.events == []


async def test_a_reload_reaches_every_part_and_says_what_changed() -> None:
    orders, _ = BEFORE.connections
    after = configuration(
        replace(orders, group="market"),
        connection("trades"),
        alerts=AlertSpec(bell=False),
        otlp=OtlpSpec(Sensitive("http://c:4318")),
        bundle=BundleSpec(("stall",)),
    )
    rig = Rig(lambda: after)
    sentence = (
        "added trades; removed quotes; restarted orders; alerts changed; bundles changed; monitoring changed; 0 went on"
    )
    assert await rig.execute("reload") == sentence
    assert rig.handler.digest == "new"
    assert [part.configured for part in (rig.writer, rig.alerts, rig.monitoring, rig.bundles)] == [
        [after.connections],
        [after.alerts],
        [after],
        [after],
    ]
    (event,) = rig.sink.named("self.config.reloaded")
    assert (event.status, event.reason, event.error) == ("ok", sentence, "")


async def test_connections_that_keep_their_session_are_named_by_their_change() -> None:
    adjusted = tuple(replace(each, profile="standard") for each in BEFORE.connections)
    rig = Rig(lambda: configuration(*adjusted))
    assert await rig.execute("reload") == "profile detailed → standard for orders, quotes; 2 went on"


async def test_a_reload_of_the_same_file_changes_nothing() -> None:
    assert await Rig(lambda: BEFORE).execute("reload") == "nothing changed; 2 went on"


async def test_a_file_with_errors_changes_nothing_and_the_errors_are_an_event() -> None:
    def fail() -> Configuration:
        raise BROKEN

    rig = Rig(fail)
    with pytest.raises(ConfigError):
        await rig.execute("reload")
    assert rig.handler.digest == "old"
    assert (rig.writer.configured, rig.alerts.configured, rig.monitoring.configured) == ([], [], [])
    (event,) = rig.sink.events
    assert (event.name, event.status, event.error_type, event.error) == (
        "self.config.reloaded",
        "error",
        "configuration",
        str(BROKEN),
    )


async def test_two_reloads_at_once_follow_each_other() -> None:
    running = threading.Semaphore(1)
    answers = iter([configuration(connection("orders"), digest="first"), configuration(digest="second")])

    def read() -> Configuration:
        assert running.acquire(blocking=False), "two reloads read at the same time"
        try:
            return next(answers)
        finally:
            running.release()

    rig = Rig(read)
    assert tuple(await asyncio.gather(rig.execute("reload"), rig.execute("reload"))) == (
        "removed quotes; 1 went on",
        "removed orders; 0 went on",
    )
    assert rig.handler.digest == "second"


async def test_a_reload_listens_where_the_new_configuration_says() -> None:
    kept, added = relay_spec("ws://h", name="app", enabled=False), relay_spec("ws://h", name="new")
    rig = Rig(lambda: configuration(*BEFORE.connections, relays=(kept, added)))
    assert await rig.execute("reload") == "added new; 2 went on"
    assert rig.relays.addresses["new"][0] == "127.0.0.1"
    specs = (*BEFORE.connections, kept.connection, added.connection)
    assert rig.writer.configured == [specs]
    await rig.relays.stop()


async def test_an_address_in_use_changes_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        rig = Rig(lambda: configuration(relays=(relay_spec("ws://h", listen=address),)))
        with pytest.raises(ConfigError, match=r"relay\[0\].listen: cannot listen: Address already in use"):
            await rig.execute("reload")
    assert (rig.handler.digest, rig.writer.configured) == ("old", [])


@pytest.mark.parametrize("action", ["reconnect", "disable", "enable", "send"])
async def test_what_an_application_opens_is_left_to_it(action: Action) -> None:
    rig = Rig()
    spec = relay_spec("ws://h")
    rig.relays.configure((spec,), (), rig.relays.listen_anew((spec,)))
    with pytest.raises(WsmonError, match="api is relayed: its application opens and closes it"):
        await rig.execute(action, "api")
    await rig.relays.stop()
