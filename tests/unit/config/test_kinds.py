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
        (FlagKind(), "True", "is a text where true or false is expected"),
        (FlagKind(), 1, "is a number where true or false is expected"),
        (NumberKind(0, 9), True, "is true or false where a number is expected"),
        (NumberKind(0, 9, whole=True), 2.0, "is a number where a whole number is expected"),
        (NumberKind(0, 9), -0.5, "is less than 0"),
        (NumberKind(0, 9), 10**400, "is more than 9"),
        (NumberKind(0, 9), math.nan, "is no finite number"),
        (DurationKind(1, 60), "500ms", "is less than 1s"),
        (DurationKind(1, 60), "2m", "is more than 1m"),
        (DurationKind(1, 60), "", "is empty where a duration is expected"),
        (SizeKind(125, 4096), 124, "is less than 125"),
        (SizeKind(0, 4096), 0.5, "is no whole number of bytes"),
        (OneOf(("a", "b")), "c", "is not one of a, b"),
        (TextKind(may_be_empty=False), "", "is empty"),
        (TextKind(), datetime.date(2026, 1, 10), "is a date or time where a text is expected"),
        (SecretKind(may_be_empty=False), Sensitive(""), "is empty"),
        (SecretKind(), 5, "is a number where a text is expected"),
        (SecretOrNumberKind(), LARGEST * 2, "is more than 1e+15"),
        (ExistingFile(), "/no/such/file", "does not exist"),
        (ExistingFile(), "/", "is no regular file"),
        (NewFile(), "/", "is a folder"),
        (NewFile(), "/dev/null/store.db", "lies below something that is no folder"),
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
    [(True, "true or false"), (1.5, "a number"), (SECRET, "a text"), ([], "a list"), ({}, "a table")],
)
def test_types_have_the_names_of_toml(value: object, name: str) -> None:
    assert name_of_type(value) == name
