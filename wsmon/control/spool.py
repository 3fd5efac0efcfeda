"""Spool folder of a store: where applications leave events while no recorder runs, one file a process."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from wsmon.control.lock import DEFAULT_STORE

SUFFIX: Final = ".jsonl"


def spool_folder(store: Path) -> Path:
    """Return the folder: ``spool``, or ``STORE.spool`` where other stores may lie in the same folder."""
    return store.with_name("spool" if store.name == DEFAULT_STORE else f"{store.name}.spool")


def spool_name(client: str) -> str:
    """Return the name of the file of a client."""
    return f"{client}{SUFFIX}"
