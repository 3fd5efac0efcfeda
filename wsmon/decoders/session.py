"""PayloadDecoding: the decoders of one session, as configured or found by magic numbers; pure, as protocols are.

In: data messages as they were received or sent. Out: their text and how it came, or what is wrong with one, once for
each kind of trouble. What cannot be decoded is left as it is.
"""

from __future__ import annotations

import traceback
from collections.abc import Container, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from wsmon.decoders.base import MAGIC_BYTES, MOST_BYTES, DecodeError, Decoder, is_utf8, room_bytes, too_large
from wsmon.decoders.compression import InflateStream
from wsmon.decoders.notation import COMPRESSED_BEGINS, begins_compressed
from wsmon.decoders.registry import DECODERS
from wsmon.model.events import Direction, EventName, Opcode

AUTO: Final = ("auto",)
# Messages of a session that are refused before nothing more is decoded: each may cost tens of milliseconds
MOST_REFUSED: Final = 8


class DecodedMessage(NamedTuple):
    """The content of a message."""

    content: bytes | None
    """None where the message continues in a later one, which has the content of all."""
    encoding: str
    """The decoders in their order: "base64+gzip"."""
    is_alone: bool = True
    """Whether the message has the content by itself, and not with others around it."""


class DecodeProblem(NamedTuple):
    """What an event says of a message that could not be decoded."""

    name: EventName
    error_type: str
    error: str


class Decoding(NamedTuple):
    """The result of one message; both are None where it is recorded as it is."""

    payload: DecodedMessage | None = None
    problem: DecodeProblem | None = None


AS_IT_IS: Final = Decoding()


class _Everything:
    """What contains all bytes."""

    def __contains__(self, _begin: object) -> bool:
        return True


EVERYTHING: Final = _Everything()
NOTHING: Final[Container[bytes]] = frozenset()

# A decoder and its state
_Step = tuple[Decoder[Any], Any]


class PayloadDecoding:
    """Decodes the messages of one session, in their order."""

    def __init__(self, names: Sequence[str], limit_bytes: int, decoders: Mapping[str, Decoder[Any]] = DECODERS) -> None:
        """``names`` are those of the configuration, not empty; one that ``decoders`` has not could not be loaded."""
        self.is_auto = tuple(names) == AUTO
        """Whether magic numbers decide."""
        self._limit_bytes = min(limit_bytes, MOST_BYTES)
        found = (each for each in decoders.values() if each.magic)
        chosen = list(found) if self.is_auto else [_named(name, decoders) for name in names]
        self._chosen = tuple(chosen)
        # Made for the first message that may have to be decoded: most sessions have none
        self._steps: dict[Direction, list[_Step]] = {}
        self._base64 = decoders.get("base64")
        self.text_begins: Container[bytes] = EVERYTHING if chosen and chosen[0].takes_text else NOTHING
        """What messages begin with, in two bytes, that may have to be decoded; so do binary ones of the next."""
        self.binary_begins: Container[bytes] = EVERYTHING
        if self.is_auto:
            self.text_begins = COMPRESSED_BEGINS
            self.binary_begins = _begins(tuple(each.magic for each in chosen))
        # What was reported: decoder and kind of trouble
        self._reported: set[tuple[str, str]] = set()
        self._refused = 0

    def decode(self, direction: Direction, opcode: Opcode, payload: bytes) -> Decoding:
        """Return the content of a message, or what is wrong with it."""
        if self._refused >= MOST_REFUSED or not payload:
            return AS_IT_IS
        steps = self._steps.get(direction)
        if steps is None:
            steps = self._steps[direction] = [_step(decoder) for decoder in self._chosen]
        if not self.is_auto:
            begins = self.binary_begins if opcode == "binary" else self.text_begins
            return self._run(steps, opcode, payload) if payload[:MAGIC_BYTES] in begins else AS_IT_IS
        if opcode == "text":
            return self._decode_text(steps, payload) if begins_compressed(payload) else AS_IT_IS
        step = self._marked(steps, payload)
        if step is None:
            return AS_IT_IS
        found = self._run([step], opcode, payload)
        if isinstance(step[1], InflateStream) and step[1].is_open:
            # What follows has no head
            self.binary_begins = EVERYTHING
        return found

    def _decode_text(self, steps: list[_Step], text: bytes) -> Decoding:
        """Decode a text that is base64 of a compressed text for certain: whatever else it is, it stays as it is."""
        if self._base64 is None:
            return AS_IT_IS
        try:
            inner = self._base64.decode(text, None, self._limit_bytes)
        except DecodeError:
            return AS_IT_IS
        # Streams in texts are configured: what only looks like a part of one must not break it
        apart = [step for step in steps if not isinstance(step[1], InflateStream)]
        step = self._marked(apart, inner or b"")
        if step is None:
            return AS_IT_IS
        found = self._run([(self._base64, None), step], "text", text)
        is_text = found.payload is None or is_utf8(found.payload.content or b"")
        return found if is_text else AS_IT_IS

    def _marked(self, steps: Sequence[_Step], payload: bytes) -> _Step | None:
        """Return the first decoder whose marks the message has, or whose stream it continues."""
        for decoder, state in steps:
            # A flush ends with a byte that UTF-8 does not have
            continues = isinstance(state, InflateStream) and state.is_open and not is_utf8(payload)
            if continues or decoder.marks(payload):
                return decoder, state
        return None

    def _run(self, steps: Sequence[_Step], opcode: Opcode, payload: bytes) -> Decoding:
        earlier = sum(state.received for _, state in steps if isinstance(state, InflateStream))
        room = room_bytes(earlier + len(payload), self._limit_bytes)
        content: bytes | None = payload
        part = payload
        is_alone = True
        decoder = steps[0][0]
        try:
            for decoder, state in steps:
                is_alone = is_alone and not (isinstance(state, InflateStream) and state.content)
                content = decoder.decode(part, state, room)
                if content is None:
                    break
                # A plugin may return anything; this raises TypeError for what is no bytes
                part = content = bytes(memoryview(content))
                room -= len(content)
                if room < 0:
                    raise too_large(room + len(content))
        except DecodeError as error:
            return Decoding(problem=self._trouble(decoder, error, opcode, payload))
        # The border: an exception of a plugin is an event, the message stays
        except (Exception, SystemExit) as error:  # noqa: BLE001
            return Decoding(problem=self._failure(decoder, error))
        encoding = "+".join(decoder.name for decoder, _ in steps)
        return Decoding(DecodedMessage(content, encoding, is_alone and content is not None))

    def _trouble(
        self, decoder: Decoder[Any], error: DecodeError, opcode: Opcode, payload: bytes
    ) -> DecodeProblem | None:
        if error.trouble == "damaged" and (
            # Two bytes may be chance; other messages of the feed may be plain
            (self.is_auto and decoder.name == "zlib") or opcode == "text" or is_utf8(payload)
        ):
            return None
        self._refused += error.trouble == "refused"
        hint = error.hint
        if self._refused == MOST_REFUSED:
            self._reported.discard((decoder.name, error.trouble))
            hint = f"It is the {MOST_REFUSED}th of this session: nothing more is decoded"
        what = f"{decoder.name}: {error.what}; recorded as it came"
        return self._once(
            decoder, error.trouble, DecodeProblem("error.occurred", f"decode_{error.trouble}", _sentence(what, hint))
        )

    def _failure(self, decoder: Decoder[Any], error: Exception | SystemExit) -> DecodeProblem | None:
        """Return what a plugin did wrong; the text of its exception may repeat the message."""
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{last.filename.rpartition('/')[2]}:{last.lineno}"
        sentence = f"decoder {decoder.name}: {type(error).__name__} at {place}; recorded as it came"
        return self._once(decoder, "failed", DecodeProblem("self.plugin.failed", "plugin", sentence))

    def _once(self, decoder: Decoder[Any], trouble: str, problem: DecodeProblem) -> DecodeProblem | None:
        """Return a problem the first time that a decoder has this kind of trouble in the session."""
        if (decoder.name, trouble) in self._reported:
            return None
        self._reported.add((decoder.name, trouble))
        return problem


@lru_cache(maxsize=8)
def _begins(magics: tuple[tuple[bytes, ...], ...]) -> frozenset[bytes]:
    """Return what messages with these magic numbers begin with; all sessions share one set."""
    return frozenset(magic[:MAGIC_BYTES] for each in magics for magic in each)


def _step(decoder: Decoder[Any]) -> _Step:
    """Return a decoder and its state; of a plugin that cannot make one, a decoder that fails so with every message."""
    try:
        return decoder, decoder.new_state()
    # The border: of a plugin, reported with the first message
    except (Exception, SystemExit) as error:  # noqa: BLE001
        failure = error

    def fail(_payload: bytes, _state: None, _room: int) -> bytes:
        raise failure

    return Decoder(decoder.name, fail, magic=decoder.magic, end=decoder.end), None


def _named(name: str, decoders: Mapping[str, Decoder[Any]]) -> Decoder[Any]:
    """Return a decoder; in place of a plugin that could not be loaded, one that says so of every message."""
    try:
        return decoders[name]
    except KeyError:
        return Decoder(name, _unavailable)


def _unavailable(_payload: bytes, _state: None, _room: int) -> bytes:
    raise DecodeError("the plugin is not loaded", "missing")


def _sentence(what: str, hint: str) -> str:
    return f"{what}. {hint}" if hint else what
