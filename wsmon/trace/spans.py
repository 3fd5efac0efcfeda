"""Spans of an application: what is under way now, what it calls, and the trace id that other programs are told.

The current span is a context variable. ``asyncio`` tasks and ``asyncio.to_thread`` inherit it; a thread that is started
by hand does with ``contextvars.copy_context().run``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Iterable, Mapping, MutableMapping
from types import MappingProxyType, TracebackType
from typing import Any, Final, NamedTuple, ParamSpec, Self, TypeVar, overload

from wsmon.trace.context import CURRENT_REPORTER, CURRENT_SPAN, SpanContext, SpanReporter
from wsmon.trace.events import TraceEvent

_P = ParamSpec("_P")
_R = TypeVar("_R")
_MS_NS: Final = 1_000_000
# Name of the header of W3C Trace Context
TRACEPARENT: Final = "traceparent"
_HEX: Final = frozenset("0123456789abcdef")
# Metadata of a call of another program, which exports tell apart from work of one's own
CALL: Final[Mapping[str, object]] = MappingProxyType({"kind": "client"})


class TraceParent(NamedTuple):
    """The span of another program that caused a request."""

    trace_id: str
    """32 hex digits."""
    span_id: str
    """16 hex digits."""
    is_sampled: bool = True


def parse_traceparent(text: str) -> TraceParent | None:
    """Return what a ``traceparent`` header says; None unless it is one of version 00, to the letter.

    Lowercase hex digits, 2-32-16-2, ids that are not all zero: https://www.w3.org/TR/trace-context/#traceparent-header.
    """
    parts = text.split("-")
    if [len(part) for part in parts] != [2, 32, 16, 2] or not all(_HEX.issuperset(part) for part in parts):
        return None
    version, trace_id, span_id, flags = parts
    if version != "00" or not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return TraceParent(trace_id, span_id, bool(int(flags, 16) & 1))


def only_value(values: Iterable[str]) -> str:
    """Return the value of a header; empty where there is none, or more than one, which is no valid ``traceparent``."""
    found = tuple(values)
    return found[0].strip() if len(found) == 1 else ""


def traceparent() -> str:
    """Return the header that makes the current span the parent of a call; empty where there is none.

    A trace id that is not 32 lowercase hex digits cannot be said to other programs: then it is empty, too.
    """
    span = current_span()
    text = "" if span is None else f"00-{span.trace_id}-{span.span_id}-01"
    return text if parse_traceparent(text) else ""


def inject(headers: MutableMapping[str, str]) -> None:
    """Add ``traceparent`` to the headers of a call, so that it joins the trace; one that is there already stays.

    Nothing is added where no span is current, or its trace id cannot be said to other programs.
    """
    text = traceparent()
    if text and not any(name.lower() == TRACEPARENT for name in headers):
        headers[TRACEPARENT] = text


class ActiveSpan:
    """A span that has started: ``set`` attributes, ``end`` it, or use it as a context manager. Any thread may call.

    What ``with span(...) as active`` gives. ``trace_id``, ``span_id`` and ``parent_id`` are its ids in hex, ``name``
    may be changed until it ends. Where no span was current when ``span`` began it, it has ids, and nothing is emitted.
    """

    def __init__(
        self,
        reporter: SpanReporter | None,
        name: str,
        trace_id: str,
        parent_id: str = "",
        *,
        event: str = "trace.span",
        topic: str = "",
        attributes: Mapping[str, object] | None = None,
        facts: Mapping[str, object] | None = None,
        began: tuple[int, int] | None = None,
    ) -> None:
        """Start it, and emit ``event`` ``.start``, unless there is no reporter.

        ``facts`` are metadata beside the attributes of the application; ``began`` is a wall and a monotonic time, by
        default now.
        """
        self.reporter = reporter
        self.name = name
        self.trace_id = trace_id
        self.span_id = new_id(8)
        self.parent_id = parent_id
        self.topic = topic
        self._event = event
        self._attributes: dict[str, object] = dict(attributes or {})
        self.facts: dict[str, object] = dict(facts or {})
        # Taken by the end that comes first: ``pop`` is atomic, so that of two threads one ends it
        self._unended = [True]
        self._before: tuple[SpanContext | None, SpanReporter | None] = (None, None)
        if reporter is not None:
            self._began = reporter.now() if began is None else began
            self._emit(reporter, f"{event}.start", self._began)

    def __enter__(self) -> Self:
        self._before = CURRENT_SPAN.get(), CURRENT_REPORTER.get()
        # Nothing is told of a span without a reporter, so nothing can be its child
        if self.reporter is not None:
            CURRENT_SPAN.set(SpanContext(self.trace_id, self.span_id))
            CURRENT_REPORTER.set(self.reporter)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Not by a token: a generator may end in another context than it began in
        span, reporter = self._before
        CURRENT_SPAN.set(span)
        CURRENT_REPORTER.set(reporter)
        self.finish(error)

    def set(self, **attributes: object) -> None:
        """Add attributes: any values; they are reported with the end, and exported to OpenTelemetry."""
        self._attributes.update(attributes)

    def end(
        self, error: BaseException | str | None = None, *, status: int | None = None, duration_ns: int | None = None
    ) -> None:
        """End it, with an exception or a text where it failed; every call but the first does nothing.

        ``status`` is an HTTP status, of which 400 and above are errors. ``duration_ns`` is a duration in nanoseconds
        that was measured otherwise; by default it is the time since the start.
        """
        try:
            self._unended.pop()
        except IndexError:
            return
        reporter = self.reporter
        if reporter is None:
            return
        now = reporter.now()
        took_ns = max(0, now[1] - self._began[1]) if duration_ns is None else duration_ns
        error_type, text = error_of(error)
        # A status says itself whether it is an error
        outcome = "" if status is not None else "error" if error_type else "ok"
        self._emit(
            reporter, f"{self._event}.end", now, duration_ms=took_ns / _MS_NS, status=status, outcome=outcome,
            error_type=error_type, error=text,
        )  # fmt: skip

    def finish(self, error: BaseException | str | None = None) -> None:
        """End it as the end of its block does."""
        self.end(error)

    def _emit(self, reporter: SpanReporter, name: str, at: tuple[int, int], **fields: Any) -> None:
        """Emit an event of it, at a wall and a monotonic time."""
        meta = self.facts | ({"attributes": dict(self._attributes)} if self._attributes else {})
        reporter.sink.emit(
            TraceEvent(
                name=name,
                ts_ns=at[0],
                mono_ns=at[1],
                connection=reporter.connection,
                group=reporter.group,
                connection_id=reporter.connection_id,
                trace_id=self.trace_id,
                span_id=self.span_id,
                parent_id=self.parent_id,
                type=self.name,
                topic=self.topic,
                meta=meta or None,
                **fields,
            )
        )


def current_span() -> SpanContext | None:
    """Return ``trace_id`` and ``span_id`` of what is under way here, a named tuple; None where nothing is."""
    return CURRENT_SPAN.get()


class SpanScope:
    """A span around a block or a function: ``with``, ``async with``, or a decorator of either kind of function.

    Each entry starts a span, whose parent is the span that is current then; an exception ends it as its error, and goes
    on. Made by ``span`` or ``RequestTracer.span``; tasks do not share one as a context manager.
    """

    def __init__(self, name: str, attributes: Mapping[str, object] | None, reporter: SpanReporter | None) -> None:
        self._name = name
        self._attributes = attributes
        self._reporter = reporter
        self._entered: list[ActiveSpan] = []

    def __enter__(self) -> ActiveSpan:
        span = self._start()
        self._entered.append(span)
        return span.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._entered.pop().__exit__(kind, error, traceback)

    async def __aenter__(self) -> ActiveSpan:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    @overload
    def __call__(self, function: Callable[_P, Coroutine[Any, Any, _R]]) -> Callable[_P, Coroutine[Any, Any, _R]]: ...
    @overload
    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]: ...
    def __call__(self, function: Callable[_P, Any]) -> Callable[_P, Any]:
        """Return a function with a span around each call; raises ``TypeError`` for a generator, which pauses."""
        # Imported now: only decorators need them
        import functools
        import inspect

        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError("a generator has no span of its own: use `with span(...)` in it")
        if is_coroutine_function(function):

            @functools.wraps(function)
            async def traced_coroutine(*args: _P.args, **kwargs: _P.kwargs) -> Any:
                with SpanScope(self._name, self._attributes, self._reporter):
                    return await function(*args, **kwargs)

            return traced_coroutine

        @functools.wraps(function)
        def traced(*args: _P.args, **kwargs: _P.kwargs) -> Any:
            with SpanScope(self._name, self._attributes, self._reporter):
                return function(*args, **kwargs)

        return traced

    def _start(self) -> ActiveSpan:
        parent = CURRENT_SPAN.get()
        reporter = self._reporter or CURRENT_REPORTER.get()
        if parent is None:
            return ActiveSpan(reporter, self._name, new_id(16), attributes=self._attributes)
        return ActiveSpan(reporter, self._name, parent.trace_id, parent.span_id, attributes=self._attributes)


def span(name: str, attributes: Mapping[str, object] | None = None) -> SpanScope:
    """Return a span within the current one, in its trace; a context manager and a decorator, see ``SpanScope``.

    ``attributes`` may have any values.
    Where no span is current, nothing is emitted, since it would be unknown who reports: begin with a request, or with
    the ``span`` of a ``RequestTracer`` or a ``Telemetry``.
    """
    return SpanScope(name, attributes, None)


def record(name: str, start: float, error: BaseException | str | None = None) -> None:
    """Report a call of another program that is over as a child of the current span: a query, an HTTP request.

    ``start`` is ``time.monotonic()`` of its beginning, in seconds; its end is now. Exports have it as a span of kind
    CLIENT. ``error`` is an exception or a text where it failed. Where no span is current, nothing is emitted.
    """
    parent, reporter = CURRENT_SPAN.get(), CURRENT_REPORTER.get()
    if parent is None or reporter is None:
        return
    wall_ns, mono_ns = reporter.now()
    took_ns = max(0, mono_ns - round(start * 1_000 * _MS_NS))
    began = (wall_ns - took_ns, mono_ns - took_ns)
    call = ActiveSpan(reporter, name, parent.trace_id, parent.span_id, facts=CALL, began=began)
    call.end(error, duration_ns=took_ns)


def new_id(size: int) -> str:
    """Return ``size`` random bytes in hex, not all zero."""
    while not (digits := os.urandom(size).hex()).strip("0"):
        pass
    return digits


def error_of(error: BaseException | str | None) -> tuple[str, str]:
    """Return the type and the text of an error; both empty where there is none."""
    if error is None or error == "":
        return "", ""
    if isinstance(error, str):
        return "error", error
    try:
        return type(error).__name__, str(error)
    except Exception:  # noqa: BLE001 - a class of the application, whose text fails
        return type(error).__name__, ""


def is_coroutine_function(function: object) -> bool:
    """Return whether a call of the function is to be awaited."""
    # Imported now: it takes longer to load than all of this package
    import inspect

    # An object may have an `async def __call__`
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)
