"""Control sequences for the clipboard (OSC 52) and desktop notifications (OSC 9, 777); which incidents are new.

Pure: the sequences are returned, the caller writes them.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field

from wsmon.model.sanitize import sanitize
from wsmon.model.snapshot import OpenIncident, Snapshot
from wsmon.tui.terminal.capabilities import Multiplexer, passed_through

# Characters of base64 that the strictest common terminal takes in one sequence
LIMIT_BASE64 = 74_994
LIMIT_BYTES = LIMIT_BASE64 // 4 * 3


def clipboard_sequence(text: str, inside: Multiplexer) -> str | None:
    """Return what puts ``text`` on the clipboard, wrapped for the multiplexer; None where it is too long for that."""
    encoded = b64encode(text.encode("utf-8", "surrogateescape")).decode()
    if len(encoded) > LIMIT_BASE64:
        return None
    plain = f"\x1b]52;c;{encoded}\a"
    wrapped = passed_through(plain, inside)
    # tmux takes the plain one itself with set-clipboard on, and hands the wrapped one on with allow-passthrough on.
    return plain + wrapped if inside == "tmux" else wrapped


# Between two notices, so that a storm on fifty connections rings once
GAP_NS = 1_000_000_000
# Characters; desktops show no more.
TEXT_LIMIT = 200
BELL = "\a"


@dataclass(slots=True)
class IncidentNotices:
    """Finds incidents that opened since the first snapshot; each is returned once."""

    _seen_id: int | None = field(default=None, init=False)
    """Id of the newest event in the last snapshot; None = before the first one."""
    _waiting: list[OpenIncident] = field(default_factory=list, init=False)
    _noticed_mono_ns: int | None = field(default=None, init=False)

    def see(self, snapshot: Snapshot) -> None:
        """Look for new incidents in a snapshot; those in the first one are old."""
        if self._seen_id is not None:
            self._waiting += [each for each in snapshot.incidents if each.event_id > self._seen_id]
        self._seen_id = max(self._seen_id or 0, snapshot.bounds.last_id)

    def take(self, mono_ns: int) -> tuple[OpenIncident, ...]:
        """Return the incidents to announce now, oldest first; at most once a second."""
        if not self._waiting or (self._noticed_mono_ns is not None and mono_ns - self._noticed_mono_ns < GAP_NS):
            return ()
        self._noticed_mono_ns = mono_ns
        news, self._waiting = tuple(self._waiting), []
        return news


def incident_sentence(news: tuple[OpenIncident, ...]) -> str:
    """Return a sentence about the newest one, and how many others there are."""
    newest = news[-1]
    kind = newest.kind.replace("_", " ").capitalize()
    parts = (f"{kind} on {newest.connection}" if newest.connection else kind, newest.sentence)
    others = f" (and {len(news) - 1} more)" if len(news) > 1 else ""
    return sanitize(": ".join(part for part in parts if part), TEXT_LIMIT) + others


def desktop_notification(text: str, inside: Multiplexer) -> str:
    """Return what makes a terminal notify the desktop: OSC 9 for some, OSC 777 for others."""
    # A semicolon is the separator of OSC 777.
    body = sanitize(text, TEXT_LIMIT).replace(";", ",")
    # The name first: "4;…" would be a progress bar.
    nine = f"\x1b]9;wsmon: {body}\a"
    return "".join(passed_through(each, inside) for each in (nine, f"\x1b]777;notify;wsmon;{body}\a"))
