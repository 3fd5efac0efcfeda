"""Payload templates of scripted servers: text with ``$names`` that are filled in for each message.

Built in are ``$seq`` (1, 2, … within a session), ``$session`` (the number of the session on its server),
``$time_ms`` (the sender's clock) and ``$pad`` (fills the payload up to its size); a scenario adds its own values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Annotated, TypeAlias, assert_never

import msgspec
from msgspec import Meta, field

BUILT_IN = ("seq", "session", "time_ms", "pad")

_MARK = re.compile(r"\$(?:(?P<escaped>\$)|(?P<name>[a-z_][a-z0-9_]*)|(?P<brace>\{[a-z_][a-z0-9_]*\}))")


Options: TypeAlias = Annotated[tuple[str, ...], Meta(min_length=1)]

# Digits after the decimal point.
Digits: TypeAlias = Annotated[int, Meta(ge=0, le=12)]

# A number of messages; the bound is one that only a typing error exceeds.
Period: TypeAlias = Annotated[int, Meta(ge=0, le=1_000_000_000)]


class Walk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number that moves by at most ``step`` each time, between half and twice its start."""

    start: Annotated[float, Meta(ge=0)] = field(name="walk")
    step: Annotated[float, Meta(ge=0)] = 1.0
    digits: Digits = 2


class Uniform(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number anywhere between two others, each as likely as the next."""

    bounds: tuple[float, float] = field(name="between")
    digits: Digits = 2

    def __post_init__(self) -> None:
        low, high = self.bounds
        if low > high:
            raise ValueError(f"between is {[low, high]}. put the smaller number first")


class RandomChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of several texts, by chance."""

    options: Options = field(name="choice")


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Several texts, one after the other, again and again."""

    options: Options = field(name="turn")


class Count(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number that rises by one within a session, with faults at its multiples of these; 0 = never."""

    start: Period = field(name="count")
    skip_every: Period = 0
    """The number is left out."""
    repeat_every: Period = 0
    """The number comes twice."""
    swap_every: Period = 0
    """The number comes after the next one."""


Value: TypeAlias = Walk | Uniform | RandomChoice | Turn | Count

# The kinds of values by the key that each of them requires.
VALUE_KINDS: Mapping[str, type[Value]] = {
    "walk": Walk,
    "between": Uniform,
    "choice": RandomChoice,
    "turn": Turn,
    "count": Count,
}


@dataclass(frozen=True, slots=True)
class Template:
    """A text in two halves, before and after ``$pad``, each a format and the names that fill it."""

    head: str
    head_names: tuple[str, ...]
    tail: str = ""
    tail_names: tuple[str, ...] = ()
    has_pad: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names in it without ``pad``, in the order of the text."""
        return self.head_names + self.tail_names


def parse_template(text: str) -> Template:
    """Return ``text`` as a template; ``$$`` is a dollar sign. Raises ValueError for a second ``$pad``."""
    halves: list[tuple[list[str], list[str]]] = [([], [])]
    position = 0
    for mark in _MARK.finditer(text):
        formats, names = halves[-1]
        formats.append(text[position : mark.start()].replace("%", "%%"))
        position = mark.end()
        name = mark["name"] or (mark["brace"] or "").strip("{}")
        if mark["escaped"]:
            formats.append("$")
        elif name == "pad":
            halves.append(([], []))
        else:
            formats.append("%s")
            names.append(name)
    halves[-1][0].append(text[position:].replace("%", "%%"))
    if len(halves) > 2:
        raise ValueError("a text can have only one $pad")
    (head, head_names), (tail, tail_names) = (*halves, ([], []))[:2]
    return Template("".join(head), tuple(head_names), "".join(tail), tuple(tail_names), len(halves) == 2)


ValueSource: TypeAlias = Callable[[], object]


def value_source(value: Value, rng: Random) -> ValueSource:
    """Return a function that gives the next instance of the value at each call."""
    match value:
        case Walk():
            return _walk_source(value, rng)
        case Uniform((low, high), digits):
            return lambda: f"{low + (high - low) * rng.random():.{digits}f}"
        case RandomChoice(options):
            return lambda: options[int(rng.random() * len(options))]
        case Turn(options):
            return _turn_source(options)
        case Count():
            return _numbers(value).__next__
        case _:
            assert_never(value)


def _walk_source(walk: Walk, rng: Random) -> ValueSource:
    position = walk.start

    def step() -> str:
        nonlocal position
        position += walk.step * (2.0 * rng.random() - 1.0)
        position = min(max(position, walk.start / 2), walk.start * 2)
        return f"{position:.{walk.digits}f}"

    return step


def _turn_source(options: tuple[str, ...]) -> ValueSource:
    turn = -1

    def step() -> str:
        nonlocal turn
        turn = (turn + 1) % len(options)
        return options[turn]

    return step


def _numbers(count: Count) -> Iterator[int]:
    number = count.start
    while True:
        if _is_multiple(number, count.skip_every):
            number += 1
        if _is_multiple(number, count.swap_every):
            yield number + 1
            yield number
            number += 1
        else:
            yield number
            if _is_multiple(number, count.repeat_every):
                yield number
        number += 1


def _is_multiple(number: int, of: int) -> bool:
    return of > 0 and number % of == 0


def fill(template: Template, sources: Mapping[str, ValueSource], size_bytes: int) -> bytes:
    """Return the payload in UTF-8, padded to ``size_bytes``; a text that is longer is not cut."""
    head = template.head % _instances(template.head_names, sources)
    if not template.has_pad:
        return head.encode()
    head_bytes = head.encode()
    tail_bytes = (template.tail % _instances(template.tail_names, sources)).encode()
    return head_bytes + b"x" * (size_bytes - len(head_bytes) - len(tail_bytes)) + tail_bytes


def _instances(names: Iterable[str], sources: Mapping[str, ValueSource]) -> tuple[object, ...]:
    return tuple([sources[name]() for name in names])
