"""Dialogs: modal screens that ask the user something and return a result.

For a quick start, a module is imported when its dialog is opened, or before that by ``preload``.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules


def preload() -> None:
    """Import all dialogs and protocols, so that the first key that needs one is as quick as the next.

    A thread may call it.
    """
    for module in iter_modules(__path__, f"{__name__}."):
        import_module(module.name)
    import_module("wsmon.protocols.registry")
