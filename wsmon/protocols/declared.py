"""Messages of private protocols as the configuration describes them: type, topic, id, answers and errors.

``messages`` adds to what ``json`` and ``raw`` read, and wins where both say something. A message that is sent with a
``ref`` asks, where ``replies`` is configured; a received one in which ``replies`` finds that id answers it, as a
failure where it has an ``error``.

Messages that one WebSocket message carries are recorded one by one where nothing else is in it: the items of a list,
or lines. Of any other, as the events in an envelope, each is read; the first names the row of the whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from wsmon.config.specs import MessageCondition, MessagesSpec
from wsmon.model.events import Direction, Meta, Opcode
from wsmon.model.json_path import MISSING, compile_path, raw_at, raw_items
from wsmon.model.json_texts import json_texts
from wsmon.model.measures import MeasuredText
from wsmon.protocols.base import UNDECODABLE, Decoded, Happening, Part
from wsmon.protocols.calls import MAX_IN_FLIGHT, Call, Calls, completed, duplicate, failed, unmatched
from wsmon.protocols.credentials import Credentials, is_suspicious
from wsmon.protocols.finders import PATTERN_BYTES, Finder, Sign, SlowPatterns, may_be_json, value_text
from wsmon.protocols.json_messages import decode_message, explanation
from wsmon.protocols.jsonrpc_messages import MAX_BATCH, code_meta, error_object, measured, scalar
from wsmon.query.patterns import PatternTooSlowError, group_collector

# What a place of errors may have in messages that are none
_NO_ERROR: tuple[object, ...] = (False, 0, "", "0", [], {})
_MAX_LINE_CHARS = 500

# A text that is a code and says nothing
_CODE = re.compile(r"-?[0-9]{1,15}")

_check = msgspec.json.Decoder(msgspec.Raw).decode
# Returns what a message carries; None where it carries nothing
_Items = Callable[[bytes], Sequence[bytes] | None]


class _Fault(msgspec.Struct, frozen=True, gc=False):
    """What a message says went wrong."""

    error_type: str
    text: str
    meta: Meta | None = None


class Description(NamedTuple):
    """What a configuration finds in a message."""

    type: str
    topic: str
    ref: str
    replies: str
    error: str
    """Type and text; empty where it has none."""


class DeclaredMessages:
    """Reads the messages of one session by the places that the configuration names."""

    def __init__(self, spec: MessagesSpec, *, is_measured: bool = False) -> None:
        """``is_measured``: sequence numbers or times of sending are read out of the messages."""
        self._slow = SlowPatterns()
        self._type, self._topic, self._topic_id, self._ref, self._replies = (
            Finder(places, self._slow, is_whole=True)
            for places in (spec.type, spec.topic, spec.topic_id, spec.ref, spec.replies)
        )
        # Topics by the ids that stand for them in this session
        self._topics: dict[str, str] = {}
        sign, places = (spec.error, ()) if isinstance(spec.error, MessageCondition) else (b"", spec.error)
        self._error_sign = Sign(sign, self._slow, is_whole=True)
        self._error = Finder(places, self._slow, is_whole=True)
        self._error_text = Finder(spec.error_text, self._slow, is_whole=True)
        self._finds_errors = bool(self._error or self._error_sign)
        # With one place for both, an id that nothing in flight has belongs to a message of the peer's own
        self._replies_are_marked = spec.replies != spec.ref
        self._items = _items_by(spec.items, self._slow)
        # Messages that ``split`` has returned and ``read`` has not seen
        self._to_read = 0
        # The message that ``split`` left whole, and what it carries, which takes time to find
        self._left_whole: tuple[bytes, Sequence[bytes] | None] = (b"", None)
        self._is_measured = is_measured
        self._calls = Calls()
        self._credentials = Credentials()

    @property
    def splits(self) -> bool:
        """Whether a WebSocket message may carry several messages."""
        return self._items is not None

    def split(self, opcode: Opcode, payload: bytes) -> Sequence[Part] | None:
        """Return the messages that make up a WebSocket message; None where it is one, or holds anything beside them."""
        items = self._items(payload) if self._items is not None else None
        if not items or len(items) > MAX_BATCH or not _is_made_of(items, payload):
            self._left_whole = (payload, items)
            return None
        self._to_read = len(items)
        return [Part(opcode, item) for item in items]

    def read(self, direction: Direction, payload: bytes, decoded: Decoded, now_ns: int) -> Decoded:
        """Return what a message says: what its protocol has decoded, as the configuration understands it, and more."""
        if direction == "out" and self._finds_errors:
            self._remember(payload)
        texts = self._texts(payload)
        if len(texts) == 1:
            return self._slow_too(self._read(direction, texts[0], decoded, now_ns))
        # What the protocol has read in each of them, where it took the message apart in the same way
        known = decoded.texts if len(decoded.texts) == len(texts) else ()
        bases = [Decoded(each.type, each.topic) for each in known] or [Decoded()] * len(texts)
        read = [self._read(direction, text, base, now_ns) for text, base in zip(texts, bases, strict=True)]
        first = next((each for each in read if each.type or each.topic or each.ref), Decoded())
        happenings = (*decoded.happenings, *(happening for each in read for happening in each.happenings))
        return self._slow_too(
            msgspec.structs.replace(
                _named(decoded, first.type, first.topic, first.ref),
                happenings=happenings,
                texts=_measured(texts, read, known) if self._is_measured else decoded.texts,
            )
        )

    def described(self, payload: bytes) -> tuple[Description, ...]:
        """Return what is found in each message that a received one carries; no request is begun or ended by it."""
        found = []
        for text in self._texts(payload):
            fault = self._fault(text) if self._finds_errors else None
            found.append(
                Description(
                    self._type.find_text(text),
                    self._topic_of(text),
                    self._ref.find_text(text),
                    self._replies.find_text(text),
                    "" if fault is None else f"{fault.error_type}: {fault.text}",
                )
            )
        return tuple(found)

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return the ends of messages that were not answered in time."""
        return self._calls.overdue(now_ns)

    def _texts(self, payload: bytes) -> Sequence[bytes]:
        """Return the messages that a message carries, or itself."""
        if self._to_read:
            self._to_read -= 1
            return (payload,)
        left_whole, self._left_whole = self._left_whole, (b"", None)
        items = left_whole[1] if left_whole[0] is payload else None
        if items is None and self._items is not None and left_whole[0] is not payload:
            items = self._items(payload)
        if items:
            return items[:MAX_BATCH]
        if may_be_json(payload):
            try:
                _check(payload)
            except UNDECODABLE:
                return json_texts(payload)[:MAX_BATCH] or (payload,)
        return (payload,)

    def _read(self, direction: Direction, text: bytes, decoded: Decoded, now_ns: int) -> Decoded:
        type_, topic, ref = self._type.find_text(text), self._topic_of(text), self._ref.find_text(text)
        named = _named(decoded, type_, topic, ref)
        if direction == "out":
            happenings = (*decoded.happenings, *self._ask(named, ref, now_ns))
        else:
            happenings = self._answer(text, named)
        return named if happenings == named.happenings else msgspec.structs.replace(named, happenings=happenings)

    def _topic_of(self, text: bytes) -> str:
        """Return the topic of a message; one that names an id for it is remembered."""
        topic = self._topic.find_text(text)
        if not (topic and self._topic_id):
            return topic
        if topic_id := self._topic_id.find_text(text):
            self._topics.pop(topic_id, None)
            self._topics[topic_id] = topic
            if len(self._topics) > MAX_IN_FLIGHT:
                del self._topics[next(iter(self._topics))]
        return self._topics.get(topic, topic)

    def _ask(self, named: Decoded, ref: str, now_ns: int) -> tuple[Happening, ...]:
        """Return the start of a request, where the message is one that the protocol has not paired itself."""
        if not (ref and self._replies) or any(each.phase == "start" for each in named.happenings):
            return ()
        if ref in self._calls:
            return (duplicate("request", named.type, ref),)
        return self._calls.begin(Call("request", ref, now_ns, named.type, ref))

    def _answer(self, text: bytes, named: Decoded) -> tuple[Happening, ...]:
        """Return the happenings of a received message: an answer, an error, and what its protocol saw."""
        happenings = named.happenings
        answered = self._replies.find_text(text) if self._replies else ""
        call = self._calls.end(answered) if answered else None
        fault = self._fault(text) if self._finds_errors else None
        if call is None and fault is None:
            is_orphan = answered and self._replies_are_marked and not any(each.phase == "end" for each in happenings)
            return (*happenings, unmatched("request", answered, named.type, ref=answered)) if is_orphan else happenings
        # What the protocol sees in it without knowing what it answers, or where its error stands
        kept = tuple(each for each in happenings if not _is_guess(each))
        if call is not None:
            ends = completed(call) if fault is None else failed(call, fault.error_type, fault.text, fault.meta)
            return (*kept, *ends)
        if fault is None or any(each.error_type for each in kept):
            return kept
        error = Happening(
            "error.occurred", type=named.type, topic=named.topic, ref=named.ref,
            error_type=fault.error_type, error=fault.text, meta=fault.meta,
        )  # fmt: skip
        return (*kept, error)

    def _fault(self, text: bytes) -> _Fault | None:
        """Return the error in a message; None where it has none."""
        if self._error:
            found = self._error.find(text)
            if found is MISSING or any(found == none for none in _NO_ERROR):
                return None
        elif not self._error_sign.is_in(text):
            return None
        else:
            found = self._error_text.find(text)
        code, said = _said(found)
        if not said:
            other, said = _explained(text)
            code = other if code is None else code
        kept = scalar(code)
        said = self._credentials.mask(said or value_text(found) or "the peer reported an error")
        return _Fault(f"code_{kept}" if isinstance(kept, int) else "peer_error", said, code_meta(kept) or None)

    def _remember(self, payload: bytes) -> None:
        """Keep the credentials of a message that is sent, to mask them in errors that the peer sends later."""
        if may_be_json(payload) and is_suspicious(payload):
            try:
                self._credentials.remember(msgspec.json.decode(payload))
            except UNDECODABLE:
                return

    def _slow_too(self, decoded: Decoded) -> Decoded:
        slow = self._slow.take()
        return msgspec.structs.replace(decoded, happenings=(*decoded.happenings, *slow)) if slow else decoded


def _named(decoded: Decoded, type_: str, topic: str, ref: str) -> Decoded:
    """Return a message with the columns that were found; one that has a type now was understood."""
    if not (type_ or topic or ref):
        return decoded
    is_understood = bool(type_) and decoded.error_type != "too_large"
    return msgspec.structs.replace(
        decoded,
        type=type_ or decoded.type,
        topic=topic or decoded.topic,
        ref=ref or decoded.ref,
        error_type="" if is_understood else decoded.error_type,
        error="" if is_understood else decoded.error,
    )


def _items_by(place: str, slow: SlowPatterns) -> _Items | None:
    """Return a function that takes messages apart as ``messages.items`` says; None where they are not."""
    if not place:
        return None
    if place.startswith("$"):
        path = compile_path(place)

        def list_items(payload: bytes) -> Sequence[bytes] | None:
            found = raw_at(path, payload) if may_be_json(payload) else None
            return raw_items(found, MAX_BATCH + 1) if found is not None else None

        return list_items
    collect = group_collector(place, MAX_BATCH + 1)
    is_off = False

    def match_items(payload: bytes) -> Sequence[bytes] | None:
        nonlocal is_off
        if is_off:
            return None
        try:
            return [each.encode() for each in collect(payload[:PATTERN_BYTES].decode("utf-8", "replace"))]
        except PatternTooSlowError as error:
            is_off = True
            slow.add(error)
            return None

    return match_items


# What may stand between messages, and is not recorded with them
_BETWEEN = b" \t\r\n,[]\0\x1e"


def _is_made_of(items: Sequence[bytes], payload: bytes) -> bool:
    """Whether a payload has nothing but these items, in their order, and signs between them."""
    at = 0
    for item in items:
        found = payload.find(item, at)
        if found < 0 or payload[at:found].strip(_BETWEEN):
            return False
        at = found + len(item)
    return not payload[at:].strip(_BETWEEN)


def _measured(
    texts: Sequence[bytes], read: Sequence[Decoded], known: Sequence[MeasuredText]
) -> tuple[MeasuredText, ...]:
    """Return what is to be measured in each of several texts; a heartbeat is one that the protocol knows as such."""
    found = measured(texts, read)
    if not known:
        return found
    return tuple(each._replace(is_heartbeat=own.is_heartbeat) for each, own in zip(found, known, strict=True))


def _is_guess(happening: Happening) -> bool:
    is_loose_error = happening.name == "error.occurred" and not happening.phase
    return is_loose_error or happening.error_type == "unmatched"


def _said(found: object) -> tuple[object, str]:
    """Return code and text of an error that was found: of an object, or of the value itself."""
    match found:
        case bool():
            return None, ""
        case str() if _CODE.fullmatch(found):
            return int(found), ""
        case str():
            return None, found
        case int() | float():
            return found, ""
        case dict():
            fault = error_object(msgspec.Raw(msgspec.json.encode(found)))
            return fault.code, fault.text
        case list():
            return None, msgspec.json.encode(found).decode()
    return None, ""


def _explained(text: bytes) -> tuple[object, str]:
    """Return code and text of an error by the usual members of JSON; of any other message, its beginning."""
    if may_be_json(text):
        try:
            return explanation(decode_message(text), text)
        except UNDECODABLE:
            return None, ""
    return None, text[: 4 * _MAX_LINE_CHARS].decode("utf-8", "replace")[:_MAX_LINE_CHARS]
