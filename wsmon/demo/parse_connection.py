"""Reads how to connect to a scenario's server: any keys of a [[connection]], by the configuration's own rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from wsmon.config.load import Reader, finish, read_document
from wsmon.config.secrets import Sources
from wsmon.config.specs import ConnectionSpec
from wsmon.demo.table import Table
from wsmon.model.redact.masking import Sensitive

SOMEWHERE = "ws://localhost"
# a URL that passes the rules; the real one is known when the server listens


def read_connection(name: str, table: Table) -> ConnectionSpec:
    """The connection of that name, its URL still empty. Raises ConfigError with all problems."""
    keys = {key: table.take(key) for key in table.names()}
    reader = Reader(Sources({}, Path()))
    tree = {"connection": [{**keys, "name": name, "url": SOMEWHERE}]}
    configuration = finish(read_document(tree, reader, None, ""), reader, f"scenario {name}", None).configuration
    return replace(configuration.connections[0], url=Sensitive(""))
