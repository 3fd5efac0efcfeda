"""Reads how to connect to a scenario's server: the keys of a [[connection]] that a demonstration needs."""

from __future__ import annotations

from wsmon.config.specs import ConnectionSpec, PingSpec, ReconnectSpec
from wsmon.demo.table import Table
from wsmon.model.secret import Sensitive


def read_connection(name: str, table: Table) -> ConnectionSpec:
    """The connection of that name, its URL still empty. Raises WsmonError."""
    standard = ConnectionSpec(name=name, url=Sensitive(""))
    connection = ConnectionSpec(
        name=name,
        url=standard.url,
        group=table.text("group"),
        subprotocols=_sensitive(table.texts("subprotocols")),
        send=_sensitive(table.texts("send")),
        open_timeout_s=table.seconds("open_timeout", standard.open_timeout_s),
        expect_every_s=table.seconds("expect_every", standard.expect_every_s),
        ping=_read_ping(table.table("ping")),
        reconnect=_read_reconnect(table.table("reconnect")),
    )
    table.end()
    return connection


def _read_ping(table: Table) -> PingSpec:
    standard = PingSpec()
    ping = PingSpec(
        interval_s=table.seconds("interval", standard.interval_s),
        timeout_s=table.seconds("timeout", standard.timeout_s),
    )
    table.end()
    return ping


def _read_reconnect(table: Table) -> ReconnectSpec:
    standard = ReconnectSpec()
    reconnect = ReconnectSpec(
        initial_s=table.seconds("initial", standard.initial_s),
        max_s=table.seconds("max", standard.max_s),
        factor=table.number("factor", standard.factor, 1.0),
        jitter=table.number("jitter", standard.jitter),
        stable_after_s=table.seconds("stable_after", standard.stable_after_s),
    )
    table.end()
    return reconnect


def _sensitive(texts: tuple[str, ...]) -> tuple[Sensitive, ...]:
    return tuple(Sensitive(text) for text in texts)
