"""What all imports share: faults, times, ids derived from the file, and the events of a session's beginning."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal, TypeAlias, get_args

import msgspec

from wsmon.decoders.base import MOST_BYTES
from wsmon.decoders.session import AUTO, PayloadDecoding
from wsmon.model.events import ENCODING, Direction, Event, Json, Opcode, Source
from wsmon.model.statuses import Status

# The monotonic time of the first event, in files without monotonic times
MONO_START_NS = 1_000_000_000
# Two bytes
MAX_CLOSE_CODE = 2**16 - 1
# As in a configuration
_NAME_CHARACTERS = 64
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")

# What msgspec finds wrong with an object: "Expected `int | null`, got `str` - at `$.id`"
_AT_KEY = re.compile(r" - at `\$\.?(?P<key>[^`]*)`\Z")
_WRONG_TYPE = re.compile(r"Expected `(?P<types>[^`]+)`(?P<limit> [^,]+)?(?:, got `(?P<found>[^`]+)`)?\Z")
_MISSING_KEY = re.compile(r"Object missing required field `(?P<key>.+)`\Z")
_UNKNOWN_KEY = re.compile(r"Object contains unknown field `(?P<key>.+)`\Z")
_WRONG_WORD = re.compile(r"Invalid enum value (?P<word>.+)\Z", re.DOTALL)
_TYPES = {
    "str": "a string",
    "int": "a number",
    "float": "a number",
    "bool": "a boolean",
    "array": "an array",
    "object": "an object",
    "null": "null",
}
# The format of times, as an error names it
_TIME_FORMAT = "an RFC 3339 string such as 2026-01-10T14:02:24.5Z, or a number since 1970"

# What a fault is about; the plural is for a count of several
Part = Literal["line", "entry", "message"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A part of a file that cannot be read, or only in part."""

    line: int
    """Number of the line, or of the entry of an archive, counted from 1; 0 = the file as a whole."""
    problem: str
    part: Part = "line"
    lost: int = 1
    """Lines, entries or messages that are left out; 0 = something was guessed, nothing is left out."""


Incoming: TypeAlias = "Event | Fault"
# A line without its end, or the reason why it cannot be read
Line: TypeAlias = "bytes | Fault"


def line_problem(error: Exception, keys: type[msgspec.Struct]) -> str:
    """Return what is wrong with a line: the key, what was expected, and what was found.

    ``error`` is of msgspec, or one whose text says it all; ``keys`` describes the object that was expected.
    """
    if isinstance(error, RecursionError):
        return "nested too deep"
    if isinstance(error, msgspec.ValidationError):
        return _key_problem(str(error), keys)
    if isinstance(error, msgspec.DecodeError):
        text = str(error).removeprefix("JSON is malformed: ")
        return f"invalid JSON: {'it ends early' if text == 'Input data was truncated' else text}"
    return str(error)


def _key_problem(text: str, keys: type[msgspec.Struct]) -> str:
    at = _AT_KEY.search(text)
    key, text = (at["key"], text[: at.start()]) if at else ("", text)
    if found := _MISSING_KEY.match(text) or _UNKNOWN_KEY.match(text):
        name = f"{key}.{found['key']}" if key else found["key"]
        return f"`{name}` is missing" if found.re is _MISSING_KEY else f"unknown key `{name}`"
    subject = f"`{key}`" if key else "the line"
    if found := _WRONG_TYPE.match(text):
        types = dict.fromkeys(_TYPES.get(each, each) for each in found["types"].split(" | ") if each != "null")
        got = f" (got {_TYPES.get(found['found'], found['found'])})" if found["found"] else ""
        return f"{subject} must be {' or '.join(types)}{found['limit'] or ''}{got}"
    if found := _WRONG_WORD.match(text):
        expected = {each.encode_name: _words(each.type) for each in msgspec.structs.fields(keys)}.get(key)
        must = f"must be {', '.join(expected[:-1])} or {expected[-1]}" if expected else "has an unknown value"
        return f"{subject} {must} (got {found['word']})"
    return f"{subject}: {text[:1].lower()}{text[1:]}"


def _words(annotation: object) -> list[str]:
    """Return the words that a key may have, as its annotation lists them."""
    parts = get_args(annotation)
    return [word for part in parts for word in ([part] if isinstance(part, str) else _words(part)) if word]


def connection_name(text: str, default: str) -> str:
    """Return a name that a configuration would accept, made of a name in a file; ``default`` where nothing is left."""
    return _NOT_IN_A_NAME.sub("-", text).strip("-.")[:_NAME_CHARACTERS] or default


def derived(size: int, *parts: str | int) -> str:
    """Return an id of ``size`` bytes in hex, a digest of ``parts``: the same each time the file is read."""
    return hashlib.blake2b(" ".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()


def session_source(connection: str, *parts: str | int) -> Source:
    """Return the source of a session that has no ids in the file."""
    return Source(connection, "", derived(16, connection), derived(8, connection, *parts), 1)


def opening(
    source: Source, ts_ns: int, meta: dict[str, Json], was: Status, duration_ns: int = 0
) -> tuple[Event, Event]:
    """Return the events of a dial and its success; ``ts_ns`` is the time of the success, ``was`` the status before."""
    start_ns = ts_ns - duration_ns
    first: dict[str, Json] = {key: value for key, value in meta.items() if key == "url"}
    started = Event(
        source, "connection.started", start_ns, 0, from_status=was, to_status="connecting", meta={"attempt": 1, **first}
    )
    done = Event(
        source, "connection.completed", ts_ns, 0, from_status="connecting", to_status="websocket_connected",
        status=101, duration_ns=duration_ns or None, meta={key: value for key, value in meta.items() if key != "url"},
    )  # fmt: skip
    return started, done


def in_order(incoming: Iterable[Incoming]) -> Iterator[Incoming]:
    """Give events ids, and monotonic times that follow their wall times but stand still where those go back."""
    last_id = mono_ns = 0
    zero_ns: int | None = None
    for one in incoming:
        if isinstance(one, Fault):
            yield one
            continue
        if zero_ns is None:
            zero_ns = one.ts_ns - MONO_START_NS
        mono_ns = max(mono_ns, one.ts_ns - zero_ns)
        last_id += 1
        yield msgspec.structs.replace(one, id=last_id, mono_ns=mono_ns)


# Times are RFC 3339 and its kin, or numbers of seconds, ms, us or ns since 1970
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# In 2255: integers in SQLite end in 2262, and a session's end is later than its newest time
LATEST_NS = 9 * 10**18
# A number below is no time of a recording: in seconds it would be before 1973. Each unit reaches from there to the year
# 5138, so that no number means two units.
LEAST = 10**8
_UNITS: tuple[tuple[int, int], ...] = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3), (10**20, 1))

# ISO 8601 as programs write it: a blank or a T, a point or a comma, any number of decimals, any offset or none
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[ Tt](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?"
    r"(?: ?(?:[Zz]|UTC|GMT)| ?([+-])(\d\d)(?::?(\d\d))?)?"
)
_NUMBER = re.compile(r"\d{1,20}(?:[.,]\d+)?")
_exact_decoder = msgspec.json.Decoder(float_hook=Decimal)
_SHOWN_CHARACTERS = 40
_NANO_DIGITS = 9
_LEAP_SECOND = 60


def wall_ns(value: object, key: str = "the time") -> int:
    """Return a time in nanoseconds since 1970: a text or a number; without an offset it is UTC.

    What a number counts follows from its size: seconds, milliseconds, microseconds or nanoseconds. Decimals beyond
    nanoseconds are dropped. Raises ``ValueError``, whose sentence begins with ``key``.
    """
    try:
        ns = _wall_ns(value)
    except ValueError as error:
        raise ValueError(f"{key} {error}") from error
    if not 0 <= ns <= LATEST_NS:
        raise ValueError(f"{key} must be between 1970 and 2255 (got {shown(value)})")
    return ns


def _wall_ns(value: object) -> int:
    if isinstance(value, str):
        text = value.strip()
        return _of_number(Decimal(text.replace(",", "."))) if _NUMBER.fullmatch(text) else _of_iso(text)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _of_number(Decimal(repr(value)) if isinstance(value, float) else Decimal(value))
    raise ValueError(f"must be {_TIME_FORMAT} (got {shown(value)})")


def json_wall_ns(text: msgspec.Raw, key: str = "the time") -> int:
    """Return the time that a JSON value is, exactly: a float of this century has no nanoseconds. See ``wall_ns``."""
    return wall_ns(_exact_decoder.decode(text), key)


def shown(value: object) -> str:
    """Return a value as an error names it: short, on one line."""
    text = "null" if value is None else str(value) if isinstance(value, int | float | Decimal) else repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _of_number(number: Decimal) -> int:
    if not number.is_finite():
        raise ValueError(f"must be {_TIME_FORMAT} (got {shown(number)})")
    if number < LEAST:
        raise ValueError(
            f"must be a time since 1970 (got {shown(number)}): times from the start of a recording cannot be placed"
        )
    for limit, unit_ns in _UNITS:
        if number < limit:
            return int(number * unit_ns)
    raise ValueError(f"must be between 1970 and 2255 (got {shown(number)})")


def _of_iso(text: str) -> int:
    found = _ISO.fullmatch(text)
    if found is None:
        raise ValueError(f"must be {_TIME_FORMAT} (got {shown(text)})")
    year, month, day, hour, minute = map(int, found.group(1, 2, 3, 4, 5))
    second, decimals, sign = int(found[6] or 0), found[7] or "", found[8]
    offset = timedelta(hours=int(found[9] or 0), minutes=int(found[10] or 0))
    try:
        # A leap second, 23:59:60, is the second after it
        at = datetime(year, month, day, hour, minute, tzinfo=UTC) + timedelta(seconds=second)
        at = at + offset if sign == "-" else at - offset
    except (ValueError, OverflowError) as error:
        raise ValueError(f"must be a valid time (got {shown(text)}): {error}") from error
    if second > _LEAP_SECOND:
        raise ValueError(f"must be a valid time (got {shown(text)}): second must be in 0..59")
    return (at - EPOCH) // timedelta(seconds=1) * 10**9 + int(decimals[:_NANO_DIGITS].ljust(_NANO_DIGITS, "0"))


def session_decoding() -> PayloadDecoding:
    """Make the decoders of a session of a file: by magic numbers, as a connection has them by default."""
    return PayloadDecoding(AUTO, MOST_BYTES)


def decoded(
    decoding: PayloadDecoding, direction: Direction, opcode: Opcode, body: bytes
) -> tuple[bytes, dict[str, Json]]:
    """Return what a message decodes to, and what ``meta`` says of that; the message itself where it does not."""
    found = decoding.decode(direction, opcode, body).payload if opcode in ("text", "binary") else None
    return (body, {}) if found is None else (found.content or b"", {ENCODING: found.encoding})
