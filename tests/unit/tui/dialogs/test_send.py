"""The dialog that sends by hand: files, JSON that is none, pasted texts, and the history."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input

from tests.unit.tui.dialogs.test_base import OPEN, Host
from wsmon.tui.dialogs.send import FILE_LIMIT_BYTES, SendDialog, UnreadableFileError, json_fault, message_of


def note(host: Host) -> str:
    return host.said("#prompt-note")


def typed(host: Host) -> str:
    return host.screen.query_one(Input).value


@pytest.mark.parametrize(
    ("text", "message"),
    [("hello", "hello"), (" @x", " @x"), ("@@home", "@home"), ("{}", "{}")],
)
def test_what_is_typed_goes_as_it_is(text: str, message: str) -> None:
    assert message_of(text) == message


def test_a_file_is_a_text_or_else_binary(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b'{\n"a":"\xc3\xa9"}\n')
    (tmp_path / "binary").write_bytes(b"\x00\xff")
    assert message_of(f"@{tmp_path}/text") == '{\n"a":"é"}\n'
    assert message_of(f"@ {tmp_path}/binary") == b"\x00\xff"


def test_a_file_that_cannot_be_sent_says_why(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "large").write_bytes(b"x" * (FILE_LIMIT_BYTES + 1))
    os.mkfifo(tmp_path / "pipe")
    names = ("none", "empty", "large", "pipe", ".")
    faults = []
    for name in names:
        with pytest.raises(UnreadableFileError) as caught:
            message_of(f"@{tmp_path}/{name}")
        faults.append(str(caught.value).replace(f"{tmp_path}/", ""))
    assert faults == [
        "can't read none: no such file or directory",
        "empty is empty",
        "can't read large: it is larger than 47 KiB",
        "can't read pipe: it is not a regular file",
        "can't read .: it is a folder",
    ]
    for text in ("@", "@ "):
        with pytest.raises(UnreadableFileError, match="type the path"):
            message_of(text)


@pytest.mark.parametrize(
    ("text", "protocol", "fault"),
    [
        ('{"a":1}', "json", ""),
        ('{"a":${secret:N},"b":"${secret:M}"}', "json", ""),
        ('{"a":1', "json", "not JSON at character 7: expecting ',' delimiter"),
        ("[1,\n 2", "jsonrpc", "not JSON at line 2, character 3: expecting ',' delimiter"),
        ('{"a":1', "auto", "not JSON at character 7: expecting ',' delimiter"),
        ('{"a":1', "raw", ""),
        ('42["a"', "socketio", ""),
        ("hello", "json", ""),
        ("[" * 100_000, "json", "nested too deeply for JSON"),
    ],
)
def test_a_text_that_begins_as_json_and_is_none_says_where(text: str, protocol: str, fault: str) -> None:
    assert json_fault(text, protocol) == fault


async def test_json_that_is_none_goes_with_the_second_enter() -> None:
    dialog = SendDialog("feed", "json", ())
    host = Host(dialog)
    async with host.run_test() as pilot:
        await pilot.press(*'{"a', "enter")
        assert note(host).startswith("not JSON at character 2")
        assert note(host).endswith("Enter again sends it as it is")
        await pilot.press("b", "enter")
        assert host.result is OPEN
        await pilot.press("enter")
    assert (host.result, dialog.message) == ('{"ab', '{"ab')


async def test_a_text_of_several_lines_is_pasted_whole() -> None:
    dialog = SendDialog("feed", "raw", ())
    host = Host(dialog)
    async with host.run_test() as pilot:
        host.screen.query_one(Input).post_message(events.Paste("a\r\nb\tc\n"))
        await pilot.pause()
        assert typed(host) == "a␊b␉c␊"
        await pilot.press("ctrl+j", "d", "enter")
    assert dialog.message == "a\nb\tc\n\nd"


@pytest.mark.parametrize(
    ("pasted", "fault"),
    [
        ("x" * 2**20, "the paste is too large (1MiB, at most 64KiB)"),
        ("a\x1b[31mb", "the paste has a control character (U+001B): send it as a file (@FILE)"),
        ("a\x9bb", "the paste has a control character (U+009B): send it as a file (@FILE)"),
    ],
)
async def test_a_paste_that_cannot_be_shown_is_refused_whole(pasted: str, fault: str) -> None:
    host = Host(SendDialog("feed", "raw", ()))
    async with host.run_test() as pilot:
        await pilot.press("z")
        host.screen.query_one(Input).post_message(events.Paste(pasted))
        await pilot.pause()
        assert typed(host) == "z"
        assert " ".join(note(host).split()) == fault


async def test_the_history_is_walked_and_searched() -> None:
    host = Host(SendDialog("feed", "raw", ("subscribe b", "ping", "subscribe a\nmore")))
    async with host.run_test() as pilot:
        await pilot.press("up", "up")
        assert typed(host) == "ping"
        await pilot.press("down", "down")
        await pilot.press(*"SUB", "ctrl+r")
        assert typed(host) == "subscribe b"
        await pilot.press("ctrl+r")
        assert typed(host) == "subscribe a␊more"
        await pilot.press("ctrl+r")
        assert typed(host) == "subscribe a␊more"


async def test_an_unreadable_file_keeps_the_dialog() -> None:
    host = Host(SendDialog("feed", "json", ()))
    async with host.run_test() as pilot:
        await pilot.press("enter")
        assert note(host) == "type a text to send"
        await pilot.press(*"@/no/such", "enter")
        assert note(host) == "can't read /no/such: no such file or directory"
        assert host.result is OPEN
