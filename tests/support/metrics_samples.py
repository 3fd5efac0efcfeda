"""Connections and a recorder of which everything is known, for tests of what monitoring systems are told."""

from __future__ import annotations

from collections import Counter

from tests.support.builders import T0_NS
from wsmon.model.histogram import bucket_index
from wsmon.model.metrics import (
    ConnectionTotals,
    Distribution,
    RecorderFacts,
    SignalTotals,
    SinkState,
    TypedValues,
    bound_within,
)
from wsmon.model.snapshot import Health

MS_NS = 1_000_000


def distribution(metric: str, *values: int) -> Distribution:
    """Measurements as the store counts them."""
    within = bound_within(metric)
    above = Counter(bucket_index(value) for value in values if value > within.get(bucket_index(value), value))
    return Distribution(len(values), sum(values), Counter(map(bucket_index, values)), above)


FEED = ConnectionTotals(
    "feed",
    "market",
    "wss://feed/ws",
    "financial",
    "json",
    enabled=True,
    status="websocket_connected",
    is_stalled=True,
    last_message_ns=T0_NS + 500 * MS_NS,
    counters={"attempts": 4, "opens": 3, "messages_in": 10, "bytes_in": 2_000, "messages_out": 2, "bytes_out": 50},
    keyed={
        "error_type": {"tcp_refused": 1, "protocol": 2},
        "subscription.subscribe.completed": {"book.BTC": 2},
    },
    distributions={
        "connect": distribution("connect", 5 * MS_NS, 10 * MS_NS, 11 * MS_NS, 6_000 * MS_NS),
        "decode": distribution("decode", *[500_000] * 8),
        "process": distribution("process", 2 * MS_NS, 5 * MS_NS + 1, 400 * MS_NS),
    },
    typed={
        "received": {"trade": TypedValues(6, 1_200), "book": TypedValues(3, 790)},
        "sent": {"subscribe": TypedValues(2, 50)},
        "decode": {"trade": TypedValues(6, 3_000_000)},
        "process": {"order": TypedValues(2, 7 * MS_NS, (0, 1, 1, 0, 0, 0, 0, 0, 0))},
    },
    folded={"received_type": 7},
)
IDLE = ConnectionTotals(
    "idle", "", "wss://idle/ws", "detailed", "auto", enabled=True, status="initialized", is_stalled=False
)
FACTS = RecorderFacts(
    version="0.1.0",
    run=2,
    started_ns=T0_NS,
    health=Health(3, 900, 12.5, 5, is_paused=True, warning="disk full"),
    pruned_events=40,
    last_id=1_000,
    viewers=2,
    left_out_connections=4,
    store_bytes=8_192,
    free_bytes=10**9,
    cpu_s=1.5,
    resident_bytes=4_096,
    open_files=12,
    loop_lag_s=0.002,
    sinks=(SinkState("otlp", is_up=False, behind_events=17, signals=(SignalTotals("spans", 9, 1),)),),
)
