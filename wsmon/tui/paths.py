"""Paths in few cells: the name of the file stays, what is left out says so."""

from __future__ import annotations

from pathlib import Path

from rich.cells import cell_len

from wsmon.model.sanitize import sanitize
from wsmon.tui.text import CUT, clip

LIMIT = 4096
# characters; the kernel takes no longer path
SUFFIX = 12
# cells of a name's end that stay: what tells one export from the next, and the format


def short_path(path: Path, home: Path, width: int) -> str:
    """``~/exports/orders.jsonl``; shortened on the left, and in the middle of its name where even that is too long."""
    shown = Path("~") / path.relative_to(home) if path.is_relative_to(home) else path
    whole = sanitize(str(shown), LIMIT)
    if cell_len(whole) <= width:
        return whole
    parts = [sanitize(part, LIMIT) for part in shown.parts] or [whole]
    for first in range(1, len(parts)):
        rest = f"{CUT}/{'/'.join(parts[first:])}"
        if cell_len(rest) <= width:
            return rest
    name = parts[-1]
    end = name[-SUFFIX:]
    head = width - cell_len(end)
    return clip(name, head) + end if head > 1 else clip(name, width)
