"""Paths into JSON documents, ``$.data[0].qty``: compiled once, read without building what is not asked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec

# Names of members and places in arrays (negative: from the end), from the outside in; empty: the document itself
JsonPath: TypeAlias = tuple[str | int, ...]

# Deeper than any message that a person writes a path for
MAX_STEPS: Final = 32

# The names that need no quotes have none of the signs that end a path in a query
_STEP = re.compile(r'\.(?:"((?:[^"\\]|\\.)*)"|([^\s.\[\]"=<>!~:,()]+))|\[(-?\d{1,9})\]', re.ASCII)
_ESCAPE = re.compile(r'\\(["\\])')


Document: TypeAlias = bytes | str | msgspec.Raw


class _Missing:
    """Says that a document has nothing at a path; JSON's ``null`` is something."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()

# There is nothing at a step; what msgspec raises for what is no JSON or no text, or nested beyond its limit
_UNREADABLE = (LookupError, ValueError, RecursionError)

# In names of members that msgspec takes for none of a field
_NO_FIELD = re.compile(r'["\\\x00-\x1f\ud800-\udfff]')
_places = msgspec.json.Decoder(list[msgspec.Raw]).decode
_whole = msgspec.json.Decoder().decode


def match_path(text: str, start: int = 0) -> tuple[JsonPath, int]:
    """The path that begins at ``start`` with ``$``, and where it ends; it is as long as it can be.

    Raises ``ValueError`` with a sentence where no path begins there, or one of more than ``MAX_STEPS``.
    """
    if not text.startswith("$", start):
        raise ValueError("a path begins with $, as in $.data.seq")
    steps: list[str | int] = []
    at = start + 1
    while step := _STEP.match(text, at):
        quoted, name, place = step.groups()
        steps.append(int(place) if place is not None else _ESCAPE.sub(r"\1", quoted) if quoted is not None else name)
        at = step.end()
    if len(steps) > MAX_STEPS:
        raise ValueError(f"a path has at most {MAX_STEPS} steps")
    return tuple(steps), at


def compile_path(text: str) -> JsonPath:
    """The path that a whole text means; raises ``ValueError`` with a sentence where it means none."""
    path, end = match_path(text)
    if end != len(text):
        raise ValueError(f'{text[end:]!r} is no step of a path, as in $.data[0].seq or $."a b"')
    return path


def path_text(path: JsonPath) -> str:
    """The path as it is written; ``compile_path`` gives the same path again."""
    return "$" + "".join(_step_text(step) for step in path)


def read_path(path: JsonPath, document: bytes | str) -> object:
    """The value at a path: what JSON has, as Python has it; ``MISSING`` where there is none, or no JSON.

    Only what the path leads through is decoded: members beside it are skipped, and may hold anything.
    """
    return path_reader(path)(document)


@lru_cache(maxsize=256)
def path_reader(path: JsonPath) -> Callable[[bytes | str], object]:
    """What ``read_path`` does, for whoever reads the same path again and again."""
    *down, last = path or ("",)
    if len(path) == 1 and isinstance(last, str):
        return _member(last, object)
    decode = _whole if not path or isinstance(last, int) else _member(last, object)
    place = last if isinstance(last, int) else None

    def read(document: bytes | str) -> object:
        rest: Document = document
        try:
            for step in down:
                rest = _step_down(rest, step)
            return decode(rest if place is None else _places(rest)[place])
        except _UNREADABLE:
            return MISSING

    return read


def raw_at(path: JsonPath, document: bytes | str) -> bytes | None:
    """What stands at a path, byte by byte; ``None`` where there is nothing, or no JSON."""
    rest: Document = document
    try:
        for step in path:
            rest = _step_down(rest, step)
    except _UNREADABLE:
        return None
    return rest.encode() if isinstance(rest, str) else bytes(rest).strip()


def _step_down(rest: Document, step: str | int) -> msgspec.Raw:
    """What is at a step, as it is written; raises ``LookupError`` where there is nothing."""
    if isinstance(step, int):
        return _places(rest)[step]
    found: msgspec.Raw | _Missing = _member(step, msgspec.Raw)(rest)
    if isinstance(found, _Missing):
        raise LookupError(step)
    return found


@lru_cache(maxsize=256)
def _member(name: str, kind: type) -> Callable[[Document], Any]:
    """Reads one member of an object, a value or what is written; ``MISSING`` where there is none, or no object.

    It makes nothing of the members beside it, and is three times as quick as what keeps them all.
    """
    if _NO_FIELD.search(name):
        of_kind = msgspec.json.Decoder(dict[str, kind]).decode  # type: ignore[valid-type]  # of two kinds

        def read(document: Document) -> Any:
            try:
                return of_kind(document).get(name, MISSING)
            except _UNREADABLE:
                return MISSING

        return read
    field = msgspec.field(name=name, default=MISSING)
    of_member = msgspec.json.Decoder(msgspec.defstruct("Member", [("value", kind, field)])).decode

    def read_field(document: Document) -> Any:
        try:
            return of_member(document).value  # type: ignore[attr-defined]  # a class made here
        except _UNREADABLE:
            return MISSING

    return read_field


def _step_text(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    written = f".{step}"
    bare = _STEP.fullmatch(written)
    if bare is not None and bare[2] is not None:
        return written
    return '."' + step.replace("\\", "\\\\").replace('"', '\\"') + '"'
