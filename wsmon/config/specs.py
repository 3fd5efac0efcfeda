"""What a configuration means, as frozen values: the input of everything that runs.

Units are in the names; keys of the file carry none (``ping.interval`` becomes ``PingSpec.interval_s``).
Texts in which a secret may stand are ``Sensitive``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from wsmon.model.profiles import ProfileName
from wsmon.model.redact.masking import EMPTY, Sensitive

ProtocolName = Literal[
    "auto", "raw", "json", "jsonrpc", "deribit", "phoenix", "graphql-ws", "socketio", "stomp", "mqtt", "nexus"
]
# Those that wsmon only listens to. The registry of ``wsmon.protocols``, which imports this package, has no client for
# them; tests/architecture/test_protocols.py compares both
LISTEN_ONLY: frozenset[ProtocolName] = frozenset({"stomp", "nexus"})
RedirectPolicy = Literal["none", "same-origin", "any"]
Characters = Literal["auto", "unicode", "ascii"]
LatencyUnit = Literal["s", "ms", "us", "ns"]

NOTHING: Mapping[str, Sensitive | float] = MappingProxyType({})
# Of a connection's URL that names none
DEFAULT_PORTS: Mapping[str, int] = MappingProxyType({"ws": 80, "wss": 443})


@dataclass(frozen=True, slots=True)
class PingSpec:
    """Keepalive by ping frames."""

    interval_s: float = 20.0
    """0 = off."""
    timeout_s: float = 20.0


@dataclass(frozen=True, slots=True)
class TlsSpec:
    """How a wss:// peer is verified, and who we are to it."""

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
    """A connection that was open this long starts counting attempts anew."""


@dataclass(frozen=True, slots=True)
class HeartbeatSpec:
    """Heartbeat on the application level."""

    send: Sensitive = EMPTY
    every_s: float = 30.0
    expect: Sensitive = EMPTY
    reply_to: Sensitive = EMPTY
    answer: Sensitive = EMPTY


@dataclass(frozen=True, slots=True)
class SequenceSpec:
    """Where a message carries its sequence number, and what it counts."""

    path: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class LatencySpec:
    """Where a message carries its sender's timestamp."""

    path: str = ""
    unit: LatencyUnit = "ms"


@dataclass(frozen=True, slots=True)
class CaptureSpec:
    """What of a frame is kept."""

    payloads: bool = True
    payload_limit_bytes: int = 64 * 1024
    control_frames: bool = True


@dataclass(frozen=True, slots=True)
class RedactSpec:
    """What is masked beyond the built-in lists, and what is exempt."""

    keys: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RetentionSpec:
    """How much a store keeps."""

    age_s: float = 14 * 86_400.0
    size_bytes: int = 2_000_000_000


_NO_RULES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class AlertSpec:
    """How somebody is told."""

    bell: bool = True
    desktop: bool = False
    command: tuple[Sensitive, ...] = ()
    webhook: Sensitive = EMPTY
    rules: Mapping[str, str] = field(default_factory=lambda: _NO_RULES)
    """Queries by name: what matches opens an incident."""


SIGNAL_NAMES = ("spans", "metrics", "logs")


@dataclass(frozen=True, slots=True)
class OtlpSpec:
    """Where telemetry is sent."""

    url: Sensitive = EMPTY
    """Empty = nowhere; the path of each signal is appended."""
    headers: tuple[tuple[str, Sensitive], ...] = ()
    signals: tuple[str, ...] = SIGNAL_NAMES
    compression: bool = True
    """Gzip, which a few receivers do not read."""


@dataclass(frozen=True, slots=True)
class ConnectionSpec:
    """One ``[[connection]]``, defaults applied."""

    name: str
    url: Sensitive
    group: str = ""
    enabled: bool = True
    profile: ProfileName = "detailed"
    protocol: ProtocolName = "auto"
    headers: tuple[tuple[str, Sensitive], ...] = ()
    subprotocols: tuple[Sensitive, ...] = ()
    origin: Sensitive = EMPTY
    compression: bool = True
    max_message_bytes: int = 1024 * 1024
    open_timeout_s: float = 10.0
    close_timeout_s: float = 2.0
    ping: PingSpec = PingSpec()
    expect_every_s: float = 0.0
    """0 = silence is no stall."""
    silence: tuple[str, ...] = ()
    """Kinds of incidents that nobody wants to hear of."""
    trace_id: str = ""
    proxy: Sensitive = EMPTY
    """A URL, "env", or empty for none."""
    tls: TlsSpec = TlsSpec()
    reconnect: ReconnectSpec = ReconnectSpec()
    send: tuple[Sensitive, ...] = ()
    subscribe: tuple[Sensitive, ...] = ()
    auth: Mapping[str, Sensitive | float] = field(default_factory=lambda: NOTHING)
    heartbeat: HeartbeatSpec = HeartbeatSpec()
    answer: bool = False
    sequence: SequenceSpec = SequenceSpec()
    latency: LatencySpec = LatencySpec()
    capture: CaptureSpec = CaptureSpec()
    redact: RedactSpec = RedactSpec()
    redirects: RedirectPolicy = "same-origin"
    kpi: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Thresholds by the names of wsmon.model.kpis."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """A whole configuration: what the file says, with everything it leaves out."""

    path: Path | None
    """The file's real path; None where the configuration came from the command line."""
    digest: str
    """sha256 of the file's bytes, hex: viewer and recorder compare it."""
    connections: tuple[ConnectionSpec, ...]
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
    keys: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Action id → keys of the user's keymap."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """The values of ${secret:…} and ${file:…}, and credentials written out in URLs, headers and subprotocols: masked
    wherever they occur."""
