"""Telemetry: an application says what happens under a name, and each event goes into the recording and to handlers.

Names and handlers are those of Erlang's ``:telemetry``, which the telemetry guide of WebSockexNova and Slipstream use:
handlers are attached to exact names, and called in the thread that executes an event. A handler that raises is detached
and disturbs nothing else; unlike there, it is shown: the recording has an event with its error and the place of it.
"""

from __future__ import annotations

import functools
import inspect
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Final, Literal, NamedTuple, ParamSpec, TypeAlias, TypeVar, cast

from wsmon.errors import WsmonError
from wsmon.model.events import EVENT_NAMES, FREQUENT_NAMES
from wsmon.model.statuses import Status, is_allowed
from wsmon.trace.context import CURRENT_REPORTER, CURRENT_SPAN, SpanContext, SpanReporter, child_context
from wsmon.trace.events import TraceEvent
from wsmon.trace.sink import Sink, sink_of

Values: TypeAlias = Mapping[str, Any]
# Name, measurements, metadata, and what was given to ``attach``
TelemetryHandler: TypeAlias = Callable[[str, Values, Values, Any], object]
_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")

# Executed where a handler has raised
FAILURE: Final = "telemetry.handler.failure"
# Connections of which the session is remembered: as many as a recorder takes
MOST_CLIENTS: Final = 1_000
# Lines of a stack that the recording keeps
STACK_LINES: Final = 20
_MS_NS: Final = 1_000_000
EMPTY: Final[Values] = MappingProxyType({})
_OPCODES: Final = frozenset({"text", "binary", "ping", "pong", "close"})
# Keys of metadata that are fields of an event under another name
_FIELDS: Final[Mapping[str, str]] = {"client_id": "connection", "channel": "topic", "result": "outcome"}
_TEXTS: Final = frozenset(
    {"connection", "group", "connection_id", "trace_id", "span_id", "parent_id", "type", "topic", "ref", "outcome"}
    | {"reason", "error_type", "error"}
)
# The status that follows from a name of the guide, or of those that WebSockexNova emits
_STATUSES: Final[Mapping[str, Status]] = {
    "connection.started": "connecting",
    "connection.open": "connected",
    "connection.completed": "websocket_connected",
    "connection.websocket_upgrade": "websocket_connected",
    "connection.disconnected": "disconnected",
    "connection.close": "disconnected",
    "connection.reconnect.attempt": "reconnecting",
}
_DIRECTIONS: Final = {"message.received": "in", "message.sent": "out"}


class TelemetryError(WsmonError):
    """A handler that cannot be attached or detached."""

    def __init__(self, problem: Literal["already_exists", "not_found"], handler_id: str) -> None:
        said = "is attached already" if problem == "already_exists" else "is not attached"
        super().__init__(f"handler {handler_id!r} {said}")
        self.problem = problem


class AttachedHandler(NamedTuple):
    """A handler as it was attached."""

    id: str
    names: tuple[str, ...]
    handler: TelemetryHandler
    config: Any


class Telemetry:
    """Executes events of an application; any thread may call. ``telemetry_of`` returns the one of a process."""

    def __init__(self, sink: Sink | None = None) -> None:
        """Report to ``sink``, by default that of ``sink_of``."""
        self._sink = sink_of() if sink is None else sink
        # Guards what follows; what handlers are called from is replaced and never changed
        self._lock = threading.RLock()
        _ALL.add(self)
        self._handlers: dict[str, AttachedHandler] = {}
        self._by_name: Mapping[str, tuple[AttachedHandler, ...]] = {}
        # The session of each connection that is under way, and its status
        self._sessions: dict[str, tuple[str, Status]] = {}

    def attach(self, handler_id: str, name: str, handler: TelemetryHandler, config: Any = None) -> None:
        """Call ``handler(name, measurements, metadata, config)`` for each event of exactly that name.

        Raises ``TelemetryError`` (``already_exists``) where a handler with the id is attached.
        """
        self.attach_many(handler_id, (name,), handler, config)

    def attach_many(
        self, handler_id: str, names: list[str] | tuple[str, ...], handler: TelemetryHandler, config: Any = None
    ) -> None:
        """Call a handler for events of several names; see ``attach``."""
        with self._lock:
            if handler_id in self._handlers:
                raise TelemetryError("already_exists", handler_id)
            attached = AttachedHandler(handler_id, tuple(dict.fromkeys(names)), handler, config)
            self._replace({**self._handlers, handler_id: attached})

    def detach(self, handler_id: str) -> None:
        """Call a handler no more; raises ``TelemetryError`` (``not_found``) where it is not attached."""
        with self._lock:
            if handler_id not in self._handlers:
                raise TelemetryError("not_found", handler_id)
            self._replace({key: each for key, each in self._handlers.items() if key != handler_id})

    def list_handlers(self, prefix: str = "") -> list[AttachedHandler]:
        """Return the handlers of a name and of those below it, as ``connection`` for ``connection.started``; without a
        name, all.
        """
        with self._lock:
            handlers = tuple(self._handlers.values())
        return [
            each
            for each in handlers
            if not prefix or any(name == prefix or name.startswith(f"{prefix}.") for name in each.names)
        ]

    def execute(self, name: str, measurements: Values | None = None, metadata: Values | None = None) -> None:
        """Say that something happened: it is recorded, then the handlers of the name are called, here and now.

        Of ``measurements``, ``duration`` is in nanoseconds and ``size`` in bytes. Of ``metadata``, ``client_id`` is the
        connection, ``channel`` the topic, ``result`` the outcome (ok, error); ``type``, ``ref``, ``reason``, ``error``
        (also an exception), ``error_type``, ``payload``, ``close_code``, ``trace_id`` and ``connection_id`` are what
        ``TraceEvent`` has under these names. All else goes into ``meta``. Events of connections drive their status;
        they have a session of their own from ``connection.started`` to ``connection.disconnected``. Never raises.
        """
        measured, told = measurements or {}, metadata or {}
        try:
            event = self._event(name, measured, told)
        except Exception as error:  # noqa: BLE001 - what the application gives may be anything
            event = TraceEvent(name=name, error_type=type(error).__name__, error=text_of(error))
        self._sink.emit(event)
        self._call(name, measured, told)

    def span(self, prefix: str, metadata: Values | None = None) -> TelemetrySpan:
        """Bracket a block, or as a decorator each call of a function or coroutine function.

        Handlers see ``PREFIX.start``, then ``PREFIX.stop`` with its ``duration``, or ``PREFIX.exception`` with
        ``kind``, ``reason`` and ``stacktrace``; the exception goes on. The recording has it as a span of the trace that
        it was begun in, or of a new one.
        """
        return TelemetrySpan(self, prefix, metadata or {})

    def reporter(self, connection: str) -> SpanReporter:
        """Return where ``wsmon.trace.span`` and ``record`` report to within a span, outside of requests."""
        # Imported now: events and handlers do without
        from wsmon.clock import SystemClock

        return SpanReporter(connection, "", self._sink, SystemClock())

    def emit_span(self, event: TraceEvent, name: str, measurements: Values, metadata: Values) -> None:
        """Record one end of a span, and call the handlers of its name."""
        self._sink.emit(event)
        self._call(name, measurements, metadata)

    def after_fork(self) -> None:
        """Go on in a forked child."""
        self._lock = threading.RLock()

    def _call(self, name: str, measurements: Values, metadata: Values) -> None:
        for attached in self._by_name.get(name, ()):
            try:
                attached.handler(name, measurements, metadata, attached.config)
            except Exception as error:  # noqa: BLE001 - a handler disturbs neither the application nor other handlers
                self._fail(attached, name, error)

    def _fail(self, attached: AttachedHandler, name: str, error: Exception) -> None:
        with self._lock:
            # Another thread may have detached it, or attached it again
            if self._handlers.get(attached.id) is not attached:
                return
            self.detach(attached.id)
        where, stack = _place(error)
        self.execute(
            FAILURE,
            {"system_time": time.time_ns(), "monotonic_time": time.monotonic_ns()},
            {
                "ref": attached.id,
                "topic": name,
                "reason": where,
                "error": error,
                "handler_id": attached.id,
                "event_name": name,
                "handler_config": attached.config,
                "kind": "error",
                "stacktrace": stack,
            },
        )

    def _replace(self, handlers: dict[str, AttachedHandler]) -> None:
        by_name: dict[str, tuple[AttachedHandler, ...]] = {}
        for each in handlers.values():
            for name in each.names:
                by_name[name] = (*by_name.get(name, ()), each)
        self._handlers = handlers
        self._by_name = by_name

    def _event(self, name: str, measurements: Values, metadata: Values) -> TraceEvent:
        fields: dict[str, Any] = {}
        meta: dict[str, Any] = {}
        for key, value in measurements.items():
            if key == "duration" and _is_number(value):
                fields["duration_ms"] = value / _MS_NS
            elif key == "size" and _is_number(value) and (name in FREQUENT_NAMES or name not in _OWN_NAMES):
                fields["size"] = int(value)
            else:
                meta[key] = value
        for key, value in metadata.items():
            field = _FIELDS.get(key, key)
            if field in _TEXTS:
                fields[field] = "" if value is None else text_of(value)
            elif (
                (key == "payload" and isinstance(value, str | bytes))
                or (key == "close_code" and isinstance(value, int))
                or (key in ("from_status", "to_status") and value)
            ):
                fields[key] = value
            else:
                meta[key] = value
        error = metadata.get("error")
        if isinstance(error, BaseException):
            fields.setdefault("error_type", type(error).__name__)
        if name in _DIRECTIONS:
            fields["direction"] = _DIRECTIONS[name]
            fields["opcode"] = kind if (kind := fields.get("type")) in _OPCODES else ""
        self._place_in_trace(name, fields)
        return TraceEvent(name=name, meta=meta or None, **fields)

    def _place_in_trace(self, name: str, fields: dict[str, Any]) -> None:
        """Add status, session, trace and parent, as far as they follow from what was before."""
        status = _STATUSES.get(name)
        if status is not None:
            fields.setdefault("to_status", status)
        client = fields.get("connection", "")
        if client:
            session, before = self._session(client, name, status)
            fields.setdefault("connection_id", session)
            # Of steps that the guide has no name for, nothing is known
            if before is not None and status is not None and is_allowed(before, status):
                fields.setdefault("from_status", before)
        span = CURRENT_SPAN.get()
        if span is not None and fields.setdefault("trace_id", span.trace_id) == span.trace_id:
            fields.setdefault("parent_id", span.span_id)

    def _session(self, client: str, name: str, status: Status | None) -> tuple[str, Status | None]:
        """The session of a connection, which begins with a dial and ends with a disconnect, and its status before;
        without a session, nothing.
        """
        with self._lock:
            session, before = self._sessions.get(client, ("", None))
            if status == "disconnected":
                self._sessions.pop(client, None)
            elif name == "connection.started" or (not session and status in ("connected", "websocket_connected")):
                session, before = os.urandom(8).hex(), None
            if session and status is not None and status != "disconnected":
                if len(self._sessions) >= MOST_CLIENTS and client not in self._sessions:
                    self._sessions.pop(next(iter(self._sessions)))
                self._sessions[client] = session, status
            return session, before


class TelemetrySpan:
    """One block of code, with its start and its end; ``Telemetry.span`` makes it.

    What the block adds to ``measurements`` and ``metadata`` goes to the event of its end.
    """

    def __init__(self, telemetry: Telemetry, prefix: str, metadata: Values) -> None:
        self._telemetry = telemetry
        self._prefix = prefix
        self._started = dict(metadata)
        self.measurements: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self._context: SpanContext | None = None

    def __call__(self, function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
        """Decorate a function or a coroutine function: each call is a span of its own."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*args: _Parameters.args, **keywords: _Parameters.kwargs) -> Any:
                with TelemetrySpan(self._telemetry, self._prefix, self._started):
                    return await function(*args, **keywords)

            return cast("Callable[_Parameters, _Result]", awaited)

        @functools.wraps(function)
        def called(*args: _Parameters.args, **keywords: _Parameters.kwargs) -> _Result:
            with TelemetrySpan(self._telemetry, self._prefix, self._started):
                return function(*args, **keywords)

        return called

    def __enter__(self) -> TelemetrySpan:
        """Begin; raises ``RuntimeError`` where it was begun before."""
        if self._context is not None:
            raise RuntimeError("a span begins once")
        self._context, self._parent_id = child_context(str(self._started.get("trace_id") or ""))
        self._before = CURRENT_SPAN.get(), CURRENT_REPORTER.get()
        CURRENT_SPAN.set(self._context)
        # Within a request, or a span of a service, what it calls is that service's
        if self._before[1] is None:
            CURRENT_REPORTER.set(self._telemetry.reporter(text_of(self._started.get("client_id") or "")))
        self._began_ns = time.monotonic_ns()
        measured = {"system_time": time.time_ns(), "monotonic_time": self._began_ns}
        self._tell("start", measured, self._started, {"name": "trace.span.start", "mono_ns": self._began_ns})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End, with the exception if there is one, which goes on."""
        # Set back by value: the end may come in another context than the start, as in a generator
        CURRENT_SPAN.set(self._before[0])
        CURRENT_REPORTER.set(self._before[1])
        now_ns = time.monotonic_ns()
        measured = {**self.measurements, "duration": now_ns - self._began_ns, "monotonic_time": now_ns}
        told = {**self._started, **self.metadata}
        fields: dict[str, Any] = {"name": "trace.span.end", "mono_ns": now_ns, "outcome": "ok"}
        fields["duration_ms"] = measured["duration"] / _MS_NS
        if error is None:
            self._tell("stop", measured, told, fields)
            return
        where, stack = _place(error)
        # An exit asks the program, or a task, to end
        told |= {"kind": "error" if isinstance(error, Exception) else "exit", "stacktrace": stack}
        fields |= {"outcome": "error", "error_type": type(error).__name__, "error": text_of(error), "reason": where}
        self._tell("exception", measured, told, fields, {"reason": error})

    async def __aenter__(self) -> TelemetrySpan:
        """Begin, as ``__enter__`` does."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End, as ``__exit__`` does."""
        self.__exit__(kind, error, traceback)

    def _tell(
        self, suffix: str, measured: Values, told: dict[str, Any], fields: dict[str, Any], failed: Values = EMPTY
    ) -> None:
        """Record one end, and call its handlers, which see what ``failed`` has beside the metadata."""
        assert self._context is not None
        trace_id, span_id = self._context
        meta = {key: value for key, value in (*measured.items(), *told.items()) if key not in _SPAN_KEYS}
        event = TraceEvent(
            type=self._prefix,
            trace_id=trace_id,
            span_id=span_id,
            parent_id=self._parent_id,
            connection=text_of(told.get("client_id", "")),
            meta=meta or None,
            **fields,
        )
        context = {"telemetry_span_context": span_id, "trace_id": trace_id}
        self._telemetry.emit_span(event, f"{self._prefix}.{suffix}", measured, {**told, **failed, **context})


_OWN_NAMES: Final = frozenset(EVENT_NAMES)
# What the event of a span has beside its metadata
_SPAN_KEYS: Final = frozenset({"client_id", "trace_id", "duration", "system_time", "monotonic_time"})


def text_of(value: object) -> str:
    """Return ``str(value)``, or the name of its type where that fails."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a class of the application
        return type(value).__name__


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _place(error: BaseException) -> tuple[str, list[str]]:
    """Where an exception was raised, as ``FILE:LINE in FUNCTION``, and its stack, outermost first."""
    stack: list[str] = []
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        # What this module catches and passes on goes through it
        if code.co_filename != __file__:
            stack.append(f"{code.co_filename}:{traceback.tb_lineno} in {code.co_name}")
        traceback = traceback.tb_next
    return (stack[-1] if stack else "", stack[-STACK_LINES:])


# Of this process, by the sink that they report to
_SHARED: dict[Sink, Telemetry] = {}


def telemetry_of(store: str | os.PathLike[str] = "", *, own: bool = False) -> Telemetry:
    """Return the telemetry of this process for a store, made at the first call; see ``sink_of``."""
    sink = sink_of(store, own=own)
    return _SHARED.setdefault(sink, Telemetry(sink))


def _forked() -> None:
    """Let a forked child go on where a thread of its parent held a lock."""
    for telemetry in tuple(_ALL):
        telemetry.after_fork()


_ALL: weakref.WeakSet[Telemetry] = weakref.WeakSet()
os.register_at_fork(after_in_child=_forked)
