"""Faults on demand of a served recording: ``drop 1%``, ``stall 10s after 30s``, parsed, and decided by the seed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from wsmon.errors import UsageError
from wsmon.model.units import parse_duration

# What is accepted, and what each does in every session
FAULT_FORMS: Final[Sequence[tuple[str, str]]] = (
    ("drop 1%", "leaves out that share of the messages"),
    ("delay 200ms", "sends everything that much later, in its order"),
    ("stall 10s after 30s", "sends nothing for 10 s, not even pongs, then what waited; without `after`, at once"),
    ("cut after 30s", "ends the TCP connection without a close frame"),
    ("close 1012 after 30s", "closes with that code"),
)

_AFTER: Final = r"(?:\s+after\s+(?P<after>\S+))"
_FORMS: Final = {
    "drop": re.compile(r"drop\s+(?P<share>[0-9]+(?:\.[0-9]+)?)\s*%"),
    "delay": re.compile(r"delay\s+(?P<for_>\S+)"),
    "stall": re.compile(rf"stall\s+(?P<for_>\S+){_AFTER}?"),
    "cut": re.compile(rf"cut{_AFTER}"),
    "close": re.compile(rf"close\s+(?P<code>[0-9]+){_AFTER}"),
}
_ALL_PERCENT: Final = 100
# The codes that a server may send (RFC 6455, section 7.4.2, and the IANA registry)
_STANDARD_CODES: Final = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})
_FREE_CODES: Final = range(3000, 5000)


def is_sendable_code(code: int) -> bool:
    """Whether a close frame may have this code."""
    return code in _STANDARD_CODES or code in _FREE_CODES


@dataclass(frozen=True, slots=True)
class ServedEnd:
    """How a server ends a session."""

    how: Literal["close", "eof", "reset"]
    """A close frame; the end of the TCP connection without one; its reset."""
    code: int | None = None
    """Of a close frame; None = it has none."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StallPeriod:
    """A time in which a session sends nothing, in seconds after its upgrade."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """The faults of every session; times are seconds after the upgrade, whatever the speed."""

    seed: str = ""
    drop_share: float = 0.0
    delay_s: float = 0.0
    stalls: tuple[StallPeriod, ...] = ()
    end_s: float | None = None
    """When a fault ends the session; None = none does."""
    end: ServedEnd = ServedEnd("eof")

    def drops(self, event_id: int) -> bool:
        """Whether a message is left out: the same for the same seed and event, whenever and to whom it is sent."""
        # No cryptography: the choice is to be repeated
        return self.drop_share > 0 and Random(f"{self.seed} {event_id}").random() < self.drop_share

    def stalled_until(self, elapsed_s: float) -> float:
        """Return when something may be sent, in seconds after the upgrade; ``elapsed_s`` itself outside of stalls."""
        for stall in self.stalls:
            if stall.start_s <= elapsed_s < stall.end_s:
                elapsed_s = stall.end_s
        return elapsed_s


NO_FAULTS: Final = FaultPlan()


def parse_faults(texts: Iterable[str], seed: str = "") -> FaultPlan:
    """Return the plan of all faults together; of several ends, the earliest. Raises ``UsageError``.

    Shares of ``drop`` are independent of one another, delays are added.
    """
    kept_share, delay_s = 1.0, 0.0
    stalls: list[StallPeriod] = []
    ends: list[tuple[float, ServedEnd]] = []
    for text in texts:
        verb, found = _match(text)
        after_s = _seconds(text, found["after"]) if found.get("after") else 0.0
        match verb:
            case "drop":
                kept_share *= 1 - _share(text, found["share"])
            case "delay":
                delay_s += _seconds(text, found["for_"])
            case "stall":
                stalls.append(StallPeriod(after_s, after_s + _seconds(text, found["for_"])))
            case "cut":
                ends.append((after_s, ServedEnd("eof")))
            case _:
                ends.append((after_s, ServedEnd("close", _code(text, found["code"]))))
    stalls.sort(key=lambda stall: stall.start_s)
    end_s, end = min(ends, key=lambda each: each[0], default=(None, ServedEnd("eof")))
    return FaultPlan(seed, 1 - kept_share, delay_s, tuple(stalls), end_s, end)


def _match(text: str) -> tuple[str, dict[str, str]]:
    words = text.strip().lower()
    verb = words.partition(" ")[0]
    form = _FORMS.get(verb)
    found = form.fullmatch(words) if form else None
    if found is None:
        known = [example for example, _ in FAULT_FORMS if example.startswith(f"{verb} ")] if form else []
        accepted = " or ".join(known) or ", ".join(example for example, _ in FAULT_FORMS)
        raise UsageError(f"invalid fault {text!r}", f"write it as {accepted}")
    return verb, {name: value for name, value in found.groupdict().items() if value}


def _seconds(text: str, duration: str) -> float:
    try:
        return parse_duration(duration)
    except UsageError as error:
        raise UsageError(f"invalid fault {text!r}: {error.what}", error.hint) from None


def _share(text: str, percent: str) -> float:
    if float(percent) > _ALL_PERCENT:
        raise UsageError(f"invalid fault {text!r}: more than 100 %", "write it as drop 1%")
    return float(percent) / _ALL_PERCENT


def _code(text: str, digits: str) -> int:
    code = int(digits)
    if not is_sendable_code(code):
        raise UsageError(
            f"invalid fault {text!r}: no server may send code {digits}", "1000 to 1003, 1007 to 1014, 3000 to 4999"
        )
    return code
