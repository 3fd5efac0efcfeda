"""The reference of ``wsmon.trace``, made of its docstrings: ``python -m tests.support.trace_reference`` writes it.

It stands in docs/trace.md below a heading; the hand-written part above it stays.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import wsmon.trace

PAGE = Path(__file__).parents[2] / "docs" / "trace.md"
HEADING = "## Reference\n"
# What belongs together, in the order of the page
GROUPS = {
    "Events": ("TraceEvent", "Sink", "sink_of", "SinkReport"),
    "Requests and spans": (
        "RequestTracer", "RequestMiddleware", "TracedRequest", "span", "SpanScope", "ActiveSpan", "record",
        "current_span", "traceparent", "inject", "parse_traceparent", "TraceParent", "waterfall", "TraceSpan",
        "UnknownTraceError",
    ),
    "WebSocket connections": ("connect", "serve"),
    "States of a connection": ("Tracer", "TracedTransition", "TraceStatistics", "UnsafePathError"),
    "Telemetry": ("Telemetry", "telemetry_of", "AttachedHandler", "TelemetryError"),
    "Tasks": (
        "TraceBackend", "BackendStats", "EventRouter", "EventMapping", "MetricsBackend", "Counter", "Histogram",
    ),
    "Publish and subscribe": ("Bus", "EventSubscription", "ReceivedEvent", "Gap", "Truncated"),
}  # fmt: skip
# What the library makes and applications use: how it is made is not theirs
MADE_BY_LIBRARY = frozenset({"ActiveSpan", "EventSubscription", "SpanScope", "TelemetryError", "TracedRequest"})
# Between modules of the library
INTERNAL = frozenset({"after_fork", "emit_span", "reporter"})


def reference() -> str:
    """The section, from its heading on."""
    parts = [
        HEADING,
        "Made of the docstrings; `from wsmon.trace import …`. Errors are subclasses of `wsmon.errors.WsmonError`.\n",
    ]
    for title, names in GROUPS.items():
        parts.append(f"### {title}: reference\n")
        for name in names:
            parts += _entry(name, getattr(wsmon.trace, name))
    return "\n".join(parts)


def with_reference(page: str) -> str:
    """A page with its section replaced."""
    return page.partition(HEADING)[0].rstrip("\n") + "\n\n" + reference()


def _entry(name: str, value: object) -> Iterator[str]:
    if not inspect.isclass(value):
        yield f"#### `{name}{_signature(value)}`\n\n{_text(value)}\n"
        return
    tree = ast.parse(inspect.getsource(value))
    (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef))
    init = None if name in MADE_BY_LIBRARY else value.__dict__.get("__init__")
    yield f"#### `{name}{_signature(init) if inspect.isfunction(init) else ''}`\n\n{_text(value)}\n"
    if inspect.isfunction(init) and init.__doc__:
        yield f"{_text(init)}\n"
    fields = list(_fields(body))
    if fields:
        yield "\n".join(fields) + "\n"
    methods = [
        (each, member)
        for each, member in value.__dict__.items()
        if (not each.startswith("_") or each == "__len__")
        and each not in INTERNAL
        and isinstance(member, property | _FUNCTION)
        and not _is_of_library(value, each)
    ]
    if methods:
        yield "\n".join(_method(each, member) for each, member in methods) + "\n"


_FUNCTION = type(reference)


def _is_of_library(value: type, name: str) -> bool:
    """Whether a base class that is not of wsmon has it: its documentation is the library's."""
    return any(hasattr(base, name) for base in value.__mro__[1:] if not base.__module__.startswith("wsmon"))


def _method(name: str, member: object) -> str:
    text = _text(member).replace("\n\n", "\n\n  ")
    if isinstance(member, property):
        return f"- `{name}`: {text}"
    shown = "len()" if name == "__len__" else f"{name}{_signature(member)}"
    return f"- `{shown}`: {text}"


def _fields(body: list[ast.stmt]) -> Iterator[str]:
    """The fields of a record, each with the string below it."""
    for place, node in enumerate(body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            said = ""
            following = body[place + 1] if place + 1 < len(body) else None
            if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
                said = f": {_plain(str(following.value.value))}"
            default = f" = {ast.unparse(node.value)}" if node.value is not None else ""
            yield f"- `{node.target.id}: {ast.unparse(node.annotation)}{default}`{said}"


def _signature(function: object) -> str:
    """The parameters with their defaults, without types that only a checker reads."""
    assert callable(function)
    parameters = [each for each in inspect.signature(function).parameters.values() if each.name != "self"]
    return str(inspect.Signature([each.replace(annotation=inspect.Parameter.empty) for each in parameters]))


def _text(value: object) -> str:
    return _plain(inspect.getdoc(value) or "")


def _plain(docstring: str) -> str:
    """A docstring in Markdown, a paragraph a line."""
    paragraphs = re.split(r"\n\s*\n", inspect.cleandoc(docstring))
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs).replace("``", "`")


if __name__ == "__main__":
    PAGE.write_text(with_reference(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
