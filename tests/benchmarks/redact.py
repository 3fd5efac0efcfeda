"""What redaction costs a message, beside the plain ways to look for the same words.

Rows that begin with "redaction" are of redaction alone, beside twelve searches for words. Rows that begin with "frame
to event" are what a message costs the event loop by what stands in it, as a ratio to a message without.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
import timeit
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from tests.benchmarks.table import Options, Row, paired
from wsmon.clock import SystemClock
from wsmon.config.specs import ConnectionSpec
from wsmon.engine.messages import message_path
from wsmon.engine.protocol_session import CarriedState
from wsmon.engine.reporter import Reporter
from wsmon.engine.ticker import Ticker
from wsmon.model.block import Block
from wsmon.model.events import Event, Source
from wsmon.model.redact.masking import Sensitive
from wsmon.model.redact.redactor import Redactor
from wsmon.model.sanitize import sanitize

CLEAN = (
    b'{"jsonrpc":"2.0","method":"subscription","params":{"channel":"ticker.BTC-PERPETUAL.raw","data":{"timestamp":'
    b'1700000000000,"last_price":43210.5,"best_bid_price":43210.0,"best_ask_price":43211.0}}}    '
)
ALMOST = CLEAN.replace(b"best_bid_price", b"className_xyz_")
HELD = CLEAN.replace(b'"channel"', b'"api_key"')
WORDS = (
    b"password", b"passwd", b"passphrase", b"secret", b"authorization", b"cookie", b"credential", b"otp", b"ssn",
    b"cvv", b"token", b"key",
)  # fmt: skip
# What a message without a suspicious key may cost
LIMIT_NS = 600


# In place of "nothing at all here" in a message of 230 bytes
TEXT = "nothing at all here"
TRADE = (
    '{"e":"trade","E":1700000000123,"s":"BTCUSDT","t":12345678,"p":"43210.50","q":"0.00120","b":88,"a":50,'
    f'"T":1700000000120,"m":true,"M":true,"x":"{TEXT}","note":"some text here to fill up to size","more":[1,2,3,4]}}'
)
HARMLESS = {
    "a URL": TRADE.replace(TEXT, "https://example.com/x.png"),
    "a URL with a query": TRADE.replace(TEXT, "https://example.com/x.png?w=100&h=200"),
    "tokenId": TRADE.replace("note", "tokenId"),
    "token0": TRADE.replace("note", "token0"),
    "author": TRADE.replace("note", "author"),
    "an escaped letter": TRADE.replace(TEXT, "caf\\u00e9 and it\\u2019s"),
    "escaped HTML": TRADE.replace(TEXT, "\\u003cb\\u003e and so on"),
    "the word token in a sentence": TRADE.replace(TEXT, "the token sale is on"),
}
HELD_KINDS = {
    "a mask of a URL": TRADE.replace(TEXT, "wss://user:password@h/"),
    "a mask of a key": TRADE.replace("note", "token"),
}
GOAL = 2.0
ROUNDS, RUNS = 100, 50


def nanoseconds(call: Callable[[], object], runs: int = 50_000) -> float:
    """CPU of the best of a hundred rounds: what the machine can do when nothing disturbs it."""
    number = max(1, runs // ROUNDS)
    return min(timeit.repeat(call, timer=time.process_time, number=number, repeat=ROUNDS)) / number * 1e9


class NoSink:
    """Takes events."""

    is_full = False

    def emit(self, _event: Event) -> None:
        """A lifecycle event."""

    def emit_message(self, _event: Event) -> None:
        """A message."""

    def emit_block(self, _block: Block) -> None:
        """Messages."""


async def whole_ns(payloads: Sequence[bytes]) -> list[float]:
    """Return what each message costs from the frame to its event: the best of rounds in which all take turns."""
    sink, clock, redactor = NoSink(), SystemClock(), Redactor()
    spec = ConnectionSpec("feed", Sensitive("ws://h/"), protocol="json")
    reporter = Reporter(Source("feed", trace_id="t" * 32, connection_id="c" * 16), redactor, sink, clock)
    messages = message_path(
        spec, reporter, sink, clock, Ticker(asyncio.get_running_loop()), CarriedState(), random.randbytes
    )
    assert messages is not None
    messages.begin("ws://h/", "")
    best = [float("inf")] * len(payloads)
    for _ in range(ROUNDS):
        for at, payload in enumerate(payloads):
            began_ns = time.process_time_ns()
            for _ in range(RUNS):
                messages.emit("message.received", "in", "text", payload, len(payload) + 4, 1, 1, 1)
            best[at] = min(best[at], (time.process_time_ns() - began_ns) / RUNS)
    return best


def any_word_in(message: bytes) -> bool:
    """The plain way: twelve searches."""
    lowered = message.lower()
    return any(word in lowered for word in WORDS)


def rows(options: Options) -> Iterator[Row]:
    """Measure the best of many short rounds, in one process."""
    plain = Redactor()
    with_secrets = Redactor(secrets=("correct horse/battery", "sk-1234567890abcdef"), keys=("account_id",))
    alternation = re.compile(b"|".join(WORDS), re.IGNORECASE)
    text = CLEAN.decode()
    alone: dict[str, tuple[Callable[[], object], float | None]] = {
        "nothing suspicious": (lambda: plain.payload(CLEAN), LIMIT_NS),
        "nothing suspicious, two secrets and a key added": (lambda: with_secrets.payload(CLEAN), None),
        "a word that only looks suspicious": (lambda: plain.payload(ALMOST), None),
        "one credential masked": (lambda: plain.payload(HELD), None),
        "one case-insensitive alternation": (lambda: alternation.search(CLEAN), None),
        "cleaning of text": (lambda: sanitize(text), None),
        "cleaning of text beyond ASCII": (lambda: sanitize(text[:-1] + "€"), None),
    }
    runs = options.amount(RUNS * ROUNDS, ROUNDS)
    for kind, (call, limit) in alone.items():
        if options.wants(name := f"redaction, {kind}"):
            costs, peer_costs = paired(
                options.rounds_or(3), partial(nanoseconds, call, runs), partial(nanoseconds, any_words, runs)
            )
            yield Row(name, "ns", costs, "lower() and `in` for 12 words", peer_costs, limit=limit)
    kinds = {f"frame to event, {kind}": text for kind, text in (HARMLESS | HELD_KINDS).items()}
    if wanted := {name: text for name, text in kinds.items() if options.wants(name)}:
        nothing, *costs_ns = asyncio.run(whole_ns([text.encode() for text in (TRADE, *wanted.values())]))
        for (name, held), cost_ns in zip(wanted.items(), costs_ns, strict=True):
            goal = GOAL if held in HARMLESS.values() else None
            yield Row(name, "ns", (cost_ns,), "nothing suspicious", (nothing,), goal)


def any_words() -> bool:
    """The plain way, over a message without any."""
    return any_word_in(CLEAN)
