"""What fifty alert rules cost a recorder, as a ratio to the same recorder without rules, on the same feed."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.feed import SYMBOLS, Load, running
from tests.benchmarks.sides import DEFAULT, Recorder
from tests.benchmarks.table import Options, Row

ROUNDS = 5
GOAL = 1.3
MESSAGES, QUICK_MESSAGES = 100_000, 1_000
RATE, PACED_S = 2_000, 10


def rules() -> dict[str, str]:
    """Fifty rules as users write them: few of the feed's messages match any of them, most are about messages."""
    found = {
        # Texts
        "rejected": "rejected",
        "margin": '"margin call"',
        "maintenance": "maintenance OR halted",
        "denied": '"access denied"',
        "limit": '"rate limit"',
        "unknown": 'text:"unknown symbol"',
        "cancelled": "type:order cancelled",
        "error-text": '"error"',
        "pattern": r"/order \d{9} rejected/",
        "alternatives": "/liquidat(ed|ion)|bankrupt/i",
        # Values of payloads
        "big": "type:trade $.qty>=1000",
        "big-sell": "type:trade $.side:sell $.qty>=500",
        "wild-price": "type:trade $.price>=1000000",
        "crash": "type:ticker $.change<-20",
        "jump": "type:ticker $.change>20",
        "spike": "type:ticker $.volume_24h>1000000000",
        "offline": "type:heartbeat -$.status:online",
        "other-server": "$.server:md-4*",
        "status": "$.status:error,failed",
        "code": "$.error.code:1000..1999",
        # Measurements
        "slow-reading": "kind:message lat>250ms",
        "slow-type": "type:book lat>100ms",
        "late-feed": "latency>5000",
        "large": "size>512kb",
        "large-wire": "wire>512kb",
        "cut": "is:truncated",
        "hidden": "is:redacted type:order",
        "gap": "is:gap",
        "missing": "gap>=10",
        # What happens to connections
        "lost": "kind:connection is:problem",
        "abnormal": "code:1006",
        "policy": "code:1008",
        "refused": "error_type:refused",
        "tls": "error_type:tls*",
        "stall": "is:stall",
        "storm": "is:storm",
        "slow": "is:slow",
        "unanswered": "is:unanswered",
        "shed": "name:self.shed",
        "auth": "name:auth.failed",
        "lost-subscription": "name:subscription.lost",
        "paused": "name:self.backpressure",
    }
    for symbol in SYMBOLS:
        found[f"of-{symbol}"] = f"$.symbol:{symbol} $.qty>=100"
    assert len(found) == 50, len(found)
    return found


def rows(options: Options) -> Iterator[Row]:
    """Measure as fast as the feed is taken, and at a rate."""
    written = ", ".join(f'"{name}" = {_quoted(text)}' for name, text in rules().items())
    with_rules = Recorder("wsmon, 50 rules", settings=f"alerts.rules = {{ {written} }}")
    for name, load in (
        ("50 rules, as fast as taken", Load("mixed", options.amount(MESSAGES, QUICK_MESSAGES))),
        (f"50 rules, {RATE:,}/s, 10 connections", Load("mixed", RATE * options.amount(PACED_S, 1), 10, RATE)),
    ):
        if not options.wants(name):
            continue
        costs: list[float] = []
        peer_costs: list[float] = []
        with running(load) as server:
            for number in range(options.rounds_or(ROUNDS)):
                sides = [(with_rules, costs), (DEFAULT, peer_costs)]
                for side, found in reversed(sides) if number % 2 else sides:
                    found.append(side.measure(load, server, options).at_rest)
        yield Row(name, "µs a message", tuple(costs), "without rules", tuple(peer_costs), GOAL)


def _quoted(text: str) -> str:
    """A literal string of TOML."""
    assert "'" not in text
    return f"'{text}'"
