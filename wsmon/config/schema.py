"""Schema of the configuration: the one table of all keys, with what each accepts, its default and its meaning.

Parsing, hints, masking and the example configuration are made from it. A new key is a row here and a field in specs.py
with the same default; then ``wsmon check --example > config.example.toml``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, get_args

from wsmon.config import checks
from wsmon.config.kinds import (
    AnyKind,
    ChainOf,
    ConditionOr,
    DurationKind,
    ExistingFile,
    FlagKind,
    KeyMap,
    Kind,
    ListOf,
    NewFile,
    NumberKind,
    OneOf,
    OneOrMore,
    RowsOf,
    SecretKind,
    SecretOrNumberKind,
    SizeKind,
    TableOf,
    TablesOf,
    TextKind,
)
from wsmon.config.specs import (
    DEFAULT_SIGNALS,
    SIGNAL_NAMES,
    BuiltInDecoder,
    BuiltInProtocol,
    Characters,
    LatencyUnit,
    RedirectPolicy,
    RelayFail,
)
from wsmon.model.incident_kinds import INCIDENT_KINDS, ThresholdUnit
from wsmon.model.profiles import ProfileName
from wsmon.model.units import CENTURY_S

MINUTE_S = 60.0
HOUR_S = 3_600.0
DAY_S = 86_400.0
GIB = 2**30

Default = str | bool | int | float | list[object] | dict[str, object]
# Which part of a value is a credential although it is written out, see secrets.py: what a redactor finds in a text or
# in each of several, what a URL has in its user and query, headers and subprotocols by their names, all of ``auth``,
# the whole of a text.
# Empty: nothing but references to secrets.
Credentials = Literal["", "text", "texts", "url", "headers", "subprotocols", "auth", "whole"]


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

_PLACES = OneOrMore(TextKind(checks.place))

WSMON = (
    ConfigKey(
        "store",
        NewFile(),
        "",
        "recording file; empty: a separate folder in the state folder",
        example='"wsmon.db"',
    ),
    ConfigKey("profile", _PROFILES, "detailed", "which events are stored, and KPI thresholds"),
    ConfigKey("theme", TextKind(checks.printable(64), may_be_empty=False), "wsmon-dark", "colour theme"),
    ConfigKey("characters", OneOf(get_args(Characters)), "auto", "auto: ASCII only if the locale is not UTF-8"),
    ConfigKey("mouse", FlagKind(), True, "false: leave the mouse to the terminal, for selecting text"),
    ConfigKey(
        "retention.age",
        DurationKind(MINUTE_S, CENTURY_S),
        "14d",
        "older events are deleted",
        "retention.age_s",
    ),
    ConfigKey(
        "retention.size",
        SizeKind(2**20, 2**47),
        "2GB",
        "the oldest events are deleted above this size",
        "retention.size_bytes",
    ),
    ConfigKey("retention.secure_delete", FlagKind(), False, "true: overwrite deleted data in the file"),
    ConfigKey("alerts.bell", FlagKind(), True, "ring the terminal bell when an incident opens"),
    ConfigKey("alerts.desktop", FlagKind(), False, "send a desktop notification through the terminal"),
    ConfigKey(
        "alerts.command",
        ListOf(SecretKind(may_be_empty=False)),
        [],
        "program and arguments; receives each alert as JSON on stdin",
        credentials="texts",
    ),
    ConfigKey(
        "alerts.webhook",
        SecretKind(checks.http_url),
        "",
        "URL to which each alert is posted as JSON",
        credentials="url",
    ),
    ConfigKey(
        "alerts.rules",
        TableOf(TextKind(checks.rule, may_be_empty=False), checks.connection_name),
        {},
        "named queries; a match opens an incident rule:NAME",
        example='{ big = "type:order $.qty>100" }',
    ),
    ConfigKey(
        "detectors",
        _THRESHOLDS,
        {},
        "detector thresholds by incident kind; listed by `wsmon detectors`",
        example='{ storm = { opens = 5, within = "60s" } }',
    ),
    ConfigKey(
        "bundle.kinds",
        ListOf(TextKind(checks.incident_kind, may_be_empty=False), is_set=True),
        [],
        "incident kinds that leave a bundle; rule:NAME for alert rules; empty: no bundles",
        example='["stall", "storm", "errors"]',
    ),
    ConfigKey(
        "bundle.before",
        DurationKind(0, HOUR_S),
        "1m",
        "time before the incident in a bundle",
        "bundle.before_s",
    ),
    ConfigKey("bundle.after", DurationKind(0, HOUR_S), "1m", "time after the incident opened", "bundle.after_s"),
    ConfigKey(
        "bundle.keep", NumberKind(1, 100_000, whole=True), 20, "number of bundles to keep; the oldest are deleted"
    ),
    ConfigKey(
        "bundle.size", SizeKind(2**20, 2**40), "256MB", "maximum size of all bundles together", "bundle.size_bytes"
    ),
    ConfigKey(
        "prometheus",
        TextKind(checks.address),
        "",
        'address for exposing metrics, e.g. "127.0.0.1:9464"; without a host: loopback only',
    ),
    ConfigKey(
        "otlp",
        SecretKind(checks.http_url),
        "",
        'OTLP/HTTP endpoint for spans, metrics and logs, e.g. "http://127.0.0.1:4318"',
        "otlp.url",
        credentials="url",
    ),
    ConfigKey(
        "otlp_headers",
        TableOf(SecretKind(checks.header_value), checks.sent_header_name, fold_keys=True, is_ordered=True),
        {},
        "request headers for that endpoint",
        "otlp.headers",
        example='{ Authorization = "Bearer ${secret:COLLECTOR}" }',
        credentials="headers",
    ),
    ConfigKey(
        "otlp_signals",
        ListOf(OneOf(SIGNAL_NAMES), is_set=True),
        list(DEFAULT_SIGNALS),
        "signals to send; messages, with their payloads as stored, only if listed",
        "otlp.signals",
    ),
    ConfigKey(
        "otlp_compression", FlagKind(), True, "use gzip; false for receivers that do not support it", "otlp.compression"
    ),
    ConfigKey(
        "otlp_listen",
        TextKind(checks.address),
        "",
        'address at which programs report traces and logs over OTLP/HTTP, e.g. "127.0.0.1:4318"',
        "otlp_listen.address",
    ),
    ConfigKey(
        "otlp_listen_token",
        SecretKind(checks.bearer_token),
        "",
        "they send it as Authorization: Bearer TOKEN; required to listen beyond loopback",
        "otlp_listen.token",
        example='"${secret:OTLP_TOKEN}"',
        credentials="whole",
    ),
)

CONNECTION = (
    ConfigKey(
        "name",
        TextKind(checks.connection_name, may_be_empty=False),
        "",
        "unique; letters, digits, . _ -; at most 64 characters",
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
    ConfigKey("group", TextKind(checks.printable(64)), "", "connections with the same group are shown together"),
    ConfigKey("enabled", FlagKind(), True, "false: shown as off, not connected"),
    ConfigKey("profile", _PROFILES, "detailed", "overrides [wsmon] profile"),
    ConfigKey(
        "protocol",
        OneOf(get_args(BuiltInProtocol), checks.installed_protocols),
        "auto",
        "message protocol; nexus, ocpp, bayeux, xmpp and centrifugo: receive only",
    ),
    ConfigKey(
        "decode",
        ChainOf(
            OneOf(get_args(BuiltInDecoder), checks.installed_decoders),
            MappingProxyType({"auto": ("auto",), "none": ()}),
            most=4,
        ),
        "auto",
        'what decodes payloads; several: ["base64", "zlib"]; auto: what their first bytes show',
    ),
    ConfigKey(
        "headers",
        TableOf(SecretKind(checks.header_value), checks.header_name, fold_keys=True, is_ordered=True),
        {},
        "headers added to the upgrade request",
        example='{ Authorization = "Bearer ${secret:TOKEN}" }',
        credentials="headers",
    ),
    ConfigKey(
        "subprotocols",
        ListOf(SecretKind(checks.subprotocol, may_be_empty=False), is_set=True),
        [],
        "offered in this order; empty: those that the protocol requires, if any",
        credentials="subprotocols",
    ),
    ConfigKey("origin", SecretKind(checks.origin), "", "Origin header; empty: none"),
    ConfigKey("compression", FlagKind(), True, "offer permessage-deflate"),
    ConfigKey(
        "max_message",
        SizeKind(125, GIB),
        "1MiB",
        "larger messages close the connection with 1009",
        "max_message_bytes",
    ),
    ConfigKey(
        "open_timeout",
        DurationKind(0.001, HOUR_S),
        "10s",
        "total for DNS, TCP, TLS and upgrade",
        "open_timeout_s",
    ),
    ConfigKey(
        "close_timeout", DurationKind(0.001, HOUR_S), "2s", "timeout of the closing handshake", "close_timeout_s"
    ),
    ConfigKey("ping.interval", DurationKind(0, DAY_S), "20s", "time between pings; 0: no pings", "ping.interval_s"),
    ConfigKey(
        "ping.timeout",
        DurationKind(0.001, DAY_S),
        "20s",
        "max time to wait for a pong before closing",
        "ping.timeout_s",
    ),
    ConfigKey(
        "expect_every",
        DurationKind(0, 30 * DAY_S, may_be_empty=True),
        "",
        "expect data at least this often; longer silence is a stall; empty: off",
        "expect_every_s",
    ),
    ConfigKey(
        "silence",
        ListOf(OneOf(tuple(kind.name for kind in INCIDENT_KINDS)), is_set=True),
        [],
        "incident kinds to disable",
    ),
    ConfigKey(
        "trace_id",
        TextKind(checks.printable(checks.MAX_TRACE_ID_CHARS)),
        "",
        "your own correlation ID; empty: generated",
    ),
    ConfigKey(
        "proxy",
        SecretKind(checks.proxy),
        "",
        'URL of an HTTP or SOCKS proxy, "env", or empty for none',
        credentials="url",
    ),
    ConfigKey("tls.verify", FlagKind(), True, "false: accept any certificate"),
    ConfigKey("tls.ca", ExistingFile(), "", "CA certificates to trust instead of the system's (PEM)"),
    ConfigKey("tls.cert", ExistingFile(), "", "client certificate (PEM)"),
    ConfigKey("tls.key", ExistingFile(), "", "private key of the client certificate (PEM, unencrypted)"),
    ConfigKey(
        "tls.server_name", TextKind(checks.host_name), "", "name to send (SNI) and verify; empty: host of the URL"
    ),
    ConfigKey(
        "reconnect.initial", DurationKind(0.01, DAY_S), "1s", "delay before the first retry", "reconnect.initial_s"
    ),
    ConfigKey("reconnect.max", DurationKind(0.01, DAY_S), "30s", "maximum delay", "reconnect.max_s"),
    ConfigKey("reconnect.factor", NumberKind(1, 100), 2.0, "factor by which the delay grows"),
    ConfigKey("reconnect.jitter", NumberKind(0, 1), 0.2, "random jitter, as a fraction of the delay"),
    ConfigKey(
        "reconnect.max_attempts",
        NumberKind(0, 10**6, whole=True),
        0,
        "consecutive attempts before giving up; 0: never give up",
    ),
    ConfigKey(
        "reconnect.stable_after",
        DurationKind(0, DAY_S),
        "30s",
        "time open after which the attempt count is reset",
        "reconnect.stable_after_s",
    ),
    ConfigKey(
        "send",
        ListOf(SecretKind()),
        [],
        "messages sent, in this order, once the connection is open",
        credentials="texts",
    ),
    ConfigKey(
        "subscribe",
        ListOf(SecretKind(may_be_empty=False)),
        [],
        "topics or channels (protocol-specific); subscribed in every session",
    ),
    ConfigKey(
        "auth",
        TableOf(ConditionOr(SecretOrNumberKind(), checks.place)),
        {},
        "used if answer = true; protocol-specific",
        credentials="auth",
    ),
    ConfigKey("heartbeat.send", SecretKind(), "", "text to send; {n} is a counter; empty: none", credentials="text"),
    ConfigKey("heartbeat.every", DurationKind(0.1, DAY_S), "30s", "interval", "heartbeat.every_s"),
    ConfigKey(
        "heartbeat.expect",
        ConditionOr(SecretKind(), checks.place),
        "",
        "text contained in the peer's reply, or a condition",
        credentials="text",
    ),
    ConfigKey(
        "heartbeat.reply_to",
        ConditionOr(SecretKind(), checks.place),
        "",
        "text contained in the peer's heartbeat, or a condition",
        credentials="text",
    ),
    ConfigKey("heartbeat.answer", SecretKind(), "", "text to reply with", credentials="text"),
    ConfigKey(
        "answer",
        FlagKind(),
        False,
        "let wsmon authenticate, answer heartbeats, refresh tokens and resubscribe automatically",
    ),
    ConfigKey("allow_send", FlagKind(), False, "true: messages may be sent manually from the screen"),
    ConfigKey(
        "messages.type",
        _PLACES,
        [],
        "path or pattern of the message type; a list: the first that finds something",
        example='["$.event", "$[1]"]',
    ),
    ConfigKey("messages.topic", _PLACES, [], "path or pattern of the topic", example='"$.channel"'),
    ConfigKey(
        "messages.topic_id",
        _PLACES,
        [],
        "path or pattern of an id that later messages have in place of the topic",
        example='"$.chanId"',
    ),
    ConfigKey("messages.ref", _PLACES, [], "path or pattern of the id of a message", example='"$.id"'),
    ConfigKey(
        "messages.replies",
        _PLACES,
        [],
        "path or pattern of the id of the message that a message answers",
        example='"$.reply_to"',
    ),
    ConfigKey(
        "messages.error",
        ConditionOr(_PLACES, checks.place),
        [],
        "path or pattern of the text of an error, or a condition that errors meet",
        example='{ "$.event" = "error" }',
    ),
    ConfigKey(
        "messages.error_text",
        _PLACES,
        [],
        "path or pattern of the text of an error that meets the condition",
        example='"$.msg"',
    ),
    ConfigKey(
        "messages.items",
        TextKind(checks.place),
        "",
        "path of a list of messages in a message, or a pattern that matches each",
        example='"$.events"',
    ),
    ConfigKey(
        "sequence.path",
        TextKind(checks.sequence_path),
        "",
        'path of the sequence number: "$.seq"; for a range: "$.from..$.to"',
    ),
    ConfigKey("sequence.key", TextKind(checks.json_path), "", 'path of the key it belongs to: "$.symbol"'),
    ConfigKey(
        "sequence.types", ListOf(TextKind(may_be_empty=False)), [], "only these message types or topics; empty: all"
    ),
    ConfigKey(
        "sequence.restart",
        ListOf(TextKind(may_be_empty=False)),
        [],
        'types or topics that reset the sequence: ["snapshot"]',
    ),
    ConfigKey("latency.path", TextKind(checks.json_path), "", "path of the sender's timestamp"),
    ConfigKey(
        "latency.unit", OneOf(get_args(LatencyUnit)), "auto", "unit of the timestamp; auto: by magnitude, or ISO 8601"
    ),
    ConfigKey("capture.payloads", FlagKind(), True, "false: store sizes and names only"),
    ConfigKey(
        "capture.payload_limit",
        SizeKind(0, GIB),
        "64KiB",
        "longer payloads are truncated",
        "capture.payload_limit_bytes",
    ),
    ConfigKey("capture.control_frames", FlagKind(), True, "store pings and pongs as events; false: count only"),
    ConfigKey(
        "capture.raw",
        FlagKind(),
        False,
        "true: also store the bytes of decoded messages, unless something was redacted",
    ),
    ConfigKey(
        "redact.keys", ListOf(TextKind(may_be_empty=False)), [], "additional JSON keys whose values are redacted"
    ),
    ConfigKey(
        "redact.patterns",
        ListOf(TextKind(checks.pattern, may_be_empty=False)),
        [],
        "regular expressions; matches are redacted",
    ),
    ConfigKey(
        "redact.headers", ListOf(TextKind(checks.field_name, may_be_empty=False)), [], "additional headers to redact"
    ),
    ConfigKey("redact.query", ListOf(TextKind(may_be_empty=False)), [], "additional URL parameters to redact"),
    ConfigKey(
        "redact.allow", ListOf(TextKind(may_be_empty=False)), [], "names and path segments that are never redacted"
    ),
    ConfigKey("redirects", OneOf(get_args(RedirectPolicy)), "same-origin", "redirects to follow; never from wss to ws"),
    ConfigKey(
        "kpi",
        TableOf(NumberKind(0, 10**9), checks.kpi_name),
        {},
        "KPI targets that override the profile's: shares 0…1, milliseconds, messages per second",
        example="{ connection_success_rate = 0.995, reconnection_time_ms = 1500 }",
    ),
)

# Keys of a connection that are other in a relay, with what they mean there; None = as in a connection
_OF_RELAYS: Mapping[str, str | None] = MappingProxyType(
    {
        "group": None,
        "enabled": "false: does not listen",
        "profile": None,
        "protocol": None,
        "decode": None,
        "headers": "headers sent to the server in place of the application's, e.g. credentials",
        "origin": "Origin header sent to the server; empty: that of the application",
        "max_message": "larger messages are passed on, and recorded without payload",
        "open_timeout": "total for DNS, TCP, TLS and the answer of the server; then 504",
        "expect_every": None,
        "silence": None,
        "trace_id": None,
        "proxy": None,
        "answer": "has no effect",
        "allow_send": "has no effect",
        "kpi": None,
    }
)
_TABLES_OF_RELAYS = ("tls", "heartbeat", "messages", "sequence", "latency", "capture", "redact")

# The keys that only a relay has
RELAY_ALONE = (
    ConfigKey(
        "name",
        TextKind(checks.connection_name, may_be_empty=False),
        "",
        "unique; of its connections: several at a time are NAME, NAME-2, NAME-3",
        needed=True,
        example='"app"',
    ),
    ConfigKey(
        "listen",
        TextKind(checks.listen_address, may_be_empty=False),
        "",
        "address that applications connect to; without a host: loopback",
        needed=True,
        example='"127.0.0.1:9000"',
    ),
    ConfigKey(
        "routes",
        RowsOf(
            MappingProxyType(
                {
                    "path": TextKind(checks.route_path, may_be_empty=False),
                    "upstream": SecretKind(checks.websocket_url, may_be_empty=False),
                }
            )
        ),
        [],
        "server of each path and of all below it; the longest path wins",
        needed=True,
        example='[{ path = "/", upstream = "wss://example.com/feed" }]',
        credentials="url",
    ),
    ConfigKey("fail", OneOf(get_args(RelayFail)), "open", "if nothing can be stored: pass bytes on, or stop reading"),
    ConfigKey("tls_cert", ExistingFile(), "", "certificate for applications (PEM); empty: no TLS towards them"),
    ConfigKey("tls_key", ExistingFile(), "", "private key of that certificate (PEM, unencrypted)"),
    ConfigKey("listen_any", FlagKind(), False, "true: other machines may connect, too"),
)
_KINDS_OF_RELAYS: Mapping[str, AnyKind] = MappingProxyType(
    {"headers": TableOf(SecretKind(checks.header_value), checks.relayed_header_name, fold_keys=True, is_ordered=True)}
)
RELAY = (
    *RELAY_ALONE,
    *(
        replace(key, doc=_OF_RELAYS.get(key.path) or key.doc, kind=_KINDS_OF_RELAYS.get(key.path, key.kind))
        for key in CONNECTION
        if key.path in _OF_RELAYS or key.path.partition(".")[0] in _TABLES_OF_RELAYS
    ),
)

KEYS = ConfigKey(
    "keys",
    KeyMap(TextKind(checks.key_press, may_be_empty=False)),
    {},
    'key for an action; several keys as "slash,ctrl+f" or as a list',
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
RELAY_NAMES = _names(RELAY)
TABLES = ("wsmon", "keys", "defaults", "connection", "relay")
