"""What understanding a message costs: each protocol beside decoding the message whole, and recorded beside ``raw``.

Rows that begin with "decode" are of the protocol alone, in this process; those that begin with "1 MiB" are the worst
that a peer can do with so much. Rows that begin with "recorded" are of whole recorders, on the same messages in the
envelope of the protocol.
"""

from __future__ import annotations

import time
import timeit
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import Any

import msgspec

from tests.benchmarks.feed import Load, Server, running
from tests.benchmarks.sides import RAW, Recorder
from tests.benchmarks.table import Options, Row, paired
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
REQUEST = b'{"jsonrpc":"2.0","id":42,"method":"public/get_time","params":{"currency":"BTC"}}'
ANSWER = b'{"jsonrpc":"2.0","id":42,"result":1700000000000,"usIn":1,"usOut":2,"usDiff":1,"testnet":true}'
ROUNDS = 5
RUNS = 20_000
RECORDED_MESSAGES = 100_000
# Protocols, and feeds in their envelopes
RECORDED: Mapping[ProtocolName, str] = MappingProxyType(
    {"json": "mixed", "auto": "mixed", "jsonrpc": "jsonrpc", "phoenix": "phoenix"}
)
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


def ns(call: Callable[[], object], runs: int) -> float:
    """CPU nanoseconds of a call, the mean of so many."""
    return timeit.timeit(call, timer=time.process_time, number=runs) / runs * 1e9


def decode(protocol: Protocol[Any], payload: bytes) -> Callable[[], object]:
    """What reads an incoming message."""
    state = protocol.new_state()
    return lambda: protocol.decode("in", "text", payload, state)


def call(protocol: Protocol[Any]) -> Callable[[], object]:
    """What reads a request and its answer."""
    state = protocol.new_state()

    def both() -> None:
        protocol.decode("out", "text", REQUEST, state)
        protocol.decode("in", "text", ANSWER, state)

    return both


def large_ms(protocol: Protocol[Any], payload: bytes) -> float:
    """Of one large message, an answer to a call that waits for it."""
    state = protocol.new_state()
    protocol.decode("out", "text", b'{"id":1,"method":"public/subscribe","params":{"channels":["b"]}}', state)
    return ns(lambda: protocol.decode("in", "text", payload, state), 1) / 1e6


def whole_ms(payload: bytes) -> float:
    """Of decoding it whole, as far as that goes."""

    def decode_whole() -> None:
        with suppress(msgspec.DecodeError, RecursionError):
            msgspec.json.decode(payload)

    return ns(decode_whole, 1) / 1e6


def rows(options: Options) -> Iterator[Row]:
    """Measure each protocol alone, with the largest messages, and in a recorder."""
    rounds, runs = options.rounds_or(ROUNDS), options.amount(RUNS, 200)
    calls = {label: (decode(PROTOCOLS[name], payload), payload) for label, (name, payload) in MESSAGES.items()}
    calls |= {f"{name}, request and answer": (call(PROTOCOLS[name]), ANSWER) for name in WITH_CALLS}
    for label, (ours, payload) in calls.items():
        if options.wants(name := f"decode, {label}"):
            whole = partial(msgspec.json.decode, payload)
            costs, peer_costs = paired(rounds, partial(ns, ours, runs), partial(ns, whole, runs))
            yield Row(name, "ns", costs, "msgspec.json.decode", peer_costs)
    for label, payload in LARGE.items():
        for protocol in WITH_LARGE:
            if options.wants(name := f"1 MiB: {label}, {protocol}"):
                ours = partial(large_ms, PROTOCOLS[protocol], payload)
                costs, peer_costs = paired(rounds, ours, partial(whole_ms, payload))
                yield Row(name, "ms", costs, "msgspec.json.decode", peer_costs)
    for protocol, feed in RECORDED.items():
        if options.wants(name := f"recorded as {protocol}"):
            load = Load(feed, options.amount(RECORDED_MESSAGES, 1_000))
            side = Recorder(f"wsmon, {protocol}", defaults=f'protocol = "{protocol}"')
            with running(load) as server:
                ours, theirs = (partial(_at_rest, each, load, server, options) for each in (side, RAW))
                costs, peer_costs = paired(rounds, ours, theirs)
            yield Row(name, "µs a message", costs, "recorded as raw", peer_costs)


def _at_rest(side: Recorder, load: Load, server: Server, options: Options) -> float:
    return side.measure(load, server, options).at_rest
