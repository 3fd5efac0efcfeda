"""The manual page, as man(7) wants it."""

from __future__ import annotations

from collections.abc import Iterator

from wsmon.cli.handbook.outline import CommandOutline, OptionOutline

_DATE = "2026-11-21"
# of the last change to what is said here
_NAME = "watch WebSocket connections: is it up, is it alive, why did it drop, what was said"
_FILES = (
    ("./wsmon.toml", "The configuration, unless an argument, WSMON_CONFIG or the user's folder names another."),
    ("$XDG_CONFIG_HOME/wsmon/", "wsmon.toml and themes of the user."),
    ("$XDG_STATE_HOME/wsmon/NAME-XXXXXXXX/store.db", "What is recorded: an SQLite database, one a configuration."),
    ("recorder.log", "Beside the store: what the recorder says; older ones are recorder.log.1 to recorder.log.3."),
    ("$XDG_RUNTIME_DIR/wsmon/", "Control sockets of the recorders that run."),
)
_ENVIRONMENT = (
    ("WSMON_CONFIG", "The configuration, where no argument names one."),
    ("NO_COLOR", "When set, nothing is coloured."),
    ("XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_CACHE_HOME, XDG_RUNTIME_DIR", "Where files lie."),
)
_STATUS = (
    ("0", "All is well; a recording ended cleanly."),
    ("1", "It failed."),
    ("2", "The command line or the configuration cannot be used."),
    ("3", "A threshold is breached (stats --check)."),
    ("130", "Interrupted."),
)


def man(commands: tuple[CommandOutline, ...], version: str) -> str:
    """The page."""
    return "".join(f"{line}\n" for line in _lines(commands, version))


def _lines(commands: tuple[CommandOutline, ...], version: str) -> Iterator[str]:
    yield f'.TH WSMON 1 {_DATE} "wsmon {_escaped(version)}" "User Commands"'
    yield ".SH NAME"
    yield f"wsmon \\- {_escaped(_NAME)}"
    yield ".SH SYNOPSIS"
    for number, command in enumerate(commands):
        if number:
            yield ".br"
        yield f".B {_escaped(f'wsmon {command.name}'.strip())}"
        yield _escaped(command.usage)
    yield ".SH DESCRIPTION"
    for command in commands:
        yield from _command(command)
    for title, rows in (("EXIT STATUS", _STATUS), ("ENVIRONMENT", _ENVIRONMENT), ("FILES", _FILES)):
        yield f".SH {title}"
        for term, text in rows:
            yield from (".TP", f".B {_escaped(term)}", _escaped(text))
    yield ".SH SEE ALSO"
    yield ".BR sqlite3 (1),"
    yield ".BR systemd.unit (5)"


def _command(command: CommandOutline) -> Iterator[str]:
    yield f".SS {_argument(f'wsmon {command.name} {command.usage}' if command.name else f'wsmon {command.usage}')}"
    for number, paragraph in enumerate(command.text.split("\n\n")):
        if number:
            yield ".PP"
        yield _escaped(paragraph)
    for option in command.options:
        yield from (".TP", _names(option), _escaped(option.help or "\\&"))
        if option.choices:
            yield _escaped(f"One of {', '.join(option.choices)}.")


def _names(option: OptionOutline) -> str:
    names = ", ".join(option.names)
    return f".BI {_argument(names)} {_argument(f' {option.value}')}" if option.value else f".B {_escaped(names)}"


def _argument(text: str) -> str:
    """A text as one argument of a macro."""
    quoted = _escaped(text).replace('"', '""')
    return f'"{quoted}"'


def _escaped(text: str) -> str:
    """Text that roff takes as it is."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    escaped = "".join(sign if sign.isascii() else f"\\[u{ord(sign):04X}]" for sign in escaped)
    return f"\\&{escaped}" if escaped[:1] in (".", "'") else escaped
