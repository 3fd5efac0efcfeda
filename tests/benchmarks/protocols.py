"""What a message of 200 bytes costs each protocol, beside decoding it whole; all in one run.

Run: ``python tests/benchmarks/protocols.py``. The last table is the worst that a peer can do with 1 MiB.
"""

from __future__ import annotations

import sys
import time
import timeit
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from wsmon.config.specs import ProtocolName
from wsmon.protocols.base import Protocol
from wsmon.protocols.registry import PROTOCOLS

NOTIFICATION = (
    b'{"jsonrpc":"2.0","method":"subscription","params":{"channel":"ticker.BTC-PERPETUAL.raw","data":{"timestamp":'
    b'1700000000000,"last_price":43210.5,"best_bid_price":43210.0,"best_ask_price":43211.0}}}    '
)
TRADE = (
    b'{"type":"trade","symbol":"BTC-PERPETUAL","id":123456789,"timestamp":1700000000000,"price":43210.5,"quantity":0.25,'
    b'"side":"buy","liquidation":false,"best_bid_price":43210.0,"best_ask_price":43211.0}          '
)
HEARTBEAT = b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"heartbeat"}}'
RUNS = 20_000
MIB = 2**20
WITH_CALLS: tuple[ProtocolName, ...] = ("jsonrpc", "deribit")
WITH_LARGE: tuple[ProtocolName, ...] = ("json", "deribit")

MESSAGES: Mapping[str, tuple[ProtocolName, bytes]] = MappingProxyType(
    {
        "raw, notification": ("raw", NOTIFICATION),
        "json, trade": ("json", TRADE),
        "json, notification": ("json", NOTIFICATION),
        "jsonrpc, notification": ("jsonrpc", NOTIFICATION),
        "deribit, notification": ("deribit", NOTIFICATION),
        "deribit, heartbeat": ("deribit", HEARTBEAT),
    }
)
LARGE: Mapping[str, bytes] = MappingProxyType(
    {
        "empty objects in a list": b'{"params":[' + b"{}," * (MIB // 3 - 10) + b"{}]}",
        "a batch of empty objects": b"[" + b"{}," * (MIB // 3 - 10) + b"{}]",
        "one text": b'{"type":"' + b"x" * (MIB - 20) + b'"}',
        "brackets": b"[" * MIB,
        "a result": b'{"id":1,"result":[' + b'"a",' * (MIB // 4 - 10) + b'"a"]}',
        "an error": b'{"id":1,"error":{"message":"' + b"token=a " * (MIB // 8 - 10) + b'"}}',
    }
)


def nanoseconds(call: Callable[[], object], runs: int = RUNS) -> float:
    """The best of seven rounds: what the machine can do when nobody disturbs it."""
    return min(timeit.repeat(call, number=runs, repeat=7)) / runs * 1e9


def cost(protocol: Protocol[Any], payload: bytes) -> float:
    """Of one incoming message."""
    state = protocol.new_state()
    return nanoseconds(lambda: protocol.decode("in", "text", payload, state))


def call_cost(protocol: Protocol[Any]) -> float:
    """Of a request and its answer together."""
    state = protocol.new_state()
    request = b'{"jsonrpc":"2.0","id":42,"method":"public/get_time","params":{"currency":"BTC"}}'
    answer = b'{"jsonrpc":"2.0","id":42,"result":1700000000000,"usIn":1,"usOut":2,"usDiff":1,"testnet":true}'

    def both() -> None:
        protocol.decode("out", "text", request, state)
        protocol.decode("in", "text", answer, state)

    return nanoseconds(both)


def milliseconds(protocol: Protocol[Any], payload: bytes) -> float:
    """Of one large message, an answer to a call that waits for it."""
    state = protocol.new_state()
    protocol.decode("out", "text", b'{"id":1,"method":"public/subscribe","params":{"channels":["b"]}}', state)
    began = time.perf_counter()
    protocol.decode("in", "text", payload, state)
    return (time.perf_counter() - began) * 1e3


def main() -> int:
    """Print the tables."""
    whole = nanoseconds(lambda: msgspec.json.decode(NOTIFICATION))
    print(f"{whole:9.0f} ns  msgspec.json.decode of {len(NOTIFICATION)} bytes")
    for label, (name, payload) in MESSAGES.items():
        cost_ns = cost(PROTOCOLS[name], payload)
        print(f"{cost_ns:9.0f} ns  {label} ({cost_ns / whole:.2f} x decode)")
    for name in WITH_CALLS:
        print(f"{call_cost(PROTOCOLS[name]):9.0f} ns  {name}, request and answer together")
    for label, payload in LARGE.items():
        figures = (f"{name} {milliseconds(PROTOCOLS[name], payload):.1f}" for name in WITH_LARGE)
        print(f"{', '.join(figures)} ms  1 MiB: {label}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
