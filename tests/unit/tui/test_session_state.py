"""How the screen was left, in a file: written whole, and no reason to fail when it is damaged."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from wsmon.errors import WsmonError
from wsmon.tui.session_state import (
    DEFAULT_STATE,
    LogPosition,
    Preference,
    Saver,
    SessionState,
    decode,
    encode,
    load,
    save,
)

LEFT = SessionState(
    theme=Preference("wsmon-light", "wsmon-dark"),
    characters=Preference("ascii", "unicode"),
    lower="detail",
    middle="statistics",
    zoomed="detail",
    focused="detail",
    query="conn:orders is:problem",
    is_in_context=True,
    hides_heartbeats=True,
    time_mode="delta",
    place=LogPosition("store", 1234),
    connection="orders",
    connections_order="last message",
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "screens" / "a.json"
    assert load(path) == (DEFAULT_STATE, "")
    save(path, LEFT)
    save(path, LEFT)
    assert load(path) == (LEFT, "")
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)] == [0o600, 0o700]
    assert [each.name for each in path.parent.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is damaged: "),
        (b'{"version": 1, "lower": "nothing"}', "is damaged: Invalid enum value 'nothing' - at `$.lower`"),
        (b'{"version": 1, "query": "\xff"}', "is damaged: "),
        (b"[1]", "is damaged: "),
        (b'{"version": 9, "panes": {}}', "is of version 9, this wsmon writes 1"),
        (b" " * 70_000, "is longer than 64 KiB"),
    ],
)
def test_a_damaged_file_is_forgotten_and_that_is_said(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    remembered, sentence = load(path)
    assert remembered == DEFAULT_STATE
    assert sentence.startswith(f"how the screen was left is forgotten: {path} {said}")


def test_a_later_wsmon_may_add_keys() -> None:
    assert decode(encode(LEFT).replace(b'"version": 1,', b'"version": 1, "new": [1],')) == LEFT


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    assert load(tmp_path)[1].endswith("cannot be read: Is a directory")


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    with pytest.raises(WsmonError, match="can't save the screen's state to"):
        save(tmp_path / "a.json", LEFT)
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_screen_without_a_file_remembers_nothing() -> None:
    save(None, LEFT)
    assert load(None) == (DEFAULT_STATE, "")


@pytest.mark.parametrize(
    ("choice", "default", "result"),
    [
        (Preference(), "dark", "dark"),
        (Preference("light", "dark"), "dark", "light"),
        (Preference("light", "dark"), "mine", "mine"),
    ],
)
def test_a_choice_holds_against_the_default_it_was_made_against(choice: Preference, default: str, result: str) -> None:
    assert choice.over(default) == result


def test_what_must_not_surprise_is_told() -> None:
    assert DEFAULT_STATE.notice() == ""
    assert LEFT.notice() == (
        "restored previous position: search conn:orders is:problem (Esc in the log to clear), "
        "event #1,234 (F to follow), heartbeats hidden (h)"
    )


async def test_only_what_changed_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    saver = Saver(path, LEFT)
    await saver.save(LEFT)
    assert not path.exists()
    await saver.save(DEFAULT_STATE)
    assert load(path) == (DEFAULT_STATE, "")


async def test_what_cannot_be_kept_is_said_once(tmp_path: Path) -> None:
    saver = Saver(tmp_path, DEFAULT_STATE)
    await saver.save(LEFT)
    first = saver.trouble
    await saver.save(DEFAULT_STATE)
    assert first.startswith("can't save the screen's state to")
    assert saver.trouble == first
