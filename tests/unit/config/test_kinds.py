"""The kinds of values of keys: what each reads, and what it refuses."""

from __future__ import annotations

import datetime
import math
from pathlib import Path

import pytest

from wsmon.config.kinds import (
    LARGEST,
    DurationKind,
    ExistingFile,
    FaultError,
    FlagKind,
    Kind,
    NewFile,
    NumberKind,
    OneOf,
    SecretKind,
    SecretOrNumberKind,
    SizeKind,
    TextKind,
    absolute,
    name_of_type,
    shown,
)
from wsmon.model.redact.masking import Sensitive

SECRET = Sensitive("token")


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        (FlagKind(), True, True),
        (NumberKind(0, 9), 3, 3.0),
        (NumberKind(0, 9, whole=True), 9, 9),
        (DurationKind(0, 60), "1500ms", 1.5),
        (DurationKind(0, 60), 2, 2.0),
        (DurationKind(1, 60, may_be_empty=True), "", 0.0),
        (SizeKind(0, 4096), "2KiB", 2048),
        (SizeKind(0, 4096), 100, 100),
        (OneOf(("a", "b")), "b", "b"),
        (TextKind(), "", ""),
        (SecretKind(), SECRET, SECRET),
        (SecretOrNumberKind(), SECRET, SECRET),
        (SecretOrNumberKind(), 60, 60.0),
        (ExistingFile(), "", None),
        (NewFile(), "", None),
    ],
)
def test_a_value_is_read_as_the_specs_hold_it(kind: Kind, value: object, read: object) -> None:
    found = kind.read(value)
    assert (found, type(found)) == (read, type(read))


@pytest.mark.parametrize(
    ("kind", "value", "what"),
    [
        (FlagKind(), "True", "expected true or false, got a string"),
        (FlagKind(), 1, "expected true or false, got a number"),
        (NumberKind(0, 9), True, "expected a number, got a boolean"),
        (NumberKind(0, 9, whole=True), 2.0, "expected a whole number, got a number"),
        (NumberKind(0, 9), -0.5, "must be at least 0"),
        (NumberKind(0, 9), 10**400, "must be at most 9"),
        (NumberKind(0, 9), math.nan, "must be a finite number"),
        (DurationKind(1, 60), "500ms", "must be at least 1s"),
        (DurationKind(1, 60), "2m", "must be at most 1m"),
        (DurationKind(1, 60), "", "invalid duration: empty"),
        (SizeKind(125, 4096), 124, "must be at least 125"),
        (SizeKind(0, 4096), 0.5, "not a whole number of bytes"),
        (OneOf(("a", "b")), "c", "invalid value: expected one of a, b"),
        (TextKind(may_be_empty=False), "", "must not be empty"),
        (TextKind(), datetime.date(2026, 1, 10), "expected a string, got a date or time"),
        (SecretKind(may_be_empty=False), Sensitive(""), "must not be empty"),
        (SecretKind(), 5, "expected a string, got a number"),
        (SecretOrNumberKind(), LARGEST * 2, "must be at most 1e+15"),
        (ExistingFile(), "/no/such/file", "no such file"),
        (ExistingFile(), "/", "not a regular file"),
        (NewFile(), "/", "path is a folder"),
        (NewFile(), "/dev/null/store.db", "parent is not a folder"),
    ],
)
def test_any_other_value_is_refused(kind: Kind, value: object, what: str) -> None:
    with pytest.raises(FaultError) as caught:
        kind.read(value)
    assert caught.value.what.startswith(what)


def test_a_check_sees_every_text_but_the_empty_one() -> None:
    def refuse(text: str) -> None:
        raise FaultError(f"is {len(text)} long")

    assert TextKind(refuse).read("") == ""
    for kind, value in ((TextKind(refuse), "abc"), (SecretKind(refuse), Sensitive("abc"))):
        with pytest.raises(FaultError, match="is 3 long"):
            kind.read(value)


def test_a_path_is_relative_to_the_folder_of_the_file() -> None:
    folder = Path("/etc/wsmon")
    assert absolute("ca.pem", folder) == "/etc/wsmon/ca.pem"
    assert absolute("/ca.pem", folder) == "/ca.pem"
    assert absolute("", folder) == ""
    for text in ("a\0b", "~no-such-user-of-wsmon/ca.pem"):
        with pytest.raises(FaultError):
            absolute(text, folder)


def test_a_shown_text_is_one_short_printable_line() -> None:
    assert shown("a\x1b[31m\nb") == "a\\x1b[31m\\nb"
    assert shown("x" * 100, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("value", "name"),
    [(True, "a boolean"), (1.5, "a number"), (SECRET, "a string"), ([], "a list"), ({}, "a table")],
)
def test_types_have_the_names_of_toml(value: object, name: str) -> None:
    assert name_of_type(value) == name
