"""JSON paths such as ``$.data[0].qty``: parsed, and read without decoding the rest of the document.

A document that is not one JSON text is read as the texts that ``json_texts`` finds in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec

from wsmon.model.json_texts import json_texts

# Names of members and indexes of arrays (negative: from the end), from the outside in; empty: the document itself
JsonPath: TypeAlias = tuple[str | int, ...]

# Deeper than any path that a user writes
MAX_STEPS: Final = 32

# Names without quotes have none of the characters that end a path in a query
_STEP = re.compile(r'\.(?:"((?:[^"\\]|\\.)*)"|([^\s.\[\]"=<>!~:,()]+))|\[(-?\d{1,9})\]', re.ASCII)
_ESCAPE = re.compile(r'\\(["\\])')


Document: TypeAlias = bytes | str | msgspec.Raw


class _Missing:
    """The type of ``MISSING``: a document has nothing at a path, not even ``null``."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()

# Nothing at a step; no JSON or no UTF-8; nested beyond the limit of msgspec
_UNREADABLE = (LookupError, ValueError, RecursionError)

# Characters of member names that msgspec cannot use as the name of a field
_NO_FIELD = re.compile(r'["\\\x00-\x1f\ud800-\udfff]')
_places = msgspec.json.Decoder(list[msgspec.Raw]).decode
_whole = msgspec.json.Decoder().decode


def match_path(text: str, start: int = 0) -> tuple[JsonPath, int]:
    """Return the longest path that begins at ``start`` with ``$``, and where it ends.

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
    """Return the path that a text is; raises ``ValueError`` with a sentence where it is none."""
    path, end = match_path(text)
    if end != len(text):
        raise ValueError(f'{text[end:]!r} is not a valid step of a path; examples: $.data[0].seq, $."a b"')
    return path


def path_text(path: JsonPath) -> str:
    """Format a path so that ``compile_path`` returns the same path again."""
    return "$" + "".join(_step_text(step) for step in path)


@lru_cache(maxsize=256)
def path_reader(path: JsonPath) -> Callable[[bytes | str], object]:
    """Return a function that reads the value at a path out of a document.

    It returns the decoded value, ``MISSING`` where there is none or where the document is no JSON. Members beside the
    path are skipped without being decoded. Of several texts it returns the value in the first one that has one.
    """
    return _lenient(_strict_reader(path), _first_found)


@lru_cache(maxsize=256)
def text_path_reader(path: JsonPath) -> Callable[[bytes | str], object]:
    """Return a reader of one JSON text as ``path_reader`` has it; it raises ``ValueError`` of anything else."""
    strict = _strict_reader(path)

    def read(document: bytes | str) -> object:
        try:
            return strict(document)
        except (LookupError, RecursionError, msgspec.ValidationError):
            return MISSING

    return read


@lru_cache(maxsize=256)
def path_collector(path: JsonPath) -> Callable[[bytes | str], object]:
    """Return a function that does what ``path_reader`` says, but of several texts returns the list of all values.

    Arrays among them are replaced by their items.
    """
    return _lenient(_strict_reader(path), _all_found)


def _strict_reader(path: JsonPath) -> Callable[[Document], object]:
    """Return a reader that raises one of ``_UNREADABLE`` where a step is missing or the document is not one text."""
    *down, last = path or ("",)
    if len(path) == 1 and isinstance(last, str):
        return _member(last, object)
    decode = _whole if not path or isinstance(last, int) else _member(last, object)
    place = last if isinstance(last, int) else None

    def read(document: Document) -> object:
        rest: Document = document
        for step in down:
            rest = _step_down(rest, step)
        return decode(rest if place is None else _places(rest)[place])

    return read


def _lenient(
    read: Callable[[Document], object], read_texts: Callable[[list[object]], object]
) -> Callable[[bytes | str], object]:
    """Return a reader that returns ``MISSING`` where nothing is found; ``read_texts`` gets what several texts have."""

    def read_any(document: bytes | str) -> object:
        try:
            return read(document)
        except (LookupError, RecursionError, msgspec.ValidationError):
            return MISSING
        except ValueError:
            found = _found_in_texts(read, document)
            return read_texts(found) if found else MISSING

    return read_any


def _found_in_texts(read: Callable[[Document], object], document: bytes | str) -> list[object]:
    found: list[object] = []
    for text in json_texts(document.encode("utf-8", "surrogatepass") if isinstance(document, str) else document):
        try:
            value = read(text)
        except _UNREADABLE:
            continue
        if value is not MISSING:
            found.append(value)
    return found


def _first_found(found: list[object]) -> object:
    return found[0]


def _all_found(found: list[object]) -> object:
    if len(found) == 1:
        return found[0]
    return [item for value in found for item in (value if isinstance(value, list) else (value,))]


def raw_at(path: JsonPath, document: bytes | str) -> bytes | None:
    """Return the JSON text at a path, unchanged; ``None`` where there is none, or where the document is no JSON."""
    rest: Document = document
    try:
        for step in path:
            rest = _step_down(rest, step)
    except _UNREADABLE:
        return None
    return rest.encode() if isinstance(rest, str) else bytes(rest).strip()


def raw_items(document: bytes, limit: int | None = None) -> tuple[bytes, ...]:
    """Return the items of a JSON array, undecoded, at most ``limit``; empty where the document is none."""
    try:
        return tuple(bytes(item) for item in _places(document)[:limit])
    except _UNREADABLE:
        return ()


def _step_down(rest: Document, step: str | int) -> msgspec.Raw:
    """Return the undecoded JSON at a step; raises ``LookupError`` where there is none."""
    if isinstance(step, int):
        return _places(rest)[step]
    found: msgspec.Raw | _Missing = _member(step, msgspec.Raw)(rest)
    if isinstance(found, _Missing):
        raise LookupError(step)
    return found


@lru_cache(maxsize=256)
def _member(name: str, kind: type) -> Callable[[Document], Any]:
    """Return a reader of one member of an object, decoded or raw; it returns ``MISSING`` where there is none.

    It raises ``msgspec.DecodeError`` where the document is no JSON, and its subclass where it is no object. It builds
    nothing for the other members, and is three times as fast as decoding into a dict.
    """
    if _NO_FIELD.search(name):
        of_kind = msgspec.json.Decoder(dict[str, kind]).decode  # type: ignore[valid-type]  # a type only known here

        def read(document: Document) -> Any:
            return of_kind(document).get(name, MISSING)

        return read
    field = msgspec.field(name=name, default=MISSING)
    of_member = msgspec.json.Decoder(msgspec.defstruct("Member", [("value", kind, field)])).decode

    def read_field(document: Document) -> Any:
        return of_member(document).value  # type: ignore[attr-defined]  # of the class made above

    return read_field


def members_reader(names: Sequence[str]) -> Callable[[Document], Any] | None:
    """Return a decoder of several members of an object at once: what it returns has attributes ``v0``, ``v1``, ...

    A member that is absent is ``MISSING``. None where a name cannot be that of a field. The decoder raises what msgspec
    raises.
    """
    if any(map(_NO_FIELD.search, names)) or len(set(names)) < len(names):
        return None
    fields = [(f"v{at}", object, msgspec.field(name=name, default=MISSING)) for at, name in enumerate(names)]
    return msgspec.json.Decoder(msgspec.defstruct("Members", fields, gc=False)).decode


def _step_text(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    written = f".{step}"
    bare = _STEP.fullmatch(written)
    if bare is not None and bare[2] is not None:
        return written
    return '."' + step.replace("\\", "\\\\").replace('"', '\\"') + '"'
