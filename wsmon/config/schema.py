"""Schema of the configuration: the one table of all keys, with what each accepts, its default and its meaning.

Parsing, hints, masking and the example configuration are made from it. A new key is a row here and a field in specs.py
with the same default; then ``wsmon check --example > config.example.toml``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from wsmon.config import checks
from wsmon.config.kinds import (
    AnyKind,
    DurationKind,
    ExistingFile,
    FlagKind,
    KeyMap,
    Kind,
    ListOf,
    NewFile,
    NumberKind,
    OneOf,
    SecretKind,
    SecretOrNumberKind,
    SizeKind,
    TableOf,
    TablesOf,
    TextKind,
)
from wsmon.config.specs import SIGNAL_NAMES, Characters, LatencyUnit, ProtocolName, RedirectPolicy
from wsmon.model.incident_kinds import INCIDENT_KINDS, ThresholdUnit
from wsmon.model.profiles import ProfileName

MINUTE_S = 60.0
HOUR_S = 3_600.0
DAY_S = 86_400.0
CENTURY_S = 36_525 * DAY_S
GIB = 2**30

Default = str | bool | int | float | list[object] | dict[str, object]
# Which part of a value is a credential although it is written out, see secrets.py: what a redactor finds in a text or
# in each of several, what a URL has in its user and query, headers and subprotocols by their names, all of ``auth``.
# Empty: nothing but references to secrets.
Credentials = Literal["", "text", "texts", "url", "headers", "subprotocols", "auth"]


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """One key of the configuration."""

    path: str
    """Name inside its table, dotted: "ping.interval"."""
    kind: AnyKind
    default: Default
    """The value as TOML has it."""
    doc: str
    """Meaning, in one line for users; the comment in the example."""
    field: str = ""
    """Field of the spec, dotted, where it is not named as the path."""
    example: str = ""
    """A value in TOML for the example, where the default shows nothing."""
    needed: bool = False
    """Whether it must be set."""
    credentials: Credentials = ""

    @property
    def target(self) -> str:
        """The field of the spec that takes the value, dotted."""
        return self.field or self.path


_PROFILES = OneOf(get_args(ProfileName))

_UNIT_KINDS: Mapping[ThresholdUnit, Kind] = MappingProxyType(
    {
        "count": NumberKind(0, 10**9, whole=True),
        "seconds": DurationKind(0.001, 365 * DAY_S),
        "share": NumberKind(0, 1),
        "times": NumberKind(1, 1_000),
    }
)
_THRESHOLDS = TablesOf(
    MappingProxyType(
        {
            kind.name: MappingProxyType({each.name: _UNIT_KINDS[each.unit] for each in kind.thresholds})
            for kind in INCIDENT_KINDS
            if kind.thresholds
        }
    ),
    checks.thresholds,
)

WSMON = (
    ConfigKey(
        "store",
        NewFile(),
        "",
        "file of the recording; empty: a place of its own in the state folder",
        example='"wsmon.db"',
    ),
    ConfigKey("profile", _PROFILES, "detailed", "what becomes a row, and the KPI thresholds"),
    ConfigKey("theme", TextKind(checks.printable(64), may_be_empty=False), "wsmon-dark", "colours of the screen"),
    ConfigKey("characters", OneOf(get_args(Characters)), "auto", "auto: ASCII alone where the locale is not UTF-8"),
    ConfigKey("mouse", FlagKind(), True, "false: the terminal keeps the mouse, to select text with"),
    ConfigKey(
        "retention.age",
        DurationKind(MINUTE_S, CENTURY_S),
        "14d",
        "events older than this are removed",
        "retention.age_s",
    ),
    ConfigKey(
        "retention.size",
        SizeKind(2**20, 2**47),
        "2GB",
        "the oldest events are removed past this",
        "retention.size_bytes",
    ),
    ConfigKey("retention.secure_delete", FlagKind(), False, "true: what is removed is overwritten in the file"),
    ConfigKey("alerts.bell", FlagKind(), True, "viewers ring when an incident opens"),
    ConfigKey("alerts.desktop", FlagKind(), False, "and notify the desktop through the terminal"),
    ConfigKey(
        "alerts.command",
        ListOf(SecretKind(may_be_empty=False)),
        [],
        "program and arguments; gets each alert as JSON on stdin",
        credentials="texts",
    ),
    ConfigKey(
        "alerts.webhook", SecretKind(checks.http_url), "", "URL that each alert is posted to as JSON", credentials="url"
    ),
    ConfigKey(
        "alerts.rules",
        TableOf(TextKind(checks.rule, may_be_empty=False), checks.connection_name),
        {},
        "queries by name: a match opens an incident rule:NAME",
        example='{ big = "type:order $.qty>100" }',
    ),
    ConfigKey(
        "detectors",
        _THRESHOLDS,
        {},
        "thresholds of detectors by kind of incident; `wsmon detectors` lists them",
        example='{ storm = { opens = 5, within = "60s" } }',
    ),
    ConfigKey(
        "prometheus",
        TextKind(checks.address),
        "",
        '"127.0.0.1:9464" to expose metrics there; no host: this machine only',
    ),
    ConfigKey(
        "otlp",
        SecretKind(checks.http_url),
        "",
        '"http://127.0.0.1:4318" to send spans, metrics, logs',
        "otlp.url",
        credentials="url",
    ),
    ConfigKey(
        "otlp_headers",
        TableOf(SecretKind(checks.header_value), checks.sent_header_name, fold_keys=True, is_ordered=True),
        {},
        "added to what is sent there",
        "otlp.headers",
        example='{ Authorization = "Bearer ${secret:COLLECTOR}" }',
        credentials="headers",
    ),
    ConfigKey(
        "otlp_signals",
        ListOf(OneOf(SIGNAL_NAMES), is_set=True),
        list(SIGNAL_NAMES),
        "which of spans, metrics, logs",
        "otlp.signals",
    ),
    ConfigKey(
        "otlp_compression", FlagKind(), True, "gzip; false for receivers that cannot read it", "otlp.compression"
    ),
)

CONNECTION = (
    ConfigKey(
        "name",
        TextKind(checks.connection_name, may_be_empty=False),
        "",
        "unique; letters, digits, . _ -; at most 64",
        needed=True,
        example='"orders"',
    ),
    ConfigKey(
        "url",
        SecretKind(checks.websocket_url, may_be_empty=False),
        "",
        "ws:// or wss://",
        needed=True,
        example='"wss://example.com/feed"',
        credentials="url",
    ),
    ConfigKey("group", TextKind(checks.printable(64)), "", "connections of one group belong together on the screen"),
    ConfigKey("enabled", FlagKind(), True, "false: shown as off, never dialled"),
    ConfigKey("profile", _PROFILES, "detailed", "overrides the one of [wsmon]"),
    ConfigKey(
        "protocol",
        OneOf(get_args(ProtocolName)),
        "auto",
        "what the messages speak; stomp and nexus are only listened to",
    ),
    ConfigKey(
        "headers",
        TableOf(SecretKind(checks.header_value), checks.header_name, fold_keys=True, is_ordered=True),
        {},
        "added to the upgrade request",
        example='{ Authorization = "Bearer ${secret:TOKEN}" }',
        credentials="headers",
    ),
    ConfigKey(
        "subprotocols",
        ListOf(SecretKind(checks.subprotocol, may_be_empty=False), is_set=True),
        [],
        "offered, in this order; empty: those that the protocol requires, if any",
        credentials="subprotocols",
    ),
    ConfigKey("origin", SecretKind(checks.origin), "", "the header Origin; empty: none"),
    ConfigKey("compression", FlagKind(), True, "offer permessage-deflate"),
    ConfigKey(
        "max_message",
        SizeKind(125, GIB),
        "1MiB",
        "a longer message fails the connection with 1009",
        "max_message_bytes",
    ),
    ConfigKey(
        "open_timeout",
        DurationKind(0.001, HOUR_S),
        "10s",
        "for DNS, TCP, TLS and the upgrade together",
        "open_timeout_s",
    ),
    ConfigKey("close_timeout", DurationKind(0.001, HOUR_S), "2s", "for the closing handshake", "close_timeout_s"),
    ConfigKey("ping.interval", DurationKind(0, DAY_S), "20s", "between two pings; 0: none", "ping.interval_s"),
    ConfigKey(
        "ping.timeout", DurationKind(0.001, DAY_S), "20s", "a pong that takes longer ends the session", "ping.timeout_s"
    ),
    ConfigKey(
        "expect_every",
        DurationKind(0, 30 * DAY_S, may_be_empty=True),
        "",
        "data expected at least this often; silence past it is a stall; empty: never",
        "expect_every_s",
    ),
    ConfigKey(
        "silence",
        ListOf(OneOf(tuple(kind.name for kind in INCIDENT_KINDS)), is_set=True),
        [],
        "kinds of incidents not to look for",
    ),
    ConfigKey(
        "trace_id",
        TextKind(checks.printable(checks.MAX_TRACE_ID_CHARS)),
        "",
        "correlation id of your own; empty: one is made",
    ),
    ConfigKey(
        "proxy",
        SecretKind(checks.proxy),
        "",
        'URL of an http or socks proxy, "env", or empty for none',
        credentials="url",
    ),
    ConfigKey("tls.verify", FlagKind(), True, "false: any certificate is taken"),
    ConfigKey("tls.ca", ExistingFile(), "", "certificates to trust instead of the system's, PEM"),
    ConfigKey("tls.cert", ExistingFile(), "", "certificate to show to the peer, PEM"),
    ConfigKey("tls.key", ExistingFile(), "", "its private key, PEM, unencrypted"),
    ConfigKey(
        "tls.server_name", TextKind(checks.host_name), "", "name to ask for and to verify; empty: the host of the URL"
    ),
    ConfigKey(
        "reconnect.initial", DurationKind(0.01, DAY_S), "1s", "delay before the second attempt", "reconnect.initial_s"
    ),
    ConfigKey("reconnect.max", DurationKind(0.01, DAY_S), "30s", "longest delay", "reconnect.max_s"),
    ConfigKey("reconnect.factor", NumberKind(1, 100), 2.0, "each delay is the one before times this"),
    ConfigKey("reconnect.jitter", NumberKind(0, 1), 0.2, "part of a delay that chance may take off"),
    ConfigKey(
        "reconnect.max_attempts", NumberKind(0, 10**6, whole=True), 0, "attempts in a row before giving up; 0: never"
    ),
    ConfigKey(
        "reconnect.stable_after",
        DurationKind(0, DAY_S),
        "30s",
        "open this long, attempts count anew",
        "reconnect.stable_after_s",
    ),
    ConfigKey(
        "send",
        ListOf(SecretKind()),
        [],
        "texts sent, in this order, when the connection is usable",
        credentials="texts",
    ),
    ConfigKey(
        "subscribe",
        ListOf(SecretKind(may_be_empty=False)),
        [],
        "topics, channels: what they mean is the protocol's; asked for in every session",
    ),
    ConfigKey(
        "auth",
        TableOf(SecretOrNumberKind()),
        {},
        "with answer = true; what it means is the protocol's",
        credentials="auth",
    ),
    ConfigKey(
        "heartbeat.send", SecretKind(), "", "text to send; {n} in it is a counter; empty: none", credentials="text"
    ),
    ConfigKey("heartbeat.every", DurationKind(0.1, DAY_S), "30s", "how often", "heartbeat.every_s"),
    ConfigKey("heartbeat.expect", SecretKind(), "", "text in the peer's answer to it", credentials="text"),
    ConfigKey("heartbeat.reply_to", SecretKind(), "", "text in a heartbeat of the peer", credentials="text"),
    ConfigKey("heartbeat.answer", SecretKind(), "", "text to answer that with", credentials="text"),
    ConfigKey(
        "answer", FlagKind(), False, "the protocol authenticates, answers heartbeats, renews, joins again by itself"
    ),
    ConfigKey(
        "sequence.path", TextKind(checks.sequence_path), "", 'where the number is: "$.seq"; of a range "$.from..$.to"'
    ),
    ConfigKey("sequence.key", TextKind(checks.json_path), "", 'what it counts: "$.symbol"'),
    ConfigKey(
        "sequence.types", ListOf(TextKind(may_be_empty=False)), [], "only messages of these types or topics count"
    ),
    ConfigKey(
        "sequence.restart",
        ListOf(TextKind(may_be_empty=False)),
        [],
        'types or topics after which the count starts anew: ["snapshot"]',
    ),
    ConfigKey("latency.path", TextKind(checks.json_path), "", "where the sender's timestamp is"),
    ConfigKey("latency.unit", OneOf(get_args(LatencyUnit)), "auto", "its unit; auto: by its size, or ISO 8601"),
    ConfigKey("capture.payloads", FlagKind(), True, "false: sizes and names only"),
    ConfigKey(
        "capture.payload_limit", SizeKind(0, GIB), "64KiB", "longer payloads are cut", "capture.payload_limit_bytes"
    ),
    ConfigKey("capture.control_frames", FlagKind(), True, "pings and pongs as events; false: counted only"),
    ConfigKey("redact.keys", ListOf(TextKind(may_be_empty=False)), [], "more keys of JSON whose values are masked"),
    ConfigKey(
        "redact.patterns",
        ListOf(TextKind(checks.pattern, may_be_empty=False)),
        [],
        "regular expressions: what matches is masked",
    ),
    ConfigKey(
        "redact.headers", ListOf(TextKind(checks.field_name, may_be_empty=False)), [], "more headers that are masked"
    ),
    ConfigKey("redact.query", ListOf(TextKind(may_be_empty=False)), [], "more parameters of URLs that are masked"),
    ConfigKey("redact.allow", ListOf(TextKind(may_be_empty=False)), [], "names that are never masked"),
    ConfigKey(
        "redirects", OneOf(get_args(RedirectPolicy)), "same-origin", "which ones to follow; never from wss to ws"
    ),
    ConfigKey(
        "kpi",
        TableOf(NumberKind(0, 10**9), checks.kpi_name),
        {},
        "thresholds instead of the profile's: shares 0…1, times in milliseconds",
        example="{ connection_success_rate = 0.995, reconnection_time_ms = 1500 }",
    ),
)

KEYS = ConfigKey(
    "keys",
    KeyMap(TextKind(checks.key_press, may_be_empty=False)),
    {},
    'the key of an action instead of its own; several as "slash,ctrl+f" or in a list',
)

# The keys of one table: name -> key, or name -> keys of the table in it
Names = Mapping[str, "ConfigKey | Mapping[str, ConfigKey]"]


def _names(keys: Iterable[ConfigKey]) -> Names:
    names: dict[str, ConfigKey | dict[str, ConfigKey]] = {}
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
