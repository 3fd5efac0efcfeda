"""Take the pictures of the documentation from the demo, in a real terminal: tmux and a monospaced font are needed.

    python docs/pictures.py

Run it after a change that the pictures show, and look at them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))

from tests.support.tmux_terminal import TmuxTerminal  # noqa: E402 - the tests are no package

WSMON = Path(sys.executable).with_name("wsmon")
SIZE = (120, 36)
# What a key shows may need an answer of the store
BETWEEN_KEYS_S = 0.3
# The demo has done everything once by then
TOLD_S = 60
# Picture -> keys, and what the screen shows then. None of the statistics: the font has no Braille
PICTURES: Sequence[tuple[str, Sequence[str], str]] = (
    ("screen", ("F",), "4 Log ━━ following"),
    (
        "detail",
        ("/", *"conn:dropper code:1011", "Enter", "g", "Enter", "5", "z"),
        r"━ 5 Detail(.*\n)+.*Suggested action",
    ),
    ("timeline", ("z", "4", "Escape", "2", "z", *("Left",) * 12), "━ 2 Timeline"),
)


def main() -> None:
    """Write the pictures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "run").mkdir(mode=0o700)
        environ = {"HOME": name, "XDG_RUNTIME_DIR": f"{folder}/run", "LANG": "C.UTF-8", "TZ": "UTC"}
        os.environ |= environ
        with TmuxTerminal("pictures", *SIZE, environ, folder) as terminal:
            terminal.run(WSMON, "demo")
            assert terminal.comes_to(rf"recording {TOLD_S // 60}m", TOLD_S * 2)
            for picture, keys, shows in PICTURES:
                for key in keys:
                    terminal.press(key)
                    time.sleep(BETWEEN_KEYS_S)
                terminal.until(shows)
                terminal.keep(DOCS / picture, as_picture=True)
                (DOCS / picture).with_suffix(".txt").unlink()
        subprocess.run([WSMON, "stop", "--all"], check=True)


if __name__ == "__main__":
    main()
