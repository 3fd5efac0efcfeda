"""What holds for every configuration."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from pathlib import Path

import tomli
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.thoroughness import times
from wsmon.config.lines import KeyPath, Lines
from wsmon.config.load import load
from wsmon.config.schema import CONNECTION, WSMON
from wsmon.errors import ConfigError, Problem, UsageError
from wsmon.model.units import CONFIGURED_UNIT_S, UNIT_BYTES, format_duration, format_size, parse_duration, parse_size

one_folder = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=times(150)
)

scalars = st.one_of(
    st.text(max_size=20),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "20s", "1MiB", "${secret:S}", "${env:NO}", "${file:/}", "wss://h", "$.x", "\\", "\n"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
key_names = st.sampled_from([key.path for key in (*WSMON, *CONNECTION)] + ["zzz", "ping.zzz", "ping"]) | st.text(
    "abcdefg", min_size=1, max_size=8
)
tables = st.sampled_from(["[wsmon]", "[defaults]", "[keys]", "[[connection]]", "[[connection]]", "[other]"])


def toml(value: object) -> str:
    """``value`` as TOML writes it inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(str(name))} = {toml(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Texts that look like configurations, most of them valid TOML."""
    lines: list[str] = []
    for header in draw(st.lists(tables, max_size=4)):
        lines.append(header)
        entries = draw(st.dictionaries(key_names, values, max_size=4))
        lines += [f"{name} = {toml(value)}" for name, value in entries.items()]
    return "\n".join(lines)


def problems_of(folder: Path, content: bytes) -> tuple[Problem, ...]:
    """The problems of a file with that content; none where it is a configuration."""
    file = folder / "x.toml"
    file.write_bytes(content)
    try:
        load(file, {"S": "a-secret-value"})
    except ConfigError as error:
        return error.problems
    return ()


def check_messages(folder: Path, content: bytes) -> None:
    """Whatever a file contains: problems have lines of it, in order, and can be printed by anybody."""
    problems = problems_of(folder, content)
    lines = [problem.line for problem in problems]
    assert lines == sorted(lines)
    assert all(0 <= line <= content.count(b"\n") + 1 for line in lines)
    for problem in problems:
        assert problem.problem
        assert str(problem).isprintable()
        assert "a-secret-value" not in str(problem)


@one_folder
@given(st.one_of(st.text().map(lambda text: text.encode("utf-8", "replace")), st.binary()))
def test_random_bytes_raise_nothing_but_config_errors(tmp_path: Path, content: bytes) -> None:
    check_messages(tmp_path, content)


@one_folder
@given(documents())
def test_random_documents_raise_nothing_but_config_errors(tmp_path: Path, text: str) -> None:
    check_messages(tmp_path, text.encode("utf-8", "replace"))


@one_folder
@given(
    name=st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True),
    group=st.text(st.characters(categories=["L", "N", "P"]), max_size=64).filter(lambda text: "${" not in text),
    enabled=st.booleans(),
    timeout_s=st.floats(0.001, 3_600),
    message_bytes=st.integers(125, 2**30),
    attempts=st.integers(0, 10**6),
    sent=st.lists(st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: "$" not in text), max_size=5),
)
def test_valid_values_come_out_as_they_went_in(
    tmp_path: Path,
    *,
    name: str,
    group: str,
    enabled: bool,
    timeout_s: float,
    message_bytes: int,
    attempts: int,
    sent: list[str],
) -> None:
    file = tmp_path / "x.toml"
    tree = {
        "name": name,
        "url": "wss://h",
        "group": group,
        "enabled": enabled,
        "open_timeout": timeout_s,
        "max_message": message_bytes,
        "reconnect": {"max_attempts": attempts},
        "send": sent,
    }
    file.write_text(f"connection = [{toml(tree)}]", encoding="utf-8")
    (spec,) = load(file, {}).configuration.connections
    assert (spec.name, spec.group, spec.enabled) == (name, group, enabled)
    assert (spec.open_timeout_s, spec.max_message_bytes) == (timeout_s, message_bytes)
    assert spec.reconnect.max_attempts == attempts
    assert [text.reveal() for text in spec.send] == sent


@given(st.integers(0, 10**6), st.sampled_from(sorted(CONFIGURED_UNIT_S)))
def test_every_unit_of_time_is_read(count: int, unit: str) -> None:
    assert math.isclose(parse_duration(f"{count}{unit}"), count * CONFIGURED_UNIT_S[unit])


@given(st.lists(st.tuples(st.integers(0, 1_000), st.sampled_from(sorted(CONFIGURED_UNIT_S))), min_size=1, max_size=4))
def test_parts_of_a_duration_add_up(parts: list[tuple[int, str]]) -> None:
    total = sum(count * CONFIGURED_UNIT_S[unit] for count, unit in parts)
    assert math.isclose(parse_duration("".join(f"{count}{unit}" for count, unit in parts)), total, abs_tol=1e-12)


@given(st.integers(0, 10**15).map(lambda micros: micros / 1e6))
def test_a_duration_survives_being_written(seconds: float) -> None:
    assert math.isclose(parse_duration(format_duration(seconds)), seconds, abs_tol=1e-9)


@given(st.integers(0, 10**15))
def test_a_size_survives_being_written(size_bytes: int) -> None:
    assert parse_size(format_size(size_bytes)) == size_bytes


@given(st.integers(0, 10**6), st.sampled_from(sorted(UNIT_BYTES)), st.booleans())
def test_every_unit_of_size_is_read_in_either_case(count: int, unit: str, upper: bool) -> None:
    assert parse_size(f"{count}{unit.upper() if upper else unit}") == count * UNIT_BYTES[unit]


@given(st.text())
def test_what_is_no_quantity_raises_a_usage_error(text: str) -> None:
    for parse in (parse_duration, parse_size):
        with suppress(UsageError):
            assert parse(text) >= 0


@given(documents())
def test_every_key_of_a_document_has_a_line_on_which_something_begins(text: str) -> None:
    try:
        tree = tomli.loads(text)
    except tomli.TOMLDecodeError:
        return
    lines, written = Lines(text), text.split("\n")
    for path in key_paths(tree):
        line = written[lines.of(path) - 1]
        name = path[-1]
        if isinstance(name, str):
            assert name in line or toml(name) in line


def key_paths(tree: object, at: KeyPath = ()) -> list[KeyPath]:
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    found: list[KeyPath] = []
    for part, value in inner:
        found += [(*at, part), *key_paths(value, (*at, part))]
    return found
