"""``wsmon detectors``: the kinds of incidents, the thresholds at which they open, and how to silence them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsmon.cli.terminal import print_json
from wsmon.errors import UsageError

if TYPE_CHECKING:
    from wsmon.model.incident_kinds import IncidentKind, Thresholds

SCHEMA = "wsmon.detectors/1"
# Column of the comments behind the settings
_COMMENT_COLUMN = 36


@click.command()
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def detectors(config: Path | None, *, as_json: bool) -> None:
    """List incident kinds with their thresholds and silencing options.

    Thresholds are read from CONFIG (default: ./wsmon.toml); any not set there use built-in values.
    """
    # Imported now: a shell that completes the options waits for this module.
    from wsmon.model.incident_kinds import INCIDENT_KINDS

    configured = _configured(config)
    if as_json:
        document = {"schema": SCHEMA, "detectors": [_document(kind, configured) for kind in INCIDENT_KINDS]}
        print_json(document)
        return
    for number, kind in enumerate(INCIDENT_KINDS):
        if number:
            click.echo()
        for line in _lines(kind, configured):
            click.echo(line)


def _configured(config: Path | None) -> Thresholds:
    """Return the thresholds that a configuration sets; raises ``ConfigError`` where it has errors."""
    from wsmon.config.load import load
    from wsmon.config.locate import find_config
    from wsmon.model.incident_kinds import NO_THRESHOLDS

    try:
        path = find_config(config, os.environ, Path.cwd())
    except UsageError:
        return NO_THRESHOLDS
    return load(path, os.environ).configuration.detectors


def _lines(kind: IncidentKind, configured: Thresholds) -> Iterator[str]:
    """Yield the sentence of a kind, its thresholds as the configuration sets them, and what silences it."""
    yield f"{kind.name}: {kind.describe(configured)}"
    values = kind.in_force(configured)
    for each in kind.thresholds:
        value = each.written(values[each.name])
        setting = f"detectors.{kind.name}.{each.name} = {_toml(value)}"
        note = "" if values[each.name] == each.default else f" (default {each.written(each.default)})"
        yield f"  {setting:<{_COMMENT_COLUMN}}  # {each.doc}{note}"
    yield f"  to silence: {kind.silence}"


def _document(kind: IncidentKind, configured: Thresholds) -> dict[str, object]:
    values = kind.in_force(configured)
    return {
        "kind": kind.name,
        "opens_when": kind.describe(configured),
        "query": f"is:{kind.query_flag}" if kind.query_flag else f"type:{kind.name}",
        "thresholds": [
            {
                "name": each.name,
                "value": _value(each.written(values[each.name])),
                "default": _value(each.written(each.default)),
                "meaning": each.doc,
            }
            for each in kind.thresholds
        ],
        "silence": kind.silence,
    }


def _value(written: str) -> float | int | str:
    """Return a value as the configuration has it: a number, or the text of a duration."""
    try:
        return int(written)
    except ValueError:
        pass
    try:
        return float(written)
    except ValueError:
        return written


def _toml(written: str) -> str:
    return json.dumps(_value(written))
