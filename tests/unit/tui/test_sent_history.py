"""The history of what was sent by hand: one file, private, bounded, and shared by the screens of a recording."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from wsmon.tui.sent_history import LIMIT, LIMIT_BYTES, SentHistory, history_path


def test_the_history_lasts_from_one_run_to_the_next_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "screens" / "feed.sent.json"
    first = SentHistory(path)
    assert [first.add(text) for text in ("a", "b\nc", "a")] == ["", "", ""]
    assert SentHistory(path).texts == ("a", "b\nc")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_screens_share_it(tmp_path: Path) -> None:
    one, other = SentHistory(tmp_path / "h"), SentHistory(tmp_path / "h")
    one.add("a")
    other.add("b")
    assert one.texts == ("b", "a")


def test_it_is_bounded_in_number_and_size(tmp_path: Path) -> None:
    history = SentHistory(tmp_path / "h")
    for number in range(LIMIT + 10):
        history.add(str(number))
    assert (len(history.texts), history.texts[0]) == (LIMIT, str(LIMIT + 9))
    for letter in "abcdefg":
        history.add(letter * 60_000)
    assert [text[0] for text in history.texts] == ["g", "f", "e", "d"]
    assert (tmp_path / "h").stat().st_size <= LIMIT_BYTES


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff", b"[" * 300_000])
def test_a_damaged_file_is_an_empty_one(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "h"
    path.write_bytes(content)
    history = SentHistory(path)
    assert history.texts == ()
    assert history.add("a") == ""
    assert SentHistory(path).texts == ("a",)


def test_what_cannot_be_written_is_told_and_kept_while_the_screen_lasts(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    history = SentHistory(tmp_path / "file" / "h")
    assert "can't keep the history in" in history.add("a")
    assert history.texts == ("a",)


def test_without_a_state_of_the_screen_there_is_no_file() -> None:
    assert history_path(None) is None
    assert history_path(Path("/s/feed.json")) == Path("/s/feed.sent.json")
    history = SentHistory(None)
    assert (history.add("a"), history.texts) == ("", ("a",))
