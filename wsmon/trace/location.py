"""Where an application reports to: the store it names, that of the configuration here, or the only one that runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from wsmon.config.locate import find_config, runtime_dirs, store_of
from wsmon.control.lock import DEFAULT_STORE
from wsmon.control.registry import running
from wsmon.errors import UsageError

# Names the store of applications that name none themselves
VARIABLE = "WSMON_STORE"


def locate_store(named: str, environ: Mapping[str, str], folder: Path) -> Path:
    """Return the real path of the store to report to, which need not exist.

    In this order: ``named``, ``$WSMON_STORE``; the store of the configuration that ``wsmon`` would use in ``folder``;
    the store of the only recorder that runs. A configuration or a folder stands for its store. Raises ``UsageError``
    where none is found.
    """
    text = named or environ.get(VARIABLE, "")
    if text:
        path = folder / Path(text).expanduser()
        if path.suffix == ".toml":
            path = store_of(path, environ)
        elif path.is_dir():
            path = path / DEFAULT_STORE
        return Path(os.path.realpath(path))
    try:
        return Path(os.path.realpath(store_of(find_config(None, environ, folder), environ)))
    except UsageError:
        stores = {info.store for each in runtime_dirs(environ, os.geteuid()) for info in running(each)}
    if len(stores) == 1:
        return Path(stores.pop())
    found = f"{len(stores)} recorders are running" if stores else "no recorder is running"
    raise UsageError(f"no store is named, there is no configuration here, and {found}", f"set {VARIABLE}=PATH")
