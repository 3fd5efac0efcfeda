"""The one table of all keys: what each is called, accepts, defaults to, means.

Parsing, hints, warnings and the example configuration come from here; CONTRACT.md names the same keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import get_args

from wsmon.config import checks
from wsmon.config.kinds import (
    AnyKind,
    Choice,
    Duration,
    ExistingFile,
    Flag,
    KeyMap,
    ListOf,
    NewFile,
    Number,
    Secret,
    SecretOrNumber,
    Size,
    TableOf,
    Text,
)
from wsmon.config.specs import SIGNAL_NAMES, Characters, LatencyUnit, ProtocolName, RedirectPolicy
from wsmon.model.detectors.base import INCIDENT_KINDS
from wsmon.model.profiles import ProfileName

MINUTE_S = 60.0
HOUR_S = 3_600.0
DAY_S = 86_400.0
CENTURY_S = 36_525 * DAY_S
GIB = 2**30

Default = str | bool | int | float | list[object] | dict[str, object]


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the configuration."""

    path: str
    """Dotted, inside its table: "ping.interval"."""
    kind: AnyKind
    default: Default
    """As it would be written in TOML."""
    doc: str
    """One line for users."""
    field: str = ""
    """Of specs.py, dotted; as the path where empty."""
    example: str = ""
    """A value in TOML for the example, where the default shows nothing."""
    needed: bool = False
    """Whether it has no default."""

    @property
    def target(self) -> str:
        """The field of specs.py that takes the value."""
        return self.field or self.path


_PROFILES = Choice(get_args(ProfileName))

WSMON = (
    Key(
        "store",
        NewFile(),
        "",
        "file of the recording; empty: a place of its own in the state folder",
        example='"wsmon.db"',
    ),
    Key("profile", _PROFILES, "detailed", "what becomes a row, and the KPI thresholds"),
    Key("theme", Text(checks.printable(64), may_be_empty=False), "wsmon-dark", "colours of the screen"),
    Key("characters", Choice(get_args(Characters)), "auto", "auto: ASCII alone where the locale is not UTF-8"),
    Key("mouse", Flag(), True, "false: the terminal keeps the mouse, to select text with"),
    Key("retention.age", Duration(MINUTE_S, CENTURY_S), "14d", "events older than this are removed", "retention.age_s"),
    Key("retention.size", Size(2**20, 2**47), "2GB", "the oldest events are removed past this", "retention.size_bytes"),
    Key("alerts.bell", Flag(), True, "viewers ring when an incident opens"),
    Key("alerts.desktop", Flag(), False, "and notify the desktop through the terminal"),
    Key(
        "alerts.command",
        ListOf(Secret(may_be_empty=False)),
        [],
        "program and arguments; gets each alert as JSON on stdin",
    ),
    Key("alerts.webhook", Secret(checks.http_url), "", "URL that each alert is posted to as JSON"),
    Key(
        "alerts.rules",
        TableOf(Text(checks.rule, may_be_empty=False), checks.connection_name),
        {},
        "queries by name: a match opens an incident rule:NAME",
        example='{ big = "type:order $.qty>100" }',
    ),
    Key("prometheus", Text(checks.address), "", '"127.0.0.1:9464" to expose metrics there; no host: this machine only'),
    Key("otlp", Secret(checks.http_url), "", '"http://127.0.0.1:4318" to send spans, metrics, logs', "otlp.url"),
    Key(
        "otlp_headers",
        TableOf(Secret(checks.header_value), checks.sent_header_name, fold_keys=True),
        {},
        "added to what is sent there",
        "otlp.headers",
        example='{ Authorization = "Bearer ${secret:COLLECTOR}" }',
    ),
    Key(
        "otlp_signals",
        ListOf(Choice(SIGNAL_NAMES), is_set=True),
        list(SIGNAL_NAMES),
        "which of spans, metrics, logs",
        "otlp.signals",
    ),
    Key("otlp_compression", Flag(), True, "gzip; false for receivers that cannot read it", "otlp.compression"),
)

CONNECTION = (
    Key(
        "name",
        Text(checks.connection_name, may_be_empty=False),
        "",
        "unique; letters, digits, . _ -; at most 64",
        needed=True,
        example='"orders"',
    ),
    Key(
        "url",
        Secret(checks.websocket_url, may_be_empty=False),
        "",
        "ws:// or wss://",
        needed=True,
        example='"wss://example.com/feed"',
    ),
    Key("group", Text(checks.printable(64)), "", "connections of one group belong together on the screen"),
    Key("enabled", Flag(), True, "false: shown as off, never dialled"),
    Key("profile", _PROFILES, "detailed", "overrides the one of [wsmon]"),
    Key(
        "protocol",
        Choice(get_args(ProtocolName)),
        "auto",
        "what the messages speak; stomp is named only",
    ),
    Key(
        "headers",
        TableOf(Secret(checks.header_value), checks.header_name, fold_keys=True),
        {},
        "added to the upgrade request",
        example='{ Authorization = "Bearer ${secret:TOKEN}" }',
    ),
    Key(
        "subprotocols",
        ListOf(Secret(checks.subprotocol, may_be_empty=False), is_set=True),
        [],
        "offered, in this order",
    ),
    Key("origin", Secret(checks.origin), "", "the header Origin; empty: none"),
    Key("compression", Flag(), True, "offer permessage-deflate"),
    Key("max_message", Size(125, GIB), "1MiB", "a longer message fails the connection with 1009", "max_message_bytes"),
    Key("open_timeout", Duration(0.001, HOUR_S), "10s", "for DNS, TCP, TLS and the upgrade together", "open_timeout_s"),
    Key("close_timeout", Duration(0.001, HOUR_S), "2s", "for the closing handshake", "close_timeout_s"),
    Key("ping.interval", Duration(0, DAY_S), "20s", "between two pings; 0: none", "ping.interval_s"),
    Key("ping.timeout", Duration(0.001, DAY_S), "20s", "a pong that takes longer ends the session", "ping.timeout_s"),
    Key(
        "expect_every",
        Duration(0, 30 * DAY_S, may_be_empty=True),
        "",
        "data expected at least this often; silence past it is a stall; empty: never",
        "expect_every_s",
    ),
    Key("silence", ListOf(Choice(INCIDENT_KINDS), is_set=True), [], "kinds of incidents not to look for"),
    Key(
        "trace_id",
        Text(checks.printable(checks.MAX_TRACE_ID_CHARS)),
        "",
        "correlation id of your own; empty: one is made",
    ),
    Key("proxy", Secret(checks.proxy), "", 'URL of an http or socks proxy, "env", or empty for none'),
    Key("tls.verify", Flag(), True, "false: any certificate is taken"),
    Key("tls.ca", ExistingFile(), "", "certificates to trust instead of the system's, PEM"),
    Key("tls.cert", ExistingFile(), "", "certificate to show to the peer, PEM"),
    Key("tls.key", ExistingFile(), "", "its private key, PEM, unencrypted"),
    Key("tls.server_name", Text(checks.host_name), "", "name to ask for and to verify; empty: the host of the URL"),
    Key("reconnect.initial", Duration(0.01, DAY_S), "1s", "delay before the second attempt", "reconnect.initial_s"),
    Key("reconnect.max", Duration(0.01, DAY_S), "30s", "longest delay", "reconnect.max_s"),
    Key("reconnect.factor", Number(1, 100), 2.0, "each delay is the one before times this"),
    Key("reconnect.jitter", Number(0, 1), 0.2, "part of a delay that chance may take off"),
    Key("reconnect.max_attempts", Number(0, 10**6, whole=True), 0, "attempts in a row before giving up; 0: never"),
    Key(
        "reconnect.stable_after",
        Duration(0, DAY_S),
        "30s",
        "open this long, attempts count anew",
        "reconnect.stable_after_s",
    ),
    Key("send", ListOf(Secret()), [], "texts sent, in this order, when the connection is usable"),
    Key(
        "subscribe",
        ListOf(Secret(may_be_empty=False)),
        [],
        "topics, channels: what they mean is the protocol's; asked for in every session",
    ),
    Key("auth", TableOf(SecretOrNumber()), {}, "with answer = true; what it means is the protocol's"),
    Key("heartbeat.send", Secret(), "", "text to send; empty: none"),
    Key("heartbeat.every", Duration(0.1, DAY_S), "30s", "how often", "heartbeat.every_s"),
    Key("heartbeat.expect", Secret(), "", "text in the peer's answer to it"),
    Key("heartbeat.reply_to", Secret(), "", "text in a heartbeat of the peer"),
    Key("heartbeat.answer", Secret(), "", "text to answer that with"),
    Key("answer", Flag(), False, "the protocol authenticates, answers heartbeats, renews, joins again by itself"),
    Key("sequence.path", Text(checks.json_path), "", 'where the sequence number is: "$.seq"'),
    Key("sequence.key", Text(checks.json_path), "", 'what it counts: "$.symbol"'),
    Key("latency.path", Text(checks.json_path), "", "where the sender's timestamp is"),
    Key("latency.unit", Choice(get_args(LatencyUnit)), "ms", "its unit"),
    Key("capture.payloads", Flag(), True, "false: sizes and names only"),
    Key("capture.payload_limit", Size(0, GIB), "64KiB", "longer payloads are cut", "capture.payload_limit_bytes"),
    Key("capture.control_frames", Flag(), True, "pings and pongs as events; false: counted only"),
    Key("redact.keys", ListOf(Text(may_be_empty=False)), [], "more keys of JSON whose values are masked"),
    Key(
        "redact.patterns",
        ListOf(Text(checks.pattern, may_be_empty=False)),
        [],
        "regular expressions: what matches is masked",
    ),
    Key("redact.headers", ListOf(Text(checks.field_name, may_be_empty=False)), [], "more headers that are masked"),
    Key("redact.query", ListOf(Text(may_be_empty=False)), [], "more parameters of URLs that are masked"),
    Key("redact.allow", ListOf(Text(may_be_empty=False)), [], "names that are never masked"),
    Key("redirects", Choice(get_args(RedirectPolicy)), "same-origin", "which ones to follow; never from wss to ws"),
    Key(
        "kpi",
        TableOf(Number(0, 10**9), checks.kpi_name),
        {},
        "thresholds instead of the profile's: shares 0…1, times in milliseconds",
        example="{ connection_success_rate = 0.995, reconnection_time_ms = 1500 }",
    ),
)

KEYS = Key(
    "keys",
    KeyMap(Text(checks.key_press, may_be_empty=False)),
    {},
    'the key of an action instead of its own; several as "slash,ctrl+f" or in a list',
)

# The keys of one table: name → key, or → keys of the table with that name
Names = Mapping[str, "Key | Mapping[str, Key]"]


def _names(keys: Iterable[Key]) -> Names:
    names: dict[str, Key | dict[str, Key]] = {}
    for key in keys:
        table, dot, name = key.path.partition(".")
        inner = names.setdefault(table, {}) if dot else None
        if isinstance(inner, dict):
            inner[name] = key
        else:
            names[table] = key
    return MappingProxyType(names)


WSMON_NAMES = _names(WSMON)
CONNECTION_NAMES = _names(CONNECTION)
TABLES = ("wsmon", "keys", "defaults", "connection")
