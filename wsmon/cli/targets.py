"""Targets: the configuration that a command line means, and the store and socket that belong to it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from wsmon.cli.request import Request, split_header
from wsmon.config.load import STDIN, Loaded, from_urls, load, load_stream
from wsmon.config.locate import check_found, default_store, find_config, is_named, socket_of, state_dir
from wsmon.config.specs import Configuration
from wsmon.errors import UsageError


@dataclass(frozen=True, slots=True)
class Target:
    """What a request means: a configuration, and the store and socket that belong to it."""

    loaded: Loaded
    store: Path
    socket: Path
    identity: str
    """The configuration's real path, or its URLs with secrets masked."""
    reload: Callable[[], Loaded] | None
    """None where there is no file to read again."""


def awaited(configuration: Configuration) -> str:
    """Return what a recorder without configured connections waits for, as a sentence; empty where it has some."""
    if configuration.recorded:
        return ""
    address = configuration.otlp_listen.address
    receiver = f", OpenTelemetry at http://{address}" if address else ""
    return f"no connection is configured: the recorder waits for applications (wsmon.trace, `wsmon ingest -`{receiver})"


def resolve(request: Request, environ: Mapping[str, str], stdin: BinaryIO | None = None) -> Target:
    """Find and read what a request names. Raises ``ConfigError`` or ``UsageError``.

    ``stdin`` is what ``-`` names; None where a configuration cannot come from there.
    """
    if request.is_urls:
        if stray := [name for name in request.names if "://" not in name]:
            raise UsageError(f"{stray[0]!r} is not a URL", "specify one configuration, or only URLs")
        headers = [split_header(text) for text in request.headers]
        references = {**environ, **request.answers}
        loaded = Loaded(
            from_urls(
                request.names,
                headers,
                request.subscribe,
                request.subprotocols,
                references,
                allow_send=request.allow_send,
            )
        )
        return target_of(request, loaded, environ)
    if len(request.names) > 1:
        raise UsageError(f"unexpected argument {request.names[1]!r}", "specify one configuration, or only URLs")
    if request.headers or request.subscribe or request.subprotocols or request.allow_send:
        what = "-H, --subscribe, --subprotocol and --send only work with URLs"
        raise UsageError(what, "set them in the configuration (--send is allow_send = true)")
    if request.names == (STDIN,):
        if stdin is None:
            raise UsageError(
                "a configuration on standard input cannot be passed to the background recorder",
                "run `wsmon record - --store PATH`, then `wsmon attach PATH`",
            )
        return target_of(request, load_stream(stdin, environ, Path.cwd()), environ)
    named = Path(request.names[0]) if request.names else None
    path = find_config(named, environ, Path.cwd())

    def read() -> Loaded:
        # Again at each reload: another file may be there by then
        if not is_named(named, environ):
            check_found(path)
        return load(path, environ)

    return _target(request, read(), os.path.realpath(path), read, environ)


def target_of(request: Request, loaded: Loaded, environ: Mapping[str, str]) -> Target:
    """Return the target of a configuration that is no file."""
    return _target(request, loaded, _urls(loaded), None, environ)


def _urls(loaded: Loaded) -> str:
    """The identity of a configuration that is no file."""
    return ", ".join(one.url.masked for one in loaded.configuration.recorded)


def _target(
    request: Request, loaded: Loaded, identity: str, reload: Callable[[], Loaded] | None, environ: Mapping[str, str]
) -> Target:
    configuration = loaded.configuration
    store = request.store or configuration.store or default_store(configuration, state_dir(environ))
    store = Path(os.path.realpath(store))
    return Target(loaded, store, socket_of(store, environ), identity, reload)
