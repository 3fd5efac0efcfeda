"""Ad-hoc configuration: made of URLs on the command line, without a file."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from wsmon.config.checks import MAX_NAME_CHARS
from wsmon.config.kinds import FaultError
from wsmon.config.load import finish, read_document
from wsmon.config.secrets import ReferenceSources
from wsmon.config.specs import DEFAULT_PORTS, Configuration
from wsmon.config.table_reader import TableReader

# In problems, instead of the name of a file
SOURCE = "command line"

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def from_urls(
    urls: Iterable[str],
    headers: Iterable[tuple[str, str]] = (),
    subscribe: Iterable[str] = (),
    subprotocols: Iterable[str] = (),
    environ: Mapping[str, str] | None = None,
) -> Configuration:
    """Return a configuration with a connection for each URL, named after its host, all else by default.

    References in URLs and headers are looked up in ``environ``. The digest is that of the content, so equal command
    lines have equal digests. Raises ``ConfigError``; its problems have no line.
    """
    reader = TableReader(ReferenceSources(environ or {}, Path.cwd()))
    asked: dict[str, object] = {"headers": _table(headers, reader), "subscribe": list(subscribe)}
    # Only where there are some: command lines without them keep their digest, and so their store
    if offered := list(subprotocols):
        asked["subprotocols"] = offered
    taken: set[str] = set()
    connections = [{"name": _unique(_name(url), taken), "url": url, **asked} for url in urls]
    content = json.dumps(connections, sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()
    configuration = read_document({"connection": connections}, reader, None, digest)
    return finish(configuration, reader, SOURCE, None).configuration


def _table(headers: Iterable[tuple[str, str]], reader: TableReader) -> dict[str, str]:
    table: dict[str, str] = {}
    for name, value in headers:
        if name in table:
            reader.fault(("headers", name), FaultError("is there twice"))
        table[name] = value
    return table


def _name(url: str) -> str:
    """A valid name for a connection to ``url``: its host, and the port where it is not the scheme's default."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "connection"
    if port is not None and port != DEFAULT_PORTS.get(parts.scheme):
        host = f"{host}-{port}"
    return _NOT_IN_A_NAME.sub("-", host).strip("-.")[:MAX_NAME_CHARS] or "connection"


def _unique(name: str, taken: set[str]) -> str:
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name[: MAX_NAME_CHARS - 1 - len(str(number))]}-{number}"
    taken.add(candidate)
    return candidate
