"""A configuration file, read: the frozen specs it means, or every problem it has, each with its line."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import tomli

from wsmon.config.document import read_document
from wsmon.config.expand import Sources, read_regular, reason
from wsmon.config.fault import Finding, shown
from wsmon.config.lines import KeyPath, Lines
from wsmon.config.read import SHORT_SECRET_CHARS, Reader
from wsmon.config.specs import Configuration
from wsmon.errors import ConfigError, Problem
from wsmon.model.redact.masking import mask_secrets

MAX_FILE_BYTES = 4 * 1024 * 1024
# a thousand connections need a tenth of it

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that can be used, and what its author should know about it."""

    configuration: Configuration
    warnings: tuple[Problem, ...] = ()
    key_lines: Mapping[str, int] = field(default_factory=dict)
    # action id → line of the user's keymap


def load(path: Path, environ: Mapping[str, str]) -> Loaded:
    """The configuration in the file at ``path``; references are looked up in ``environ``.

    Raises ``ConfigError`` with all problems in the order of their lines; a syntax error comes alone, for nothing behind
    it can be trusted. No message contains the value of a secret.
    """
    name = shown(str(path), 4_096)
    try:
        content = read_regular(path, MAX_FILE_BYTES)
        real = Path(os.path.realpath(path))
    except (OSError, ValueError) as error:
        raise _whole(name, f"cannot be read: {reason(error)}") from error
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError((Problem(name, line, "", "is not UTF-8 text", f"byte {error.start}"),)) from None
    text = text.removeprefix("\ufeff")
    reader = Reader(Sources(environ, real.parent))
    configuration = read_document(_parsed(text, name), reader, real, hashlib.sha256(content).hexdigest())
    return finish(configuration, reader, name, text)


def finish(configuration: Configuration, reader: Reader, file: str, text: str | None) -> Loaded:
    """``configuration`` with the reader's warnings, or all of its faults as a ``ConfigError``.

    ``text`` is the document, ``None`` where there is none: problems then have no line.
    """
    if not reader.faults and not reader.warnings and not configuration.keys:
        return Loaded(configuration)
    lines = Lines(text) if text is not None else None
    if reader.faults:
        raise ConfigError(_problems(reader.faults, lines, file, reader.secrets))
    key_lines = {action: _line_of(action, lines) for action, _ in configuration.keys} if lines else {}
    return Loaded(configuration, _problems(reader.warnings, lines, file, reader.secrets), key_lines)


def _line_of(action: str, lines: Lines) -> int:
    """The line of ``"log.search"``, or of ``log.search``, which is a table in a table; the heading is above both."""
    return max(lines.of(("keys", action)), lines.of(("keys", *action.split("."))))


def _problems(
    findings: Iterable[Finding], lines: Lines | None, file: str, secrets: Iterable[str]
) -> tuple[Problem, ...]:
    """``findings`` with their lines, each once, in the order of the lines."""
    long_secrets = [secret for secret in secrets if len(secret) >= SHORT_SECRET_CHARS]
    problems = []
    for found in dict.fromkeys(findings):
        line = lines.of(found.path) if lines else 0
        value = shown(mask_secrets(found.value, long_secrets))
        problems.append(Problem(file, line, key_name(found.path), found.problem, value, found.hint))
    return tuple(sorted(problems, key=lambda problem: problem.line))


def key_name(path: KeyPath) -> str:
    """How messages call the key at ``path``: ``connection[2].ping.interval``."""
    name = ""
    for part in path:
        if isinstance(part, int):
            name += f"[{part}]"
        else:
            written = part if _BARE_KEY.fullmatch(part) else f'"{part}"'
            name += f".{written}" if name else written
    return shown(name, 200)


def _parsed(text: str, name: str) -> dict[str, object]:
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        what = f"{error.msg[:1].lower()}{error.msg[1:]}"
        problem = Problem(name, error.lineno, "", "is not valid TOML", "", f"{shown(what, 200)}, column {error.colno}")
        raise ConfigError((problem,)) from None
    except RecursionError:
        raise _whole(name, "is nested too deeply") from None
    except ValueError:
        raise _whole(name, "contains a number or a date that cannot be") from None


def _whole(name: str, problem: str) -> ConfigError:
    return ConfigError((Problem(name, 0, "", problem),))
