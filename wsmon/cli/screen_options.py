"""Options of the commands that open the screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TypeVar

import click

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class ScreenWishes:
    """What was asked for on the command line; it wins over the configuration and over what was kept."""

    theme: str = ""
    # empty: what the configuration says, or what was chosen last
    is_ascii: bool = False
    has_mouse: bool = True


def screen_options(command: Callable[..., R]) -> Callable[..., R]:
    """Adds them; the command gets one argument ``wishes``."""

    @click.option("--theme", default="", metavar="NAME", help="Colours of the screen, such as wsmon-light.")
    @click.option("--ascii", "is_ascii", is_flag=True, help="Draw with ASCII characters alone.")
    @click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal, to select text with.")
    @wraps(command)
    def with_wishes(*args: object, theme: str, is_ascii: bool, no_mouse: bool, **kwargs: object) -> R:
        return command(*args, wishes=ScreenWishes(theme, is_ascii, not no_mouse), **kwargs)

    return with_wishes
