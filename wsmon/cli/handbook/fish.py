"""Completion for fish, with what each command and option means."""

from __future__ import annotations

from collections.abc import Iterator

from wsmon.cli.handbook.outline import CommandOutline, OptionOutline


def fish(commands: tuple[CommandOutline, ...]) -> str:
    """The script."""
    return "".join(f"{line}\n" for line in _lines(commands))


def _lines(commands: tuple[CommandOutline, ...]) -> Iterator[str]:
    names = " ".join(one.name for one in commands if one.name)
    yield "# fish completion for wsmon; made by `wsmon completions fish`"
    yield f"set -l commands {names}"
    yield "function __wsmon_command_is"
    yield "    set -l words (commandline -opc)"
    yield "    test (count $words) -gt 1; and contains -- $words[2] $argv"
    yield "end"
    first = "complete -c wsmon -n 'test (count (commandline -opc)) -eq 1'"
    yield from (f"{first} -a {one.name} -d {_quoted(one.short)}" for one in commands if one.name)
    for command in commands:
        where = f"__wsmon_command_is {command.name}" if command.name else f"not __wsmon_command_is {names}"
        begin = f"complete -c wsmon -n '{where}'"
        if command.name and not command.takes_files:
            yield f"{begin} -f"
        if command.choices:
            yield f"{begin} -a '{' '.join(command.choices)}'"
        for option in command.options:
            yield f"{begin} {_option(option)}"


def _option(option: OptionOutline) -> str:
    names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
    text = f"{names} -d {_quoted(option.help)}"
    if option.choices:
        return f"{text} -x -a '{' '.join(option.choices)}'"
    if option.value:
        return f"{text} -r" if option.takes_file else f"{text} -x"
    return text


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
