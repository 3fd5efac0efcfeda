"""Values read from tables, put into the frozen specs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from wsmon.config.schema import CONNECTION, WSMON
from wsmon.config.specs import (
    AlertSpec,
    CaptureSpec,
    ConnectionSpec,
    HeartbeatSpec,
    LatencySpec,
    OtlpSpec,
    PingSpec,
    ReconnectSpec,
    RedactSpec,
    RetentionSpec,
    SequenceSpec,
    TlsSpec,
)
from wsmon.config.values import Table
from wsmon.model.redact.masking import Sensitive

_GROUPS: Final[Mapping[str, type[Any]]] = {
    "retention": RetentionSpec,
    "alerts": AlertSpec,
    "otlp": OtlpSpec,
    "ping": PingSpec,
    "tls": TlsSpec,
    "reconnect": ReconnectSpec,
    "heartbeat": HeartbeatSpec,
    "sequence": SequenceSpec,
    "latency": LatencySpec,
    "capture": CaptureSpec,
    "redact": RedactSpec,
}
_TARGETS: Final = {
    "wsmon": {key.path: key.target for key in WSMON},
    "connection": {key.path: key.target for key in CONNECTION},
}
_PAIRS: Final = frozenset({"headers", "otlp_headers"})
# tables whose order is kept; the others are mappings


def connection_spec(values: Mapping[str, object]) -> ConnectionSpec:
    """The spec of one connection; where name or URL could not be read, an empty one stands for it."""
    fields = _fields(values, _TARGETS["connection"])
    return ConnectionSpec(**{"name": "", "url": Sensitive(""), **fields})


def global_fields(values: Mapping[str, object]) -> dict[str, Any]:
    """Arguments of ``Configuration`` that ``[wsmon]`` sets."""
    return _fields(values, _TARGETS["wsmon"])


def pairs(table: object) -> tuple[tuple[str, Any], ...]:
    """The entries of a table, in their order."""
    return tuple(table.entries.values()) if isinstance(table, Table) else ()


def _fields(values: Mapping[str, object], targets: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    groups: dict[str, dict[str, Any]] = {}
    for path, value in values.items():
        group, dot, name = targets[path].partition(".")
        if isinstance(value, Table):
            value = pairs(value) if path in _PAIRS else MappingProxyType(dict(pairs(value)))
        if dot:
            groups.setdefault(group, {})[name] = value
        else:
            fields[group] = value
    for group, arguments in groups.items():
        fields[group] = _GROUPS[group](**arguments)
    return fields
