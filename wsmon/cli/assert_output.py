"""What ``wsmon assert`` prints or writes: results of assertions as a table, as JSON, and as JUnit XML."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import click

from wsmon.cli.assertion_results import AssertionResult, GroupResult
from wsmon.errors import EXIT_OK, EXIT_THRESHOLD, EXIT_USAGE
from wsmon.export.jsonl import rfc3339
from wsmon.model import units as fmt
from wsmon.model.sanitize import escape_json, sanitize
from wsmon.model.units import SECOND_NS
from wsmon.query.assertions import Assertion, QueryCount

SCHEMA = "wsmon.assert/1"
# Groups of an assertion that the table lists; JSON and JUnit have all
MOST_LINES = 20
NAME_CHARS = 60
_DECIMALS = 6

# How a result is called, in the order of the last line
_WORDS: dict[bool | None, str] = {True: "holds", False: "fails", None: "not evaluated"}
# Characters that XML 1.0 does not have: lone surrogates and two of the basic plane; sanitize() replaces controls
_NO_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Form:
    """How results are printed and written."""

    format: str = "table"
    """``table``, ``json`` or ``junit``."""
    junit: Path | None = None
    """The file that JUnit XML is written to as well; None = none."""


def report(results: Sequence[AssertionResult], form: Form, store: Path, at_ns: int) -> int:
    """Print the results, write the file of the form, and return the exit code; ``at_ns`` is the wall time."""
    try:
        if form.junit is not None:
            form.junit.write_bytes(junit(results, store, at_ns))
    finally:
        # Printed also where the file cannot be written: a probe has waited for these results
        _print(results, form.format, store, at_ns)
    return {True: EXIT_OK, False: EXIT_THRESHOLD, None: EXIT_USAGE}[verdict(results)]


def _print(results: Sequence[AssertionResult], format_: str, store: Path, at_ns: int) -> None:
    if format_ == "json":
        print_json(results, store)
    elif format_ == "junit":
        click.echo(junit(results, store, at_ns), nl=False)
    else:
        print_table(results)


def print_table(results: Sequence[AssertionResult]) -> None:
    """Print a line for each assertion, below it the groups of which it does not hold, and how many hold."""
    for line in table(results):
        click.echo(line)


def table(results: Sequence[AssertionResult]) -> Iterator[str]:
    """Yield the lines."""
    width = max(map(len, _WORDS.values()))
    for result in results:
        single = result.groups[0] if len(result.groups) == 1 and not result.groups[0].group else None
        said = result.why if not result.groups else _said(result.assertion, single) if single else _share(result)
        yield f"{_WORDS[result.ok]:<{width}}  {sanitize(result.assertion.text)}: {said}"
        if len(result.groups) == 1:
            continue
        amiss = sorted((each for each in result.groups if not each.ok), key=lambda each: each.ok is None)
        for group in amiss[:MOST_LINES]:
            word = "" if group.ok is None else f"{_WORDS[group.ok]}, "
            yield f"{'':<{width}}  - {sanitize(group.group, NAME_CHARS)}: {word}{_said(result.assertion, group)}"
        if len(amiss) > MOST_LINES:
            yield f"{'':<{width}}  - and {len(amiss) - MOST_LINES:,} more; --json lists all"
    counts = Counter(result.ok for result in results)
    yield ""
    yield ", ".join(f"{counts[ok]:,} {_plural(ok, counts[ok])}" for ok in _WORDS if counts[ok])


def _plural(ok: bool | None, number: int) -> str:
    word = _WORDS[ok]
    return word if ok is None or number == 1 else word.removesuffix("s")


def _share(result: AssertionResult) -> str:
    holding, whole = sum(each.ok is True for each in result.groups), len(result.groups)
    if whole == 1:
        return f"{sanitize(result.groups[0].group, NAME_CHARS)}, {_said(result.assertion, result.groups[0])}"
    unknown = sum(each.ok is None for each in result.groups)
    return f"{holding:,} of {whole:,} hold" + (f", {unknown:,} {_WORDS[None]}" if unknown else "")


def _said(assertion: Assertion, group: GroupResult) -> str:
    """Return the value and what it is made from, or why it cannot be judged."""
    value = "" if group.value is None else shown(assertion, group.value)
    if isinstance(assertion.subject, QueryCount):
        value += " event" if group.value == 1 else " events"
    if group.ok is None:
        return f"{group.why}{_basis(group)}{f'; so far {value}' if value else ''}"
    return f"{value}{_basis(group)}"


def _basis(group: GroupResult) -> str:
    """Return what a value is made from, and where that is too little, how much is needed."""
    if group.samples is None or group.needed is None:
        return ""
    if group.is_of_time:
        samples, needed = (fmt.duration(each * SECOND_NS) for each in (group.samples, group.needed))
        noun = "of scheduled time" if group.samples >= group.needed else "scheduled time"
    else:
        samples, needed, noun = f"{group.samples:,}", f"{group.needed:,}", "samples"
        noun = "sample" if max(group.samples, group.needed) == 1 else noun
    return f" ({samples} of {needed} {noun} needed)" if group.samples < group.needed else f" ({samples} {noun})"


def shown(assertion: Assertion, value: float) -> str:
    """Return a value of an assertion with its unit."""
    match assertion.unit:
        case "share" | "ms" | "per_s":
            return fmt.figure(value, assertion.unit)
        case "bytes":
            return fmt.size(value)
        case "number":
            return f"{value:,.{_DECIMALS}f}".rstrip("0").rstrip(".")


def document(results: Sequence[AssertionResult], store: Path) -> dict[str, object]:
    """Return the results as one object for JSON; shares are 0…1, durations in milliseconds, sizes in bytes."""
    return {
        "schema": SCHEMA,
        "ok": verdict(results),
        "store": str(store),
        "assertions": [
            {
                "assertion": result.assertion.text,
                "ok": result.ok,
                "why": result.why,
                "comparison": result.assertion.comparison,
                "bound": result.assertion.bound,
                "unit": result.assertion.unit,
                "results": [
                    {
                        "group": group.group,
                        "ok": group.ok,
                        "value": None if group.value is None else round(group.value, _DECIMALS),
                        "samples": group.samples,
                        "needed": group.needed,
                        "why": group.why,
                    }
                    for group in result.groups
                ],
            }
            for result in results
        ],
    }


def print_json(results: Sequence[AssertionResult], store: Path) -> None:
    """Print the results as one object."""
    text = json.dumps(document(results, store), ensure_ascii=False)
    click.echo(escape_json(text.encode("utf-8", "backslashreplace")))


def verdict(results: Sequence[AssertionResult]) -> bool | None:
    """Return whether all hold: False where one fails, else None where one cannot be judged."""
    found = [result.ok for result in results]
    if False in found:
        return False
    return None if None in found else True


def junit(results: Sequence[AssertionResult], store: Path, at_ns: int) -> bytes:
    """Return the results as JUnit XML; ``at_ns`` is the wall time of the run.

    Each group is a test case. What cannot be judged is an error, as a test that could not run: CI shows tests that are
    skipped as passed.
    """
    root = ET.Element("testsuites")
    suite = ET.SubElement(root, "testsuite", name="wsmon assert", hostname="localhost", timestamp=rfc3339(at_ns)[:19])
    properties = ET.SubElement(suite, "properties")
    ET.SubElement(properties, "property", name="store", value=_xml(str(store)))
    cases = [case for result in results for case in _cases(result)]
    suite.extend(cases)
    counts = {
        "tests": len(cases),
        "failures": sum(case.find("failure") is not None for case in cases),
        "errors": sum(case.find("error") is not None for case in cases),
        "skipped": 0,
    }
    for element in (root, suite):
        for name, number in counts.items():
            element.set(name, str(number))
        element.set("time", f"{sum(result.took_s for result in results):.3f}")
    return bytes(ET.tostring(root, "utf-8", xml_declaration=True)) + b"\n"


def _cases(result: AssertionResult) -> Iterator[ET.Element]:
    groups = result.groups or (GroupResult("", None, None, why=result.why),)
    for group in groups:
        name = result.assertion.text + (f" [{group.group}]" if group.group else "")
        took = f"{result.took_s / len(groups):.3f}"
        case = ET.Element("testcase", classname="wsmon.assert", name=_xml(name), time=took)
        if group.ok is not True:
            kind = "error" if group.ok is None else "failure"
            said = _said(result.assertion, group) if result.groups else result.why
            ET.SubElement(case, kind, type=_WORDS[group.ok].replace(" ", "-"), message=_xml(said)).text = _xml(said)
        yield case


def _xml(text: str) -> str:
    return _NO_XML.sub("\ufffd", sanitize(text))
