"""Glyphs of the screen, in Unicode and in ASCII: they differ in shape, so that colour is never needed.

In ASCII ``~`` is a stall and ``#`` a full bar, wherever they stand; ``>`` ends what is cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Sign = Literal["received", "sent", "heartbeat", "open", "waiting", "loss", "gave_up", "closed", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Glyphs:
    """A set of glyphs, one cell each."""

    received: str
    sent: str
    heartbeat: str
    open: str
    waiting: str
    loss: str
    gave_up: str
    closed: str
    warning: str
    note: str
    lane_open: str
    lane_connecting: str
    lane_loss: str
    lane_stalled: str
    lane_incident: str
    """An incident opened."""
    lane_open_incident: str
    """Open, while an incident lasts."""
    lane_loss_incident: str
    scroll_track: str
    scroll_thumb: str
    blocks: str
    """Bars of rising height, the least first."""
    tick: str
    match: str
    """Before a line that matches the search."""
    mark: str
    """Before a line that has a bookmark."""
    truncated: str
    """After a message that was cut before it was stored."""
    redacted: str
    """After a message in which credentials were masked."""
    large: str
    """After a message that is unusually large."""
    cut: str
    """In the place of text that is left out."""
    between: str
    """Between parts of a line."""
    rule: str
    """Of a line that separates."""
    is_ascii: bool

    def of(self, sign: Sign) -> str:
        """Return the glyph of a sign."""
        sign_glyph: str = getattr(self, sign)
        return sign_glyph


UNICODE = Glyphs(
    received="↓",
    sent="↑",
    heartbeat="⇄",
    open="●",
    waiting="╌",
    loss="✕",
    gave_up="□",
    closed="○",
    warning="⚠",
    note="·",
    lane_open="━",
    lane_connecting="╌",
    lane_loss="╳",
    lane_stalled="░",
    lane_incident="▲",
    lane_open_incident="═",
    lane_loss_incident="▼",
    scroll_track="│",
    scroll_thumb="┃",
    blocks="▁▂▃▄▅▆▇█",
    tick="╷",
    match="▸",
    mark="◆",
    truncated="⊣",
    redacted="■",
    large="△",
    cut="…",
    between="·",
    rule="─",
    is_ascii=False,
)

ASCII = Glyphs(
    received="v",
    sent="^",
    heartbeat="%",
    open="*",
    waiting="-",
    loss="x",
    gave_up="G",
    closed="o",
    warning="!",
    note=".",
    lane_open="=",
    lane_connecting="-",
    lane_loss="X",
    lane_stalled="~",
    lane_incident="!",
    lane_open_incident="&",
    lane_loss_incident="@",
    scroll_track="|",
    scroll_thumb="8",
    blocks="_.:-+*%#",
    tick="|",
    match="=",
    mark="+",
    truncated="T",
    redacted="R",
    large="L",
    cut=">",
    between="-",
    rule="-",
    is_ascii=True,
)
