"""References inside texts of the configuration: ``${env:NAME}``, ``${secret:NAME}`` and ``${file:PATH}``.

What the last two yield is secret. ``$${`` stands for a literal ``${``.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wsmon.config.fault import FaultError, shown
from wsmon.model.redact.masking import MASK

MAX_SECRET_BYTES = 64 * 1024
# a secret longer than this is a wrong path

_REFERENCE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::([^}]*))?\}")


@dataclass(frozen=True, slots=True)
class Expanded:
    """A text with its references replaced."""

    text: str
    masked: str
    # the same with MASK in the place of each secret
    secrets: tuple[str, ...] = ()
    faults: tuple[FaultError, ...] = ()
    # one for each reference that yields nothing


@dataclass(frozen=True, slots=True)
class Sources:
    """Where references are looked up."""

    environ: Mapping[str, str]
    folder: Path
    # of relative paths


def expand(text: str, sources: Sources) -> Expanded:
    """``text`` with every reference replaced; the faults of all of them, not of the first."""
    if "${" not in text:
        return Expanded(text, text)
    plain: list[str] = []
    masked: list[str] = []
    secrets: list[str] = []
    faults: list[FaultError] = []
    end = 0
    for match in _REFERENCE.finditer(text):
        before = text[end : match.start()]
        end = match.end()
        try:
            value, is_secret = _resolved(match, sources)
        except FaultError as fault:
            faults.append(fault)
            continue
        plain += (before, value)
        masked += (before, MASK if is_secret else value)
        if is_secret:
            secrets.append(value)
    rest = text[end:]
    return Expanded("".join(plain) + rest, "".join(masked) + rest, tuple(secrets), tuple(faults))


def _resolved(match: re.Match[str], sources: Sources) -> tuple[str, bool]:
    """The value of one reference, and whether it is secret."""
    kind, name = match[1], match[2]
    written = shown(match[0])
    if kind is None:
        return "${", False
    if name is None:
        hint = (
            f"write ${{env:{kind}}}, ${{secret:{kind}}} where nobody may see it, or $${{ for the characters themselves"
        )
        raise FaultError("is a reference without a source", hint, written)
    match kind:
        case "env":
            return _variable(name, sources, written), False
        case "secret":
            value = _variable(name, sources, written)
            if not value:
                raise FaultError("refers to an environment variable that is empty", f"set {name}", written)
            return value, True
        case "file":
            return _content(name, sources, written), True
        case _:
            raise FaultError("is a reference to an unknown source", "the sources are env, secret and file", written)


def _variable(name: str, sources: Sources, written: str) -> str:
    value = sources.environ.get(name)
    if value is None:
        raise FaultError(
            "refers to an environment variable that is not set", f"set {name}" if name else "name it", written
        )
    return value


def _content(name: str, sources: Sources, written: str) -> str:
    """The text of a file without the newline at its end."""
    try:
        path = sources.folder / Path(name).expanduser()
        read = read_regular(path, MAX_SECRET_BYTES)
    except (OSError, ValueError, RuntimeError) as error:
        raise FaultError(f"refers to a file that cannot be read, {reason(error)}", "", written) from error
    try:
        value = read.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise FaultError("refers to a file that is not UTF-8 text", "", written) from None
    if not value:
        raise FaultError("refers to a file that is empty", "", written)
    return value


def read_regular(path: Path, limit: int) -> bytes:
    """The bytes of a regular file of at most ``limit`` bytes; raises ``OSError`` or ``ValueError``.

    Pipes and devices are refused before they are opened: they may never end, and cannot be read a second time.
    """
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise ValueError("it is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is no regular file")
    with path.open("rb") as file:
        read = file.read(limit + 1)
    if len(read) > limit:
        raise ValueError(f"it is larger than {limit // 1024} KiB")
    return read


def reason(error: Exception) -> str:
    """Why a file cannot be read, in words for users: without the path, which may come from a secret."""
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno).lower()
    return str(error)
