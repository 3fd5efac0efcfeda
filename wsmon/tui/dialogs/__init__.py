"""What asks something of the person: each dialog is a modal screen that returns an answer.

A module is imported when its dialog is opened, or by ``preload`` before that.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules


def preload() -> None:
    """Import all of them, so that the first key is as quick as the next; a thread may do so."""
    for module in iter_modules(__path__, f"{__name__}."):
        import_module(module.name)
