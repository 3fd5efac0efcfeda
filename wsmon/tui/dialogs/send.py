"""The dialog that sends a message by hand: what is typed, or a file, checked before it goes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.binding import Binding
from textual.widgets import Input

from wsmon.config.secrets import read_regular, reason
from wsmon.control.messages import LINE_LIMIT_BYTES
from wsmon.model.units import format_size
from wsmon.tui.dialogs.base import PromptDialog
from wsmon.tui.text import Line

# In base 64, with the words around it, such a file fits into a line of the control socket
FILE_LIMIT_BYTES = 47 * 1024
# Protocols whose messages may begin as JSON and be none
_NO_JSON = frozenset({"raw", "mqtt", "stomp", "nats", "socketio", "xmpp"})
# Shown in the place of characters that a line of text cannot hold
_SIGNS = str.maketrans({"\n": "␊", "\t": "␉"})
_CHARACTERS = str.maketrans({"␊": "\n", "␉": "\t"})
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_REFERENCE = re.compile(r"\$\{secret:[^}]*\}")

SEND_HELP: Line = (("@FILE sends a file, ${secret:NAME} a value that the recorder knows, ^j breaks the line.", "dim"),)


class UnreadableFileError(Exception):
    """A file that cannot be sent, and why."""


def message_of(text: str) -> str | bytes:
    """Return what a typed line sends: itself, or with ``@`` in front, a file: bytes where that is no UTF-8 text.

    ``@@`` stands for ``@``. Raises ``UnreadableFileError``.
    """
    if not text.startswith("@"):
        return text
    if text.startswith("@@"):
        return text[1:]
    name = text[1:].strip()
    if not name:
        raise UnreadableFileError("type the path of a file after @, or @@ for the character")
    try:
        content = read_regular(Path(name).expanduser(), FILE_LIMIT_BYTES)
    except (OSError, ValueError, RuntimeError) as error:
        raise UnreadableFileError(f"can't read {name}: {reason(error)}") from None
    if not content:
        raise UnreadableFileError(f"{name} is empty")
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content


def json_fault(text: str, protocol: str) -> str:
    """Return where a text that begins as JSON is none, for protocols whose messages are; empty where it is sound."""
    if protocol in _NO_JSON or text.lstrip()[:1] not in ("{", "["):
        return ""
    try:
        json.loads(_REFERENCE.sub("0", text))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, character {error.colno}" if error.lineno > 1 else f"character {error.colno}"
        return f"not JSON at {place}: {error.msg.lower()}"
    except RecursionError:
        return "nested too deeply for JSON"
    except ValueError as error:
        return f"not JSON: {error}"
    return ""


class SendLine(Input):
    """A line whose breaks and tabs are shown as signs: what is pasted goes in whole, or not at all."""

    BINDINGS: ClassVar = [Binding("ctrl+j", "break_line", "break the line")]

    def action_break_line(self) -> None:
        """Break the line at the cursor."""
        self.insert_text_at_cursor("␊")

    def on_paste(self, event: events.Paste) -> None:
        """Take what is pasted whole, or say why not."""
        event.prevent_default()
        event.stop()
        text = event.text.replace("\r\n", "\n").replace("\r", "\n")
        fault = ""
        if (size := len(text.encode("utf-8", "replace"))) > LINE_LIMIT_BYTES:
            fault = f"the paste is too large ({format_size(size)}, at most {format_size(LINE_LIMIT_BYTES)})"
        elif found := _CONTROL.search(text):
            fault = f"the paste has a control character (U+{ord(found[0]):04X}): send it as a file (@FILE)"
        if fault and isinstance(self.screen, SendDialog):
            self.screen.refuse(fault)
            return
        self.insert_text_at_cursor(text.translate(_SIGNS))


class SendDialog(PromptDialog):
    """A line to type what is sent into; the result is the text as typed, ``message`` what it sends."""

    def __init__(self, connection: str, protocol: str, history: Sequence[str]) -> None:
        shown = tuple(text.translate(_SIGNS) for text in history)
        super().__init__(f"Send to {connection}", "", SEND_HELP, self._fault_of, history=shown, is_verbatim=True)
        self.message: str | bytes = ""
        """What an accepted text sends."""
        self._protocol = protocol
        # A text that is no JSON, and was refused once
        self._refused = ""
        self._input = SendLine(compact=True, id="typed-line", select_on_focus=False)
        self._input.cursor_blink = False

    def _fault_of(self, shown: str) -> str:
        text = shown.translate(_CHARACTERS)
        if not text:
            return "type a text to send"
        try:
            self.message = message_of(text)
        except UnreadableFileError as error:
            return str(error)
        if isinstance(self.message, bytes) or self._refused == text:
            return ""
        if fault := json_fault(self.message, self._protocol):
            self._refused = text
            return f"{fault}; Enter again sends it as it is"
        return ""
