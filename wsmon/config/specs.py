"""Specs: the frozen values that a configuration is loaded into, and that recorder and screen are built from.

Units are in the names; keys of the file carry none (``ping.interval`` becomes ``PingSpec.interval_s``). Texts that may
contain a secret are ``Sensitive``. Every field has a row in schema.py with the same default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from wsmon.model.incident_kinds import NO_THRESHOLDS, Thresholds
from wsmon.model.profiles import ProfileName
from wsmon.model.redact.masking import EMPTY, Sensitive
from wsmon.model.snapshot import RelayedRoute

BuiltInProtocol = Literal[
    "auto", "raw", "json", "jsonrpc", "deribit", "phoenix", "graphql-ws", "socketio", "sockjs", "signalr", "stomp",
    "mqtt", "nats", "nexus", "actioncable", "pusher", "ocpp", "wamp", "bayeux", "xmpp", "centrifugo",
]  # fmt: skip
# One of them, or the name of an installed plugin (``wsmon.plugins``): the configuration is checked against both
ProtocolName: TypeAlias = str
BuiltInDecoder = Literal["gzip", "zlib", "deflate", "zlib-stream", "base64", "msgpack", "zstd"]
# Those that wsmon only listens to. The registry of ``wsmon.protocols``, which imports this package, has no client for
# them; tests/architecture/test_protocols.py compares both
LISTEN_ONLY: frozenset[ProtocolName] = frozenset({"nexus", "ocpp", "bayeux", "xmpp", "centrifugo"})
# Those whose messages ``messages`` may describe: the others say themselves what theirs are
DECLARABLE: frozenset[ProtocolName] = frozenset({"json", "raw"})
RedirectPolicy = Literal["none", "same-origin", "any"]
Characters = Literal["auto", "unicode", "ascii"]
# What a relay does where the recorder cannot store: pass everything on, or nothing
RelayFail = Literal["open", "closed"]
LatencyUnit = Literal["auto", "s", "ms", "us", "ns", "iso"]


# A place in a message (a path, or a pattern), and the values of which it is to have one
Term: TypeAlias = tuple[str, tuple[str | int | float | bool, ...]]


@dataclass(frozen=True, slots=True)
class MessageCondition:
    """What a message has to have: all terms of one of the choices."""

    choices: tuple[tuple[Term, ...], ...] = ()


# A value of ``auth``; a condition where a message of the peer is recognised
AuthValue: TypeAlias = Sensitive | float | MessageCondition
NOTHING: Mapping[str, AuthValue] = MappingProxyType({})
# Scheme -> port of URLs that name none
DEFAULT_PORTS: Mapping[str, int] = MappingProxyType({"ws": 80, "wss": 443})


@dataclass(frozen=True, slots=True)
class PingSpec:
    """Keepalive by ping frames."""

    interval_s: float = 20.0
    """0 = no pings."""
    timeout_s: float = 20.0


@dataclass(frozen=True, slots=True)
class TlsSpec:
    """How the certificate of a wss:// peer is verified, and which one is shown to it."""

    verify: bool = True
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    server_name: str = ""


@dataclass(frozen=True, slots=True)
class ReconnectSpec:
    """Backoff: delay = min(max, initial × factor^(n−1)) × (1 − jitter × roll)."""

    initial_s: float = 1.0
    max_s: float = 30.0
    factor: float = 2.0
    jitter: float = 0.2
    max_attempts: int = 0
    """0 = never give up."""
    stable_after_s: float = 30.0
    """After being open this long, attempts are counted from 0 again."""


@dataclass(frozen=True, slots=True)
class HeartbeatSpec:
    """Heartbeat by messages, instead of ping frames."""

    send: Sensitive = EMPTY
    every_s: float = 30.0
    expect: Sensitive | MessageCondition = EMPTY
    reply_to: Sensitive | MessageCondition = EMPTY
    answer: Sensitive = EMPTY


@dataclass(frozen=True, slots=True)
class MessagesSpec:
    """Where the messages of a private protocol say what they are: by paths, or by patterns with a group.

    Of several, the first that finds something counts.
    """

    type: tuple[str, ...] = ()
    topic: tuple[str, ...] = ()
    topic_id: tuple[str, ...] = ()
    """What later messages have in place of the topic, in the message that has both."""
    ref: tuple[str, ...] = ()
    replies: tuple[str, ...] = ()
    """The id of the message that a message answers."""
    error: tuple[str, ...] | MessageCondition = ()
    error_text: tuple[str, ...] = ()
    """What a message that meets the condition of errors says of it."""
    items: str = ""
    """A list of messages in a message; empty where it is one itself."""


@dataclass(frozen=True, slots=True)
class SequenceSpec:
    """JSON paths of a message's sequence number, and of the key by which sequences are told apart."""

    path: str = ""
    """Two paths with ".." between them where a message covers a range: "$.first..$.last"."""
    key: str = ""
    types: tuple[str, ...] = ()
    """Message types or topics whose numbers count; empty = all."""
    restart: tuple[str, ...] = ()
    """Message types or topics after which the count starts anew."""


@dataclass(frozen=True, slots=True)
class LatencySpec:
    """JSON path and unit of the sender's timestamp in a message."""

    path: str = ""
    unit: LatencyUnit = "auto"


@dataclass(frozen=True, slots=True)
class CaptureSpec:
    """What is kept of a frame."""

    payloads: bool = True
    payload_limit_bytes: int = 64 * 1024
    control_frames: bool = True
    raw: bool = False
    """Whether the bytes received are kept beside what a decoder made of them."""


@dataclass(frozen=True, slots=True)
class RedactSpec:
    """What is masked in addition to the built-in lists, and what is never masked."""

    keys: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RetentionSpec:
    """How much a store keeps before the oldest events are removed."""

    age_s: float = 14 * 86_400.0
    size_bytes: int = 2_000_000_000
    secure_delete: bool = False
    """Overwrite all that is removed; otherwise what lies in pages that are written anyway."""


_NO_RULES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class AlertSpec:
    """How the user is alerted of incidents."""

    bell: bool = True
    desktop: bool = False
    command: tuple[Sensitive, ...] = ()
    webhook: Sensitive = EMPTY
    rules: Mapping[str, str] = field(default_factory=lambda: _NO_RULES)
    """Name -> query; events that match open an incident."""


SIGNAL_NAMES = ("spans", "metrics", "logs", "messages")
# Messages only where they are asked for: they leave the machine with their payloads
DEFAULT_SIGNALS = ("spans", "metrics", "logs")


@dataclass(frozen=True, slots=True)
class OtlpSpec:
    """The OpenTelemetry collector that telemetry is sent to."""

    url: Sensitive = EMPTY
    """Empty = none; the path of each signal is appended."""
    headers: tuple[tuple[str, Sensitive], ...] = ()
    signals: tuple[str, ...] = DEFAULT_SIGNALS
    compression: bool = True
    """Whether requests are compressed with gzip, which a few receivers cannot read."""


@dataclass(frozen=True, slots=True)
class ConnectionSpec:
    """One ``[[connection]]``, defaults applied."""

    name: str
    url: Sensitive
    group: str = ""
    enabled: bool = True
    profile: ProfileName = "detailed"
    protocol: ProtocolName = "auto"
    decode: tuple[str, ...] = ("auto",)
    """Decoders in their order; empty = none, "auto" alone = by magic numbers."""
    headers: tuple[tuple[str, Sensitive], ...] = ()
    subprotocols: tuple[Sensitive, ...] = ()
    origin: Sensitive = EMPTY
    compression: bool = True
    max_message_bytes: int = 1024 * 1024
    open_timeout_s: float = 10.0
    close_timeout_s: float = 2.0
    ping: PingSpec = PingSpec()
    expect_every_s: float = 0.0
    """0 = silence is never a stall."""
    silence: tuple[str, ...] = ()
    """Kinds of incidents that are not looked for."""
    trace_id: str = ""
    proxy: Sensitive = EMPTY
    """A URL, "env" = from the environment, empty = none."""
    tls: TlsSpec = TlsSpec()
    reconnect: ReconnectSpec = ReconnectSpec()
    send: tuple[Sensitive, ...] = ()
    subscribe: tuple[Sensitive, ...] = ()
    auth: Mapping[str, AuthValue] = field(default_factory=lambda: NOTHING)
    heartbeat: HeartbeatSpec = HeartbeatSpec()
    answer: bool = False
    allow_send: bool = False
    """Whether users of the screen may send texts."""
    messages: MessagesSpec = MessagesSpec()
    sequence: SequenceSpec = SequenceSpec()
    latency: LatencySpec = LatencySpec()
    capture: CaptureSpec = CaptureSpec()
    redact: RedactSpec = RedactSpec()
    redirects: RedirectPolicy = "same-origin"
    kpi: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Name of a key figure (``wsmon.model.statistics.KPI_NAMES``) -> threshold."""


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """One of ``routes``: which server the requests of a path are for."""

    path: str
    upstream: Sensitive


# What listens at all addresses is reached at this one, too
_LOCAL_HOSTS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not listened at


def local_place(host: str, port: int) -> str:
    """Return host and port as a URL has them, for a client on this machine of what listens at that address."""
    host = _LOCAL_HOSTS.get(host, host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class RelaySpec:
    """One ``[[relay]]``, defaults applied."""

    listen: str
    """HOST:PORT; without a host, loopback; port 0 is any free one."""
    routes: tuple[RouteSpec, ...]
    connection: ConnectionSpec
    """How servers are dialled, and what is kept of the connections; its URL is that of the first route."""
    fail: RelayFail = "open"
    tls_cert: Path | None = None
    """The certificate that applications are shown; None: no TLS towards them."""
    tls_key: Path | None = None
    listen_any: bool = False
    """Whether other machines may connect."""

    @property
    def name(self) -> str:
        """Name of its connections; further ones at a time are NAME-2, NAME-3, …"""
        return self.connection.name

    def listening(self, host: str, port: int) -> tuple[RelayedRoute, ...]:
        """Return the routes of a relay that listens at this address, with the URLs that applications connect to."""
        place = local_place(host, port)
        scheme = "ws" if self.tls_cert is None else "wss"
        return tuple(RelayedRoute(f"{scheme}://{place}{route.path}", route.upstream.masked) for route in self.routes)


@dataclass(frozen=True, slots=True)
class OtlpListenSpec:
    """Where programs report traces and logs."""

    address: str = ""
    """HOST:PORT; empty = nowhere."""
    token: Sensitive = EMPTY
    """Empty = none is asked for."""


@dataclass(frozen=True, slots=True)
class BundleSpec:
    """Which incidents leave a bundle, what it holds, and how many are kept."""

    kinds: tuple[str, ...] = ()
    """Kinds of incidents, ``rule:NAME`` among them; empty = none leaves one."""
    before_s: float = 60.0
    after_s: float = 60.0
    keep: int = 20
    size_bytes: int = 256_000_000
    """Of all bundles together; the oldest are deleted, and one alone that is larger is shortened."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """A whole configuration, with the defaults of everything that the file leaves out."""

    path: Path | None
    """The file's real path; None = the configuration comes from the command line."""
    digest: str
    """SHA-256 of the file's bytes, in hex; viewer and recorder compare it."""
    connections: tuple[ConnectionSpec, ...]
    relays: tuple[RelaySpec, ...] = ()
    store: Path | None = None
    """None = the default place for this configuration."""
    profile: ProfileName = "detailed"
    theme: str = "wsmon-dark"
    characters: Characters = "auto"
    mouse: bool = True
    retention: RetentionSpec = RetentionSpec()
    alerts: AlertSpec = AlertSpec()
    prometheus: str = ""
    otlp: OtlpSpec = OtlpSpec()
    otlp_listen: OtlpListenSpec = OtlpListenSpec()
    detectors: Thresholds = field(default_factory=lambda: NO_THRESHOLDS)
    """Thresholds of the detectors that are not at their defaults, by kind of incident and name."""
    bundle: BundleSpec = BundleSpec()
    keys: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Action id -> key presses of the user's keymap."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Values of ${secret:...} and ${file:...}, and credentials written out in URLs, headers and subprotocols; they are
    masked wherever they occur."""

    @property
    def recorded(self) -> tuple[ConnectionSpec, ...]:
        """The connections, and what relays record of theirs."""
        return (*self.connections, *(relay.connection for relay in self.relays))
