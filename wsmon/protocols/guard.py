"""Guard: the protocols of plugins made safe; whatever their functions raise or return, recording goes on.

What fails is reported, and has the answer that does no harm: nothing recognised, nothing sent, no happening. Where a
mask fails, the message is withheld, since it may hold what the mask would have hidden. ``decode`` alone still raises:
``ProtocolSession`` makes an event of it in the log of the connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar, get_args

import msgspec

from wsmon.config.specs import ProtocolName
from wsmon.model.events import EVENT_NAMES, Direction, Event, Opcode
from wsmon.model.redact.masking import MASK_BYTES
from wsmon.protocols.base import (
    UNDECODABLE,
    UNREAD,
    Anatomy,
    ClientOptions,
    Decoded,
    HandshakeUrl,
    Happening,
    Mask,
    MessageSample,
    Operation,
    Outbox,
    Part,
    Phase,
    Protocol,
    ProtocolClient,
    cut,
)
from wsmon.protocols.credentials import MAX_ERROR_CHARS
from wsmon.protocols.registry import PROTOCOLS

# Name of the plugin, what of it failed, and why
OnFailure: TypeAlias = Callable[[str, str, str], None]

# The events that messages of a protocol may mean; others are the engine's and the recorder's own
EVENTS: Final = frozenset(
    name
    for name in EVENT_NAMES
    if name.startswith(("message.process.", "subscription.", "auth.", "heartbeat.", "error.", "trace."))
)
_PHASES: Final = frozenset(get_args(Phase))
_OPERATIONS: Final = frozenset(get_args(Operation))
_DIRECTIONS: Final[tuple[Direction, ...]] = ("in", "out")
# SQLite has no larger integers
_LARGEST: Final = 2**63 - 1

ResultT = TypeVar("ResultT")


def with_plugins(
    plugins: Mapping[str, Protocol[Any]], failed: Iterable[str], on_failure: OnFailure
) -> dict[ProtocolName, Protocol[Any]]:
    """Return all protocols: those of plugins, which are more specific, then those of wsmon.

    ``failed`` are names of plugins that could not be loaded. ``on_failure`` is called for each failure of the others.
    """
    found: dict[ProtocolName, Protocol[Any]] = {}
    for name, protocol in plugins.items():
        try:
            found[name] = guarded(protocol, on_failure)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the border: a value that is not what it has to be
            on_failure(name, "the value", why(error))
            found[name] = unavailable(name)
    return found | {name: unavailable(name) for name in failed} | dict(PROTOCOLS)


def unavailable(name: ProtocolName) -> Protocol[Any]:
    """Return what stands for a plugin that cannot be used: nothing is read, and no message stored.

    Its masks are not there, so what messages hold that must not be stored is not known.
    """
    withheld: Mapping[Direction, Mask] = dict.fromkeys(_DIRECTIONS, _withhold)
    return Protocol(name, lambda: _State(None, _ignore), _read_nothing, new_masks=lambda _state: withheld)


def guarded(protocol: Protocol[Any], on_failure: OnFailure) -> Protocol[Any]:
    """Return a protocol that does the same, and raises nothing but what its ``decode`` does.

    Raises ``UnfitError`` where an attribute that is no function is of a wrong type, or one that is not for plugins.
    """
    if protocol.envelope is not None:
        raise UnfitError("an envelope, which no plugin can have")
    guard = _Guard(protocol, on_failure)
    return Protocol(
        protocol.name,
        guard.new_state,
        guard.decode,
        # Many messages at once could not be checked at a bearable price
        read_plain=None,
        next_state=None if protocol.next_state is None else guard.next_state,
        prepare=guard.prepare,
        subprotocols=_names(protocol.subprotocols),
        offered_subprotocols=_names(protocol.offered_subprotocols),
        recognise_url=guard.recognise_url,
        recognise=guard.recognise,
        may_begin=None if protocol.may_begin is None else guard.may_begin,
        handshake=guard.handshake,
        dissect=None if protocol.dissect is None else guard.dissect,
        split=None if protocol.split is None else guard.split,
        has_binary=bool(protocol.has_binary),
        new_masks=guard.new_masks,
        client=None if protocol.client is None else guard.client(protocol.client),
        close_codes=MappingProxyType({int(code): cut(_text(why)) for code, why in protocol.close_codes.items()}),
    )


class UnfitError(TypeError):
    """What a plugin returned cannot be used; the text repeats nothing of it."""


def why(error: BaseException) -> str:
    """Return what is known of a failure: the type of the exception and its place.

    Its text may quote a message, of which it is not known yet what has to be masked.
    """
    if isinstance(error, UnfitError):
        return str(error)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    file = trace.tb_frame.f_code.co_filename.replace("\\", "/").rpartition("/")[2]
    return f"{type(error).__name__} at {file}:{trace.tb_lineno}"


class _State:
    """The state of a plugin; None where it could not be made."""

    __slots__ = ("_report", "inner")

    def __init__(self, inner: Any, report: Callable[[str, BaseException], None]) -> None:
        self.inner = inner
        self._report = report

    def at(self, now_ns: int) -> None:
        """Set the monotonic time of the messages that follow."""
        if self.inner is not None:
            _tried(lambda: self.inner.at(now_ns), None, "state.at", self._report)

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return what was due by the monotonic time ``now_ns`` and did not come, each once."""
        if self.inner is None:
            return ()
        return _tried(lambda: _happenings(self.inner.overdue(now_ns)), (), "state.overdue", self._report)


class _Guard:
    """The functions of one plugin, each with the answer that it gives where the plugin fails."""

    def __init__(self, protocol: Protocol[Any], on_failure: OnFailure) -> None:
        self._protocol = protocol
        self._on_failure = on_failure

    def _report(self, function: str, error: BaseException) -> None:
        self._on_failure(self._protocol.name, function, why(error))

    def _tried(self, function: str, call: Callable[[], ResultT], otherwise: ResultT) -> ResultT:
        return _tried(call, otherwise, function, self._report)

    def new_state(self) -> _State:
        return _State(self._tried("new_state", self._protocol.new_state, None), self._report)

    def next_state(self, state: _State) -> _State:
        following = self._protocol.next_state
        if following is None or state.inner is None:
            return self.new_state()
        inner = self._tried("next_state", lambda: following(state.inner), None)
        return self.new_state() if inner is None else _State(inner, self._report)

    def decode(self, direction: Direction, opcode: Opcode, payload: bytes, state: _State) -> Decoded:
        if state.inner is None:
            return UNREAD
        try:
            return _decoded(self._protocol.decode(direction, opcode, payload, state.inner))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - raised again, without its text
            raise UnfitError(why(error)) from None

    def prepare(self, state: _State, options: ClientOptions, url: HandshakeUrl | None) -> None:
        if state.inner is not None:
            self._tried("prepare", lambda: self._protocol.prepare(state.inner, options, url), None)

    def recognise_url(self, url: HandshakeUrl) -> str:
        return self._tried("recognise_url", lambda: cut(_text(self._protocol.recognise_url(url))), "")

    def recognise(self, sample: MessageSample) -> str:
        return self._tried("recognise", lambda: cut(_text(self._protocol.recognise(sample))), "")

    def may_begin(self, payload: bytes) -> bool:
        function = self._protocol.may_begin
        return function is not None and self._tried("may_begin", lambda: bool(function(payload)), otherwise=False)

    def handshake(self, has_credentials: bool, status: int | None) -> tuple[Happening, ...]:
        call = lambda: _happenings(self._protocol.handshake(has_credentials, status))  # noqa: E731 - as all others
        return self._tried("handshake", call, ())

    def dissect(self, event: Event, payload: bytes) -> Anatomy | None:
        function = self._protocol.dissect
        if function is None:
            return None

        def anatomy() -> Anatomy | None:
            try:
                return _anatomy(function(event, payload))
            except UNDECODABLE:
                return None

        return self._tried("dissect", anatomy, None)

    def split(self, direction: Direction, opcode: Opcode, payload: bytes, state: _State) -> Sequence[Part] | None:
        function = self._protocol.split
        if function is None or state.inner is None:
            return None
        return self._tried("split", lambda: _parts(function(direction, opcode, payload, state.inner)), None)

    def new_masks(self, state: _State) -> Mapping[Direction, Mask]:
        withheld: Mapping[Direction, Mask] = dict.fromkeys(_DIRECTIONS, _withhold)
        if state.inner is None:
            return withheld

        def masks() -> Mapping[Direction, Mask]:
            found = dict(self._protocol.new_masks(state.inner))
            if not found.keys() <= set(_DIRECTIONS):
                raise UnfitError("masks are by direction, in and out")
            return {direction: self._mask(mask) for direction, mask in found.items()}

        return self._tried("new_masks", masks, withheld)

    def _mask(self, mask: Mask) -> Mask:
        def masked(opcode: Opcode, payload: bytes) -> tuple[bytes, bool]:
            return self._tried("mask", lambda: _masked(mask(opcode, payload)), _withhold(opcode, payload))

        return masked

    def client(self, client: ProtocolClient[Any]) -> ProtocolClient[Any]:
        def opening(options: ClientOptions, state: _State) -> Outbox:
            return self._sent("client.opening", state, lambda inner: client.opening(options, inner))

        def answer(decoded: Decoded, options: ClientOptions, state: _State) -> Outbox:
            return self._sent("client.answer", state, lambda inner: client.answer(decoded, options, inner))

        def due(now_ns: int, options: ClientOptions, state: _State) -> Outbox:
            return self._sent("client.due", state, lambda inner: client.due(now_ns, options, inner))

        def is_silent(state: _State) -> bool:
            if state.inner is None:
                return False
            return self._tried("client.is_silent", lambda: bool(client.is_silent(state.inner)), otherwise=False)

        return ProtocolClient(opening, answer, due, is_silent)

    def _sent(self, function: str, state: _State, messages: Callable[[Any], Outbox]) -> Outbox:
        if state.inner is None:
            return ()
        return self._tried(function, lambda: _outbox(messages(state.inner)), ())


def _tried(
    call: Callable[[], ResultT], otherwise: ResultT, function: str, report: Callable[[str, BaseException], None]
) -> ResultT:
    """Return what a call returns, or ``otherwise`` where it raises."""
    try:
        return call()
    # The border: code of others, which may end the process, too
    except (Exception, SystemExit) as error:  # noqa: BLE001
        report(function, error)
        return otherwise


def _withhold(_opcode: Opcode, _payload: bytes) -> tuple[bytes, bool]:
    return MASK_BYTES, True


def _read_nothing(_direction: Direction, _opcode: Opcode, _payload: bytes, _state: _State) -> Decoded:
    return UNREAD


def _ignore(_function: str, _error: BaseException) -> None:
    """Report nothing: there is no plugin that could fail."""


def _typed(value: object, kind: type[ResultT]) -> ResultT:
    if not isinstance(value, kind):
        raise UnfitError(f"expected {kind.__name__}, got {type(value).__name__}")
    return value


def _text(value: object) -> str:
    """Return a text that can be stored, or raise ``UnfitError``."""
    text = _typed(value, str)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UnfitError("a text with half of a surrogate pair") from None
    return text


def _names(names: object) -> tuple[str, ...]:
    return tuple(_text(name).lower() for name in _typed(names, tuple))


def _number(value: object) -> None:
    if value is not None and abs(_typed(value, int)) > _LARGEST:
        raise UnfitError("an integer of more than 63 bits")


def _decoded(decoded: object) -> Decoded:
    """Return a result of ``decode`` that can be stored; raises ``UnfitError`` for any other."""
    found = _typed(decoded, Decoded)
    _json(found.meta)
    # Measured one by one: what a plugin took apart itself is not
    return Decoded(
        cut(_text(found.type)),
        cut(_text(found.topic)),
        cut(_text(found.ref)),
        cut(_text(found.error_type)),
        _text(found.error)[:MAX_ERROR_CHARS],
        _happenings(found.happenings),
        found.meta,
    )


def _happenings(happenings: object) -> tuple[Happening, ...]:
    return tuple(_happening(each) for each in _typed(happenings, tuple))


def _happening(happening: object) -> Happening:
    found = _typed(happening, Happening)
    if found.name not in EVENTS or found.phase not in _PHASES or found.operation not in _OPERATIONS:
        raise UnfitError("a happening with another name, operation or phase than there are for messages")
    for number in (found.at_ns, found.duration_ns, None if isinstance(found.status, str) else found.status):
        _number(number)
    _json(found.meta)
    texts = ("key", "type", "topic", "ref", "error_type", "span_id", "parent_id")
    changes: dict[str, Any] = {name: cut(_text(getattr(found, name))) for name in texts}
    if isinstance(found.status, str):
        changes["status"] = cut(_text(found.status))
    long = {name: _text(getattr(found, name))[:MAX_ERROR_CHARS] for name in ("reason", "error")}
    return msgspec.structs.replace(found, **changes, **long)


def _json(meta: object) -> None:
    """Raise ``UnfitError`` where further facts cannot be stored."""
    if meta is not None:
        try:
            msgspec.json.encode(_typed(meta, dict))
        except (TypeError, ValueError, RecursionError):
            raise UnfitError("meta that is no object of JSON") from None


def _anatomy(found: object) -> Anatomy | None:
    if found is None:
        return None
    anatomy = _typed(found, Anatomy)
    parts = tuple((_text(label), _text(text)) for label, text in anatomy.parts)
    return Anatomy(_text(anatomy.name), parts, None if anatomy.body is None else _typed(anatomy.body, bytes))


def _parts(found: object) -> Sequence[Part] | None:
    if found is None:
        return None
    parts = [_typed(part, Part) for part in (found if isinstance(found, list) else _typed(found, tuple))]
    for part in parts:
        _typed(part.payload, bytes)
        _typed(part.before, bytes)
        _text(part.error)
        _text(part.encoding)
        _number(part.size)
        if part.opcode not in ("text", "binary") or not 0 <= _typed(part.earlier_bytes, int) <= len(part.payload):
            raise UnfitError("a part of another opcode or length than it can have")
    return parts


def _masked(found: object) -> tuple[bytes, bool]:
    payload, has_any = _typed(found, tuple)
    return _typed(payload, bytes), bool(has_any)


def _outbox(found: object) -> Outbox:
    messages = _typed(found, tuple)
    for message in messages:
        if not isinstance(message, bytes):
            _text(message)
    return messages
