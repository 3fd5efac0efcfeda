"""Plugins: protocols and decoders that installed packages add through entry points.

``installed`` reads the metadata of packages alone, for the names that a configuration may use; ``load`` imports them,
which only a recorder does, and ``wsmon check``. A plugin that cannot be loaded is left out, with the reason.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import invalidate_caches
from pathlib import Path
from types import MappingProxyType
from typing import Final, Generic, Literal, TypeVar

Group = Literal["wsmon.protocols", "wsmon.decoders"]

# In ``entry_points.txt``, before the entry points of a group of ours
_GROUPS_BEGIN: Final = b"[wsmon."

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class Plugin:
    """An entry point of an installed package."""

    group: Group
    name: str
    """In the configuration."""
    place: str
    """Module and attribute: ``package.module:NAME``."""
    package: str
    """Name and version of the distribution."""


@dataclass(frozen=True, slots=True)
class PluginFailure:
    """Why a plugin was left out."""

    plugin: Plugin
    problem: str
    """Type and text of the exception, or what is wrong with the value."""

    def __str__(self) -> str:
        return f"plugin {self.plugin.name} ({self.plugin.package}): {self.problem}"


@dataclass(frozen=True, slots=True)
class LoadedPlugins(Generic[ValueT]):
    """The plugins of a group that could be loaded, and those that could not."""

    values: Mapping[str, ValueT] = field(default_factory=lambda: MappingProxyType({}))
    """By name."""
    failures: tuple[PluginFailure, ...] = ()


def installed(group: Group) -> tuple[Plugin, ...]:
    """Return the plugins of a group, sorted by name and package; nothing of them is imported."""
    if not _has_any():
        return ()
    # Imported here: it takes 10 to 35 ms to load, and most machines have no plugin
    from importlib.metadata import entry_points

    # A package may have been installed a moment ago
    invalidate_caches()
    found = {
        Plugin(group, point.name, point.value, "?" if point.dist is None else f"{point.dist.name} {point.dist.version}")
        for point in entry_points(group=group)
    }
    return tuple(sorted(found, key=lambda plugin: (plugin.name, plugin.package, plugin.place)))


def clashes(group: Group, built_in: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each plugin that has the name of another one, or one of ``built_in``."""
    owners: dict[str, Plugin] = {}
    what = group.removeprefix("wsmon.").removesuffix("s")
    for plugin in installed(group):
        if plugin.name in built_in:
            yield f"the package {plugin.package} has a {what} {plugin.name}, which is the name of a built-in one"
        elif plugin.name in owners:
            yield f"the packages {owners[plugin.name].package} and {plugin.package} both have a {what} {plugin.name}"
        owners[plugin.name] = plugin


def load(group: Group, kind: type[ValueT], built_in: Collection[str]) -> LoadedPlugins[ValueT]:
    """Import the plugins of a group; each is a value of ``kind`` whose attribute ``name`` is its own.

    Of those with the name of another one, or one of ``built_in``, none is loaded: ``clashes`` says so.
    """
    from importlib.metadata import EntryPoint

    plugins = installed(group)
    names = [plugin.name for plugin in plugins]
    values: dict[str, ValueT] = {}
    failures: list[PluginFailure] = []
    for plugin in plugins:
        if plugin.name in built_in or names.count(plugin.name) > 1:
            continue
        try:
            value = EntryPoint(plugin.name, plugin.place, group).load()
        # The border: code of others, which may end the process, too
        except (Exception, SystemExit) as error:  # noqa: BLE001
            failures.append(PluginFailure(plugin, f"{type(error).__name__}: {error}"))
            continue
        if not isinstance(value, kind):
            failures.append(PluginFailure(plugin, f"{plugin.place} is no {kind.__name__}"))
        elif (name := getattr(value, "name", "")) != plugin.name:
            failures.append(PluginFailure(plugin, f"its value is named {name!r}"))
        else:
            values[plugin.name] = value
    return LoadedPlugins(MappingProxyType(values), tuple(failures))


def _has_any() -> bool:
    """Whether an installed package has an entry point of ours: 0.7 ms, without ``importlib.metadata``."""
    for folder in dict.fromkeys(sys.path):
        try:
            infos = [entry for entry in Path(folder or ".").iterdir() if entry.name.endswith("-info")]
        # Not there, or an archive
        except OSError:
            continue
        for info in infos:
            try:
                if _GROUPS_BEGIN in (info / "entry_points.txt").read_bytes():
                    return True
            except OSError:
                continue
    return False
