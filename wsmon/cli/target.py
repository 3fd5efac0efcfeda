"""What the arguments of a command line name: a configuration, and the store and socket that belong to it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from wsmon.config.adhoc import from_urls
from wsmon.config.load import Loaded, load
from wsmon.config.locate import default_store, find_config, runtime_dir, socket_path, state_dir
from wsmon.errors import UsageError
from wsmon.model.units import parse_duration

F = TypeVar("F", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments of ``wsmon`` and ``wsmon record`` that say what to record, and where to."""

    names: tuple[str, ...]
    # one CONFIG, or URLs, or nothing
    headers: tuple[str, ...] = ()
    # as typed: "Name: value"
    subscribe: tuple[str, ...] = ()
    store: Path | None = None

    @property
    def is_urls(self) -> bool:
        """Whether URLs are named instead of a file."""
        return any("://" in name for name in self.names)


@dataclass(frozen=True, slots=True)
class Target:
    """What a request resolved to."""

    loaded: Loaded
    store: Path
    socket: Path
    identity: str
    # the configuration's real path, or its URLs with secrets masked
    reload: Callable[[], Loaded] | None
    # None where there is no file to read again


def resolve(request: Request, environ: Mapping[str, str]) -> Target:
    """Find and read what a request names; raises ``ConfigError`` or ``UsageError``."""
    if request.is_urls:
        if stray := [name for name in request.names if "://" not in name]:
            raise UsageError(f"{stray[0]!r} stands among URLs, but is none", "name one file, or URLs alone")
        headers = [_header(text) for text in request.headers]
        loaded = Loaded(from_urls(request.names, headers, request.subscribe, environ))
        connections = loaded.configuration.connections
        return _target(request, loaded, ", ".join(one.url.masked for one in connections), None, environ)
    if len(request.names) > 1:
        raise UsageError(f"{request.names[1]!r} is one file too many", "wsmon takes one configuration, or URLs")
    if request.headers or request.subscribe:
        raise UsageError("-H and --subscribe go with URLs", "put them into the configuration")
    path = find_config(Path(request.names[0]) if request.names else None, environ, Path.cwd())
    return _target(request, load(path, environ), os.path.realpath(path), lambda: load(path, environ), environ)


def _target(
    request: Request, loaded: Loaded, identity: str, reload: Callable[[], Loaded] | None, environ: Mapping[str, str]
) -> Target:
    configuration = loaded.configuration
    store = request.store or configuration.store or default_store(configuration, state_dir(environ))
    store = Path(os.path.realpath(store))
    return Target(loaded, store, socket_of(store, environ), identity, reload)


def socket_of(store: Path, environ: Mapping[str, str]) -> Path:
    """The control socket of the recorder of a store."""
    return socket_path(store, runtime_folder(environ))


def runtime_folder(environ: Mapping[str, str]) -> Path:
    """The folder of sockets and registry entries of this user."""
    return runtime_dir(environ, os.geteuid())


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise UsageError(f"-H {name!r} has no colon", "write it as -H 'Name: value'")
    return name.strip(), value.strip()


class Duration(click.ParamType[float]):
    """A duration with its unit, in seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        try:
            return parse_duration(str(value))
        except UsageError as error:
            self.fail(f"{value!r} {error}", param, ctx)


def request_options(command: F) -> F:
    """The arguments of a ``Request``, for the commands that begin a recording."""
    decorators: Sequence[Callable[[F], F]] = (
        click.argument("names", nargs=-1, metavar="[CONFIG | URL …]"),
        click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A header, with URLs."),
        click.option("--subscribe", multiple=True, metavar="X", help="What to subscribe to, with URLs."),
        click.option("--store", type=click.Path(path_type=Path), help="Where to record to."),
    )
    for decorator in reversed(decorators):
        command = decorator(command)
    return command
