"""Reads the steps of a scenario: one TOML table each, its kind under ``do``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from wsmon.demo.frames import BINARY, TEXT
from wsmon.demo.steps import (
    Abort,
    Close,
    Cycle,
    DelayPongs,
    Drop,
    Echo,
    Fixed,
    Freeze,
    IgnorePings,
    Numbered,
    Payload,
    Ping,
    Raw,
    Receive,
    Repeat,
    Send,
    Step,
    Wait,
)
from wsmon.demo.table import Table
from wsmon.demo.template import Template, parse_template

MOST = 1_000_000_000
# messages, repetitions: a bound that only a typing error passes


def read_steps(where: str, tables: Sequence[Mapping[str, object]], names: frozenset[str]) -> tuple[Step, ...]:
    """The steps in ``tables``; ``names`` are those that a template may use. Raises WsmonError."""
    return tuple(
        _read_step(Table(f"{where}: step {number}", entries), names) for number, entries in enumerate(tables, 1)
    )


def _read_step(table: Table, names: frozenset[str]) -> Step:
    do = table.text("do")
    step: Step
    if do == "send":
        step = _read_send(table, names)
    elif do in ("repeat", "cycle"):
        step = _read_group(table, do, names)
    elif do in _SIMPLE_STEPS:
        step = _SIMPLE_STEPS[do](table)
    else:
        known = ("send", "repeat", "cycle", *_SIMPLE_STEPS)
        raise table.error(f"do is {do!r}", f"use one of {', '.join(known)}")
    table.end()
    return step


def _read_group(table: Table, do: str, names: frozenset[str]) -> Repeat | Cycle:
    steps = read_steps(table.where, table.tables("steps"), names)
    if not steps:
        raise table.error(f"{do} has no steps", "add steps = [{ do = … }]")
    if do == "cycle":
        return Cycle(steps)
    return Repeat(steps, table.integer("times", 1, 1, MOST) if table.has("times") else None)


def _read_send(table: Table, names: frozenset[str]) -> Send:
    payloads, opcode = _read_payloads(table, names)
    duration = table.duration("for")
    bounded = table.has("count") or (duration is None and not table.has("rate"))
    sizes = table.sizes("size")
    needs_size = any(isinstance(p, Numbered) or (isinstance(p, Template) and p.has_pad) for p in payloads)
    if needs_size != bool(sizes):
        raise table.error("size and what it is for belong together", "give text with $pad, or size alone")
    jitter = table.number("jitter", 0.0)
    if jitter > 1.0:
        raise table.error(f"jitter is {jitter:g}", "use a part of the gap between two messages, 0 to 1")
    return Send(
        payloads=payloads,
        opcode=opcode,
        rate_per_s=table.number("rate", 0.0),
        jitter=jitter,
        count=table.integer("count", 1, 0, MOST) if bounded else None,
        duration_s=duration,
        fragments=table.integer("fragments", 1, 1, 10_000),
        sizes_bytes=sizes or (0,),
    )


def _read_payloads(table: Table, names: frozenset[str]) -> tuple[tuple[Payload, ...], int]:
    payloads: tuple[Payload, ...]
    if table.has("text"):
        payloads, opcode = tuple(_read_template(table, text, names) for text in table.texts("text")), TEXT
    elif table.has("hex"):
        payloads, opcode = (Fixed(table.octets("hex")),), BINARY
    else:
        payloads, opcode = (Numbered(),), BINARY
    if not payloads:
        raise table.error("text is empty", "list at least one text")
    return payloads, _read_opcode(table, opcode)


def _read_opcode(table: Table, default: int) -> int:
    match table.take("as", default):
        case "text":
            return TEXT
        case "binary":
            return BINARY
        case int(opcode) if 0 <= opcode <= 15:
            return opcode
        case kind:
            raise table.error(f"as is {kind!r}", 'use "text", "binary" or an opcode in 0 … 15')


def _read_template(table: Table, text: str, names: frozenset[str]) -> Template:
    try:
        template = parse_template(text)
    except ValueError as error:
        raise table.error(str(error)) from None
    for name in template.names:
        if name not in names:
            raise table.error(
                f"unknown value ${name}", f"use one of {', '.join(sorted(names))}, or $$ for a dollar sign"
            )
    return template


def _read_close(table: Table) -> Close:
    reason = table.octets("reason_hex") if table.has("reason_hex") else table.text("reason").encode()
    code = table.integer("code", 1000, 0, 65535) if table.has("code") else None
    if code is None and reason:
        raise table.error("a close reason needs a code", "add code = …")
    if len(reason) > 123:
        raise table.error(f"the reason has {len(reason)} bytes", "a close frame holds 123 bytes of reason")
    return Close(code, reason)


def _read_raw(table: Table) -> Raw:
    return Raw(table.octets("hex") if table.has("hex") else table.text("text").encode())


def _read_wait(table: Table) -> Wait:
    duration = table.duration("for")
    if duration is None:
        raise table.error("wait has no duration", 'add for = "1s"; silence needs none')
    return Wait(duration)


def _read_delay_pongs(table: Table) -> DelayPongs:
    delay = table.duration("for")
    if delay is None:
        raise table.error("delay_pongs has no duration", 'add for = "300ms"')
    return DelayPongs(delay)


_SIMPLE_STEPS: Mapping[str, Callable[[Table], Step]] = {
    "raw": _read_raw,
    "ping": lambda table: Ping(table.text("text").encode()[:125]),
    "wait": _read_wait,
    "silence": lambda table: Wait(table.duration("for")),
    "receive": lambda table: Receive(table.integer("count", 1, 1, MOST)),
    "freeze": lambda table: Freeze(table.duration("for")),
    "echo": lambda _table: Echo(),
    "ignore_pings": lambda _table: IgnorePings(),
    "delay_pongs": _read_delay_pongs,
    "close": _read_close,
    "drop": lambda _table: Drop(),
    "abort": lambda _table: Abort(),
}
