"""Edits of a configuration's text: one place changes, and comments and layout stay."""

from __future__ import annotations

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from wsmon.config.edits import line_of_connection, toml_text, with_rule, with_silence
from wsmon.errors import WsmonError

CONNECTION = "[[connection]]\nname = 'a'\nurl = 'ws://h'\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '[wsmon]\nalerts.rules.big = "is:problem"\n'),
        ("[wsmon]", '[wsmon]\nalerts.rules.big = "is:problem"'),
        (
            "# mine\n[wsmon]\ntheme = 'x'  # dark\n\n# feeds\n[[connection]]\n",
            "# mine\n[wsmon]\ntheme = 'x'  # dark\nalerts.rules.big = \"is:problem\"\n\n# feeds\n[[connection]]\n",
        ),
        (
            "[wsmon]\nalerts.rules.x = 'y'  # loud\nstore = 's'\n",
            "[wsmon]\nalerts.rules.x = 'y'  # loud\nalerts.rules.big = \"is:problem\"\nstore = 's'\n",
        ),
        ("[wsmon]\nalerts = { bell = true }\n", '[wsmon]\nalerts = { bell = true, rules.big = "is:problem" }\n'),
        ("[wsmon]\nalerts.rules = {}\n", '[wsmon]\nalerts.rules = { big = "is:problem" }\n'),
        (
            "[wsmon.alerts]\nbell = true\n\n[wsmon]\n",
            '[wsmon.alerts]\nbell = true\nrules.big = "is:problem"\n\n[wsmon]\n',
        ),
        ("[wsmon.alerts.rules]\n# none\n", '[wsmon.alerts.rules]\nbig = "is:problem"\n# none\n'),
        ("wsmon.mouse = true\n[keys]\n", 'wsmon.mouse = true\nwsmon.alerts.rules.big = "is:problem"\n[keys]\n'),
        ("wsmon = {}\n", 'wsmon = { alerts.rules.big = "is:problem" }\n'),
        (
            "[wsmon.retention]\nage = '1d'\n",
            "[wsmon.retention]\nage = '1d'\n\n[wsmon]\nalerts.rules.big = \"is:problem\"\n",
        ),
        (
            "\ufeff[wsmon]\r\n  theme = 'x'\r\n",
            "\ufeff[wsmon]\r\n  theme = 'x'\r\n  alerts.rules.big = \"is:problem\"\r\n",
        ),
    ],
)
def test_a_rule_goes_where_the_file_has_its_like(before: str, after: str) -> None:
    assert with_rule(before, "big", "is:problem").after == after


@pytest.mark.parametrize(
    ("array", "after"),
    [
        ("[]", '["gap"]'),
        ("['stall']", "['stall', \"gap\"]"),
        ("['stall',]", "['stall', \"gap\",]"),
        ("[\n  'stall', # by night\n  'slow'  # far\n]", "[\n  'stall', # by night\n  'slow',  # far\n  \"gap\"\n]"),
        ("[\n  'stall', # by night\n]", "[\n  'stall', # by night\n  \"gap\",\n]"),
        ("[\n  'stall']", "[\n  'stall',\n  \"gap\"]"),
        ("[ # none\n]", '["gap" # none\n]'),
    ],
)
def test_a_kind_joins_the_list_and_comments_stay_with_their_items(array: str, after: str) -> None:
    before = f"[[connection]]\nname = 'b'\n\n{CONNECTION}silence = {array}\n# end\n"
    assert with_silence(before, "a", "gap").after == before.replace(array, after)


def test_a_connection_without_the_key_keeps_what_the_defaults_silence() -> None:
    edit = with_silence(f"[defaults]\nsilence = ['storm']\n\n{CONNECTION}", "a", "gap")
    assert (edit.lines, edit.line) == (('silence = ["storm", "gap"]',), 7)


def test_rows_of_a_relay_are_configured_by_its_table() -> None:
    text = f"{CONNECTION}\n[[relay]]\nname = 'app'\n"
    for name in ("app", "app-2"):
        edit = with_silence(text, name, "gap")
        assert edit.after == f'{text}silence = ["gap"]\n'
    assert [line_of_connection(text, name) for name in ("app", "app-17", "app-x", "a-2")] == [5, 5, 1, 1]


def test_connections_of_an_inline_array_are_edited_in_place() -> None:
    assert with_silence("connection = [{ name = 'a' }]", "a", "gap").after == (
        "connection = [{ name = 'a', silence = [\"gap\"] }]"
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[wsmon]\nalerts.rules.big = 'x'\n", "there is a rule big already. take another name"),
        ("[wsmon\n", "the file is not valid TOML: line 1, column 7. ^e edits it"),
        ("wsmon = 1\n", "the place for it cannot be found in this file. add it by hand: ^e opens the file"),
    ],
)
def test_what_cannot_be_added_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(WsmonError) as caught:
        with_rule(text, "big", "is:problem")
    assert str(caught.value) == sentence


def test_a_silence_that_cannot_be_is_refused() -> None:
    with pytest.raises(WsmonError, match="no connection of the file is named b"):
        with_silence(CONNECTION, "b", "gap")
    with pytest.raises(WsmonError, match="gap is silenced for a already"):
        with_silence(f"{CONNECTION}silence = ['gap']", "a", "gap")


def test_an_edit_names_the_lines_that_it_writes() -> None:
    edit = with_rule("[keys]\n", "big.one", 'type:order "a\\b"')
    assert (edit.line, edit.lines) == (3, ("", "[wsmon]", 'alerts.rules."big.one" = \'type:order "a\\b"\''))


def test_the_line_of_a_connection_is_that_of_its_table() -> None:
    text = f"# top\n{CONNECTION}\n[[connection]]\nname = 'b'\n"
    assert [line_of_connection(text, name) for name in ("a", "b", "c", "")] == [2, 6, 1, 1]
    assert line_of_connection("[broken", "a") == 1


@given(st.text())
def test_any_text_is_written_so_that_it_reads_back(text: str) -> None:
    assert tomli.loads(f"a = {toml_text(text)}") == {"a": text}


PIECES = st.lists(
    st.sampled_from(
        [
            "[wsmon]\n", "[wsmon.alerts]\n", "[wsmon.alerts.rules]\n", "alerts.bell = true\n", "bell = false # b\n",
            "x = 'y'\n", "rules.z = 'q'\n", "alerts = { rules = { k = 'v' } }\n", "alerts.rules.q = '''\n[x]\n'''\n",
            "# note = {\n", "\n", "  theme = \"a]\"\n", "wsmon.mouse = true\n", "[keys]\n", "[[connection]]\n",
            "list = [1, [2, { a = 1.5 }], # c\n 'x',\n]\n", "wsmon.alerts = { bell = true }\n", "when = 1979-05-27\n",
        ]
    ),
    max_size=9,
)  # fmt: skip


@given(PIECES, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_an_edit_adds_one_value_and_no_line_is_lost(pieces: list[str], newline: str, has_bom: bool) -> None:
    text = ("\ufeff" if has_bom else "") + "".join(pieces).replace("\n", newline)
    try:
        edit = with_rule(text, "big", "is:problem")
    except WsmonError:
        return
    tree = tomli.loads(edit.after.removeprefix("\ufeff"))
    assert tree["wsmon"]["alerts"]["rules"].pop("big") == "is:problem"
    changed = set(edit.after.splitlines()) - set(text.splitlines())
    assert len(set(text.splitlines()) - set(edit.after.splitlines())) <= 1
    assert any("big" in line for line in changed)
