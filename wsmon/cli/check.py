"""``wsmon check``: whether a configuration can be used, and what is wrong with it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, get_args

import click

from wsmon.cli.terminal import print_json, say
from wsmon.errors import EXIT_USAGE, ConfigError, Problem, UsageError

if TYPE_CHECKING:
    from wsmon.config.load import Loaded
    from wsmon.config.specs import Configuration, ConnectionSpec, RelaySpec
    from wsmon.model.snapshot import RelayedRoute


@click.command("check")
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.option("--example", is_flag=True, help="Print an example configuration with all keys.")
@click.option("--message", metavar="TEXT", help="Show how each connection's `messages` rules decode TEXT.")
@click.option("--dashboard", is_flag=True, help="Print a Grafana dashboard (JSON).")
@click.option("--rules", is_flag=True, help="Print Prometheus recording and alerting rules.")
def check(
    config: Path | None, *, as_json: bool, example: bool, message: str | None, dashboard: bool, rules: bool
) -> None:
    """Validate CONFIG and list its connections.

    Reports every error with its line number. With `-`, the configuration is read from standard input and relative
    paths are resolved against the current directory.
    """
    # Imported now: a shell that completes the options waits for this module.
    from wsmon.config.example import example as example_text
    from wsmon.config.load import STDIN, load, load_stream
    from wsmon.config.locate import find_config
    from wsmon.export.prometheus import dashboard as dashboard_text
    from wsmon.export.prometheus import rules as rules_text

    printed = [(example, example_text), (dashboard, dashboard_text), (rules, rules_text)]
    asked = [text for is_asked, text in printed if is_asked]
    if asked:
        for text in asked:
            click.echo(text(), nl=False)
        return
    try:
        if config == Path(STDIN):
            loaded = load_stream(sys.stdin.buffer, os.environ, Path.cwd())
        else:
            loaded = load(find_config(config, os.environ, Path.cwd()), os.environ)
    except ConfigError as error:
        _fail(error.problems, str(error), as_json=as_json)
    except UsageError as error:
        _fail((Problem("", 0, "", error.what, hint=error.hint),), str(error), as_json=as_json)
    loaded = replace(loaded, warnings=(*loaded.warnings, *_keymap_problems(loaded), *_plugin_problems(loaded)))
    if message is not None:
        _print_described(message, loaded.configuration.recorded, as_json=as_json)
    elif as_json:
        _print_json((), (*loaded.warnings, *loaded.notes), loaded.configuration)
    else:
        _print_table(loaded)


def _keymap_problems(loaded: Loaded) -> tuple[Problem, ...]:
    """Return what is wrong with the keys of the screen; recorder and screen run without them."""
    configuration = loaded.configuration
    if not configuration.keys:
        return ()
    # The actions of the screen, only where keys are configured.
    from wsmon.config.load import STDIN_NAME
    from wsmon.tui.actions import merge_keymap

    file = STDIN_NAME if configuration.path is None else str(configuration.path)
    return merge_keymap(dict(configuration.keys), file, loaded.key_lines).problems


def _plugin_problems(loaded: Loaded) -> tuple[Problem, ...]:
    """Return what is wrong with the plugins that connections name; recorders run without them."""
    from wsmon import plugins
    from wsmon.config.load import STDIN_NAME
    from wsmon.config.specs import BuiltInDecoder, BuiltInProtocol

    connections = loaded.configuration.recorded
    used = {spec.protocol for spec in connections} | {name for spec in connections for name in spec.decode}
    if used <= {*get_args(BuiltInProtocol), *get_args(BuiltInDecoder)}:
        return ()
    from wsmon.decoders.base import Decoder
    from wsmon.protocols.base import Protocol

    file = STDIN_NAME if loaded.configuration.path is None else str(loaded.configuration.path)
    protocols = plugins.load("wsmon.protocols", Protocol, get_args(BuiltInProtocol))
    decoders = plugins.load("wsmon.decoders", Decoder, get_args(BuiltInDecoder))
    failures = (*protocols.failures, *decoders.failures)
    return tuple(
        Problem(file, 0, "", str(failure), hint=f"update {failure.plugin.package.partition(' ')[0]}, or uninstall it")
        for failure in failures
        if failure.plugin.name in used
    )


def _fail(problems: Sequence[Problem], message: str, *, as_json: bool) -> NoReturn:
    if as_json:
        _print_json(problems, (), None)
    else:
        say(message)
    raise SystemExit(EXIT_USAGE)


def _print_json(errors: Iterable[Problem], warnings: Iterable[Problem], configuration: Configuration | None) -> None:
    """Print the report of ``check --json``."""
    failed = [asdict(problem) for problem in errors]
    report = {
        "ok": not failed,
        "errors": failed,
        "warnings": [asdict(problem) for problem in warnings],
        "connections": [
            {"name": spec.name, "url": spec.url.masked, "enabled": spec.enabled, "group": spec.group}
            for spec in (configuration.connections if configuration else ())
        ],
        "relays": [
            {
                "name": relay.name,
                "listen": relay.listen,
                "enabled": relay.connection.enabled,
                "group": relay.connection.group,
                "routes": [
                    {"path": route.path, "url": listening.listen, "upstream": listening.upstream}
                    for route, listening in zip(relay.routes, _configured_routes(relay), strict=True)
                ],
            }
            for relay in (configuration.relays if configuration else ())
        ],
    }
    print_json(report)


def _print_table(loaded: Loaded) -> None:
    """Print the connections on stdout, warnings and notes on stderr."""
    from wsmon.cli.targets import awaited

    if waits := awaited(loaded.configuration):
        say(waits)
    else:
        _print_rows(
            [
                ("name", "group", "enabled", "url"),
                *(
                    (spec.name, spec.group or "–", "yes" if spec.enabled else "no", spec.url.masked)
                    for spec in loaded.configuration.connections
                ),
                *(
                    (
                        relay.name,
                        relay.connection.group or "–",
                        "yes" if relay.connection.enabled else "no",
                        f"{route.listen} → {route.upstream}",
                    )
                    for relay in loaded.configuration.relays
                    for route in _configured_routes(relay)
                ),
            ]
        )
    for warning in loaded.warnings:
        say(f"warning: {warning}")
    for note in loaded.notes:
        say(f"note: {note}")


def _configured_routes(relay: RelaySpec) -> tuple[RelayedRoute, ...]:
    from wsmon.config.checks import host_and_port

    return relay.listening(*host_and_port(relay.listen))


def _print_described(message: str, connections: Iterable[ConnectionSpec], *, as_json: bool) -> None:
    """Print what the connections that describe their messages find in one."""
    from wsmon.config.specs import DECLARABLE, MessagesSpec
    from wsmon.model.sanitize import sanitize
    from wsmon.protocols.declared import DeclaredMessages, Description

    described = [
        (spec.name, found)
        for spec in connections
        if spec.messages != MessagesSpec() and spec.protocol in DECLARABLE
        for found in DeclaredMessages(spec.messages).described(message.encode("utf-8", "surrogateescape"))
    ]
    if not described:
        raise UsageError("no connection describes its messages", "set messages.type and protocol = json or raw")
    if as_json:
        print_json([{"connection": name, **found._asdict()} for name, found in described])
        return
    rows = [(name, *(sanitize(cell) or "–" for cell in found)) for name, found in described]
    _print_rows([("connection", *Description._fields), *rows])


def _print_rows(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
