"""The metrics about connections, with the telemetry guide's names and labels: ``client_id`` is a connection's name.

Counters begin with the recorder. Beside the guide's stand the numbers that its key figures are made from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from wsmon.model.durations import SECOND_NS
from wsmon.model.metrics.bounds import BOUNDS_NS, cut
from wsmon.model.metrics.family import Family, Labels, Point, Spread
from wsmon.model.metrics.totals import ConnectionTotals, Distribution
from wsmon.model.statuses import OPEN, STATUSES

CLIENT: Final = "client_id"
OTHER: Final = "other"
_NOTHING: Final = Distribution()
_Totals = Sequence[ConnectionTotals]
_LabelsOf = Callable[[ConnectionTotals], Labels]


def _client(of: ConnectionTotals) -> Labels:
    return ((CLIENT, of.name),)


def _client_and_uri(of: ConnectionTotals) -> Labels:
    return ((CLIENT, of.name), ("uri", of.url))


def connection_families(totals: _Totals) -> tuple[Family, ...]:
    """All of them, also those that have no series yet."""
    return (*_now(totals), *_dialling(totals), *_traffic(totals), *_keyed(totals), *_quality(totals))


def _now(totals: _Totals) -> Iterable[Family]:
    """How connections are."""
    info = tuple(
        Point(
            (
                *_client_and_uri(of),
                ("group", of.group),
                ("profile", of.profile),
                ("protocol", of.protocol),
                ("enabled", "true" if of.enabled else "false"),
            ),
            1,
        )
        for of in totals
    )
    yield Family("wsmon.connection.info", "gauge", "What is configured; always 1", info)
    states = tuple(
        Point((*_client(of), ("status", status)), int(of.status == status)) for of in totals for status in STATUSES
    )
    yield Family("wsmon.connection.status", "gauge", "1 for the status that the connection is in", states)
    up = tuple(Point(_client(of), int(of.status == OPEN)) for of in totals)
    yield Family("wsmon.connection.up", "gauge", "1 while the connection is usable", up)
    stalled = tuple(Point(_client(of), int(of.is_stalled and of.status == OPEN)) for of in totals)
    yield Family(
        "wsmon.connection.stalled", "gauge", "1 while it is open and nothing comes though data is due", stalled
    )
    newest = tuple(
        Point(_client(of), of.last_message_ns / SECOND_NS) for of in totals if of.last_message_ns is not None
    )
    text = "Unix time of the newest message received"
    yield Family("wsmon.message.received.last_timestamp", "gauge", text, newest, "seconds")


def _dialling(totals: _Totals) -> Iterable[Family]:
    """From the first attempt to the end."""
    counted = (
        ("connection.started", "attempts", "Dials"),
        ("connection.completed", "opens", "Dials that led to a usable connection"),
        ("connection.disconnected", "losses", "Losses of a usable connection"),
        ("connection.failed", "failures", "Dials that failed"),
    )
    for name, counter, text in counted:
        yield _counter(name, text, totals, counter, _client_and_uri)
    text = "From the dial to the end of the upgrade"
    yield _histogram("connection.completed.duration", text, totals, "connect", _client_and_uri)
    text = "From the loss until the connection was usable again"
    yield _histogram("connection.reconnect.success.duration", text, totals, "reconnect")
    yield _told(
        "connection.reconnect.failed", "Attempts to reconnect that failed", totals, "connection.reconnect.failed"
    )
    yield _by_key("connection.closed", "Ends by their close code", totals, "close_code", "code")


def _traffic(totals: _Totals) -> Iterable[Family]:
    """Messages, both ways."""
    for way, messages, size_bytes, wire_bytes in (
        ("received", "messages_in", "bytes_in", "wire_in"),
        ("sent", "messages_out", "bytes_out", "wire_out"),
    ):
        yield _messages(totals, way, messages)
        sizes = tuple(Spread(_client(of), _of(of, messages), _of(of, size_bytes)) for of in totals)
        yield Family(f"wsmon.message.{way}.size", "summary", f"Sizes of messages {way}", sizes, "bytes")
        yield _counter(f"wire.{way}", f"Bytes of frames {way} on the wire", totals, wire_bytes, unit="bytes")
    text = "From a request to its reply, where the protocol pairs them"
    yield _histogram("message.process.completed.duration", text, totals, "process")
    text = "Messages that could not be read, and requests that failed"
    yield _by_key("message.failed", text, totals, "failed_message", "error_type")


def _messages(totals: _Totals, way: str, counter: str) -> Family:
    """By type; those that the protocol gave none have an empty one."""
    points: list[Point] = []
    for of in totals:
        typed = of.keyed.get(f"{way}_type", {})
        untyped = max(0, _of(of, counter) - sum(typed.values()))
        points += (Point((*_client(of), ("type", kind)), n) for kind, n in typed.items())
        if untyped or not typed:
            points.append(Point((*_client(of), ("type", "")), untyped))
    text = f"Messages {way}, by the type that the protocol gives them"
    return Family(f"wsmon.message.{way}", "counter", text, tuple(points))


def _keyed(totals: _Totals) -> Iterable[Family]:
    """Errors, incidents, subscriptions, logins."""
    yield _by_key("error.occurred", "Errors by type", totals, "error_type", "error_type")
    yield _told("error.handled", "Errors that a peer reported as handled", totals, "error.handled")
    yield _by_key("incident.opened", "Incidents found, by kind", totals, "incident", "kind")
    for name, text in (
        ("subscription.subscribe.completed", "Subscriptions that the peer answered"),
        ("subscription.unsubscribe.completed", "Subscriptions that ended"),
        ("subscription.lost", "Subscriptions that a reconnect lost"),
        ("subscription.restored", "Subscriptions restored after a reconnect"),
    ):
        yield _by_key(name, text, totals, name, "channel")
    for name, text in (
        ("auth.completed", "Logins that succeeded"),
        ("auth.failed", "Logins that were refused"),
        ("auth.refresh.completed", "Tokens renewed"),
    ):
        yield _told(name, text, totals, name)
    folded = tuple(
        Point((*_client(of), ("dimension", dimension)), n) for of in totals for dimension, n in of.folded.items()
    )
    text = 'Counted under the label value "other", because there were too many values'
    yield Family("wsmon.labels.folded", "counter", text, folded)


def _quality(totals: _Totals) -> Iterable[Family]:
    """Heartbeats and latencies."""
    yield _counter("heartbeat.sent", "Pings sent", totals, "pings")
    yield _counter("heartbeat.responded", "Pings that were answered", totals, "pongs")
    yield _counter("heartbeat.timeout", "Pings that were not answered in time", totals, "missed")
    yield _histogram("heartbeat.rtt", "Round trips of pings", totals, "rtt")
    latencies = tuple(
        Spread(_client(of), spread.count, spread.sum / SECOND_NS)
        for of in totals
        if (spread := of.distributions.get("latency")) is not None
    )
    text = "How much longer than the fastest one messages were under way"
    yield Family("wsmon.feed.latency", "summary", text, latencies, "seconds")


def _of(of: ConnectionTotals, counter: str) -> int:
    return of.counters.get(counter, 0)


def _counter(
    name: str, text: str, totals: _Totals, counter: str, labels: _LabelsOf = _client, unit: str = ""
) -> Family:
    points = tuple(Point(labels(of), _of(of, counter)) for of in totals)
    return Family(f"wsmon.{name}", "counter", text, points, unit)


def _told(name: str, text: str, totals: _Totals, dimension: str) -> Family:
    """A counter without keys."""
    points = tuple(Point(_client(of), sum(of.keyed.get(dimension, {}).values())) for of in totals)
    return Family(f"wsmon.{name}", "counter", text, points)


def _by_key(name: str, text: str, totals: _Totals, dimension: str, label: str) -> Family:
    points = tuple(
        Point((*_client(of), (label, key)), n) for of in totals for key, n in of.keyed.get(dimension, {}).items()
    )
    return Family(f"wsmon.{name}", "counter", text, points)


def _histogram(name: str, text: str, totals: _Totals, metric: str, labels: _LabelsOf = _client) -> Family:
    bounds = tuple(bound / SECOND_NS for bound in BOUNDS_NS[metric])
    spreads: list[Spread] = []
    for of in totals:
        measured = of.distributions.get(metric, _NOTHING)
        counts = cut(metric, measured.counts, measured.above)
        spreads.append(Spread(labels(of), measured.count, measured.sum / SECOND_NS, bounds, counts))
    return Family(f"wsmon.{name}", "histogram", text, tuple(spreads), "seconds")
