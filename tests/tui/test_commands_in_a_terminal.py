"""Changing the configuration, sending and piping by the keys of a real terminal, beside a recorder that goes on."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.processes import WSMON, stored
from tests.support.tmux_terminal import DEADLINE_S, POLL_S, TmuxTerminal
from tests.support.tour_world import servers, user_of

pytestmark = [pytest.mark.usefixtures("tmux"), pytest.mark.timeout(180)]

# Notes its arguments, and does with the file what the script beside it says; it ends when it is let go
EDITOR = """\
#!/bin/sh
echo "$@" >> "$HOME/edits"
echo "the editor is up"
for last; do :; done
sh "$HOME/edit" "$last"
until [ -e "$HOME/go" ]; do sleep 0.05; done
"""


@contextmanager
def watched(home: Path, *, by_url: bool = False) -> Iterator[TmuxTerminal]:
    """The screen of a recording whose configuration lies in ``home``, or that was started with a URL."""
    (home / "editor").write_text(EDITOR)
    (home / "editor").chmod(0o755)
    with servers() as urls, user_of(home) as environ:
        (home / "wsmon.toml").write_text(
            f'# feeds\n[[connection]]\nname = "prices"\nurl = "{urls["prices"]}"\nallow_send = true\n'
        )
        ours = {**environ, "EDITOR": str(home / "editor")}
        with TmuxTerminal(f"wsmon-{home.name[-24:]}", 100, 30, ours, home) as terminal:
            terminal.run(*([WSMON, urls["prices"], "--send"] if by_url else [WSMON]))
            terminal.until(r"127.0.0.1-\d+ +open" if by_url else r"prices +open")
            yield terminal


def store_of(home: Path) -> Path:
    """The one store of the recording."""
    (store,) = home.glob("state/wsmon/*/store.db")
    return store


def test_p_the_editor_gets_the_terminal_while_the_recorder_goes_on_and_errors_lead_back_to_it(tmp_path: Path) -> None:
    config = tmp_path / "wsmon.toml"
    with watched(tmp_path) as terminal:
        (tmp_path / "edit").write_text('printf \'enabled = "no"\\n\' >> "$1"\n')
        terminal.press("1", "C-e")
        terminal.until(r"the editor is up")
        before = stored(store_of(tmp_path))[-1].id
        deadline_s = time.monotonic() + DEADLINE_S
        while stored(store_of(tmp_path))[-1].id <= before:
            assert time.monotonic() < deadline_s, "nothing is recorded while the editor is up"
            time.sleep(POLL_S)  # another process writes
        (tmp_path / "go").touch()
        shown = terminal.until(r"wsmon.toml has 1 error")
        assert re.search(r"wsmon.toml:6: connection\[0\]\.enabled", shown)
        (tmp_path / "edit").write_text('sed -i \'s/^enabled.*/group = "market"/\' "$1"\n')
        terminal.press("e")
        terminal.until(r"wsmon.toml changed; reloaded")
        assert (tmp_path / "edits").read_text() == f"{config}\n" * 2
        assert terminal.modes().startswith("alternate 1")


def test_l_h_n_keys_typed_ahead_in_one_write_change_the_configuration_and_send(tmp_path: Path) -> None:
    with watched(tmp_path) as terminal:
        terminal.type("/type:trade\rA\r")
        terminal.until(r"alert added \(wsmon.toml:\d+\); reloaded: alerts changed")
        assert '[wsmon]\nalerts.rules.type-trade = "type:trade"\n' in (tmp_path / "wsmon.toml").read_text()
        terminal.type("1ahello\r")
        assert sent_by_hand(tmp_path) == [("prices", b"hello")]


def sent_by_hand(home: Path) -> list[tuple[str, bytes | None]]:
    """Connections and texts of the messages that were sent by hand, once there are some."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not (sent := [each for each in stored(store_of(home)) if (each.meta or {}).get("by") == "hand"]):
        assert time.monotonic() < deadline_s, "what was sent is not recorded"
        time.sleep(POLL_S)  # another process writes
    assert {each.name for each in sent} == {"message.sent"}
    return [(each.source.connection, each.payload) for each in sent]


def test_without_a_file_texts_are_sent_where_the_command_line_allows_it_and_toml_is_copied(tmp_path: Path) -> None:
    with watched(tmp_path, by_url=True) as terminal:
        terminal.type("1ahello\r")
        ((name, sent),) = sent_by_hand(tmp_path)
        assert (re.fullmatch(r"127\.0\.0\.1-\d+", name) is not None, sent) == (True, b"hello")
        terminal.press("A")
        terminal.until(r"started without a configuration file")


def test_each_new_key_twice_in_one_write_breaks_nothing(tmp_path: Path) -> None:
    with watched(tmp_path) as terminal:
        for keys in ("AA\x1b", "SS\x1b", "aa\x1b", "||\x1b", ":cli\r:cli\r\x1b", "|true\r\r\x1b"):
            terminal.type(keys)
            while terminal.comes_to("╭", within_s=1.5):
                terminal.press("Escape")
                terminal.until("╭", gone=True)
        terminal.type("|wc -c\r")
        terminal.until(r"exit status 0 · [\d,]+ events")


def test_rows_are_plain_text_until_a_key_and_the_mouse_is_the_terminals(tmp_path: Path) -> None:
    with watched(tmp_path) as terminal:
        terminal.type("1:text\r")
        terminal.until(r"any key: back to wsmon")
        assert terminal.modes() == "alternate 0 cursor 1 mouse 0 wrap 1"
        assert "prices" in terminal.text()
        terminal.press("x")
        terminal.until(r"1 Connections")
        assert not terminal.comes_to(r"Export", within_s=1.0)
