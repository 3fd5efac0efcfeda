"""Plugins of installed packages: their names, clashes, and what cannot be loaded."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from wsmon import plugins
from wsmon.plugins import LoadedPlugins, Plugin, PluginFailure

GROUP: plugins.Group = "wsmon.decoders"


@dataclass
class Value:
    name: str


def install(folder: Path, package: str, module: str, **points: str) -> None:
    """Write a package into a folder: a module, and entry points that name its attributes."""
    (folder / f"{package}.py").write_text(module)
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"{name} = {package}:{attribute}" for name, attribute in points.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "values_of_tests", sys.modules[__name__])
    return tmp_path


def plugin(name: str, package: str, attribute: str = "VALUE") -> Plugin:
    return Plugin(GROUP, name, f"{package}:{attribute}", f"{package} 1.0")


VALUE = "from values_of_tests import Value\nVALUE = Value({!r})\n"


def test_without_a_plugin_the_metadata_of_packages_is_not_loaded(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(site), str(site / "missing"), ""])
    monkeypatch.setitem(sys.modules, "importlib.metadata", None)
    assert plugins.installed(GROUP) == ()


def test_plugins_are_named_without_being_imported(site: Path) -> None:
    install(site, "package_a", "raise SystemExit('imported')", xor="VALUE", rot="OTHER")
    assert plugins.installed(GROUP) == (plugin("rot", "package_a", "OTHER"), plugin("xor", "package_a"))
    assert plugins.installed("wsmon.protocols") == ()


def test_values_are_loaded_by_name(site: Path) -> None:
    install(site, "package_b", VALUE.format("xor"), xor="VALUE")
    assert plugins.load(GROUP, Value, ()) == LoadedPlugins({"xor": Value("xor")})


@pytest.mark.parametrize(
    ("module", "problem"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("", "AttributeError: module 'package_c' has no attribute 'VALUE'"),
        ("VALUE = 3", "package_c:VALUE is no Value"),
        (VALUE.format("other"), "its value is named 'other'"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_left_out_with_the_reason(
    site: Path, monkeypatch: pytest.MonkeyPatch, module: str, problem: str
) -> None:
    monkeypatch.delitem(sys.modules, "package_c", raising=False)
    install(site, "package_c", module, xor="VALUE")
    install(site, "package_d", VALUE.format("rot"), rot="VALUE")
    loaded = plugins.load(GROUP, Value, ())
    assert loaded == LoadedPlugins({"rot": Value("rot")}, (PluginFailure(plugin("xor", "package_c"), problem),))
    assert str(loaded.failures[0]) == f"plugin xor (package_c 1.0): {problem}"


def test_of_plugins_with_the_same_name_none_is_loaded(site: Path) -> None:
    install(site, "package_e", VALUE.format("xor"), xor="VALUE", gzip="VALUE")
    install(site, "package_f", VALUE.format("xor"), xor="VALUE")
    assert plugins.load(GROUP, Value, ("gzip",)) == LoadedPlugins()
    assert list(plugins.clashes(GROUP, ("gzip",))) == [
        "the package package_e 1.0 has a decoder gzip, which is the name of a built-in one",
        "the packages package_e 1.0 and package_f 1.0 both have a decoder xor",
    ]
