"""Completion for zsh, with what each command and option means."""

from __future__ import annotations

from collections.abc import Iterator

from wsmon.cli.handbook.outline import CommandOutline, OptionOutline

_HEAD = """\
#compdef wsmon
# zsh completion for wsmon; made by `wsmon completions zsh`
_wsmon() {
    local -a commands=(
"""


def zsh(commands: tuple[CommandOutline, ...]) -> str:
    """The script."""
    return "".join(_lines(commands))


def _lines(commands: tuple[CommandOutline, ...]) -> Iterator[str]:
    yield _HEAD
    for command in commands:
        if command.name:
            yield f"        {_quoted(f'{command.name}:{command.short}')}\n"
    yield "    )\n    if (( CURRENT == 2 )); then\n        _describe -t commands command commands\n    fi\n"
    yield "    local command=${words[2]}\n"
    yield "    if (( CURRENT > 2 )) && [[ -n ${(M)commands:#$command:*} ]]; then\n"
    yield "        shift words\n        (( CURRENT-- ))\n    else\n        command=\n    fi\n"
    yield "    case $command in\n"
    for command in commands:
        name = command.name or "''"
        yield f"        {name})\n            _arguments -S"
        for specification in _specifications(command):
            yield f" \\\n                {specification}"
        yield "\n            ;;\n"
    yield "    esac\n}\n"
    # autoloaded, the file is the function's body; sourced, it says what it completes
    yield 'if [[ ${funcstack[1]} == _wsmon ]]; then\n    _wsmon "$@"\nelse\n    compdef _wsmon wsmon\nfi\n'


def _specifications(command: CommandOutline) -> Iterator[str]:
    for option in command.options:
        yield from (_option(name, option) for name in option.names)
    if command.choices:
        yield _quoted(f"1:{command.arguments[0]}:({' '.join(command.choices)})")
    elif command.takes_files:
        yield _quoted(f"*:{_plain(command.arguments[0])}:_files")
    elif command.arguments:
        yield _quoted(f"*:{_plain(command.arguments[0])}: ")


def _option(name: str, option: OptionOutline) -> str:
    text = f"*{name}[{_plain(option.help)}]"
    if option.choices:
        return _quoted(f"{text}:{option.value}:({' '.join(option.choices)})")
    if option.value:
        return _quoted(f"{text}:{_plain(option.value)}:{'_files' if option.takes_file else ' '}")
    return _quoted(text)


def _plain(text: str) -> str:
    """Without the signs that mean something to ``_arguments``."""
    return "".join(f"\\{sign}" if sign in "[]:" else sign for sign in text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
