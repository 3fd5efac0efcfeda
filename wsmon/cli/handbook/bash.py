"""Completion for bash: commands, options, the values of options; files where a file is meant."""

from __future__ import annotations

from collections.abc import Iterator

from wsmon.cli.handbook.outline import CommandOutline

_HEAD = """\
# bash completion for wsmon; made by `wsmon completions bash`
_wsmon() {
    local current=${COMP_WORDS[COMP_CWORD]} before= command= options=
    COMPREPLY=()
    (( COMP_CWORD > 0 )) && before=${COMP_WORDS[COMP_CWORD - 1]}
    # bash takes `--format=j` apart at the sign
    if [[ $current == = ]]; then
        current=
    elif [[ $before == = ]] && (( COMP_CWORD > 1 )); then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    if (( COMP_CWORD > 1 )); then
        case ${COMP_WORDS[1]} in
"""
_TAIL = """\
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$current"))
    fi
}
complete -o bashdefault -o default -F _wsmon wsmon
"""


def bash(commands: tuple[CommandOutline, ...]) -> str:
    """The script."""
    return "".join(_lines(commands))


def _lines(commands: tuple[CommandOutline, ...]) -> Iterator[str]:
    names = " ".join(one.name for one in commands if one.name)
    yield _HEAD
    yield f"            {names.replace(' ', '|')}) command=${{COMP_WORDS[1]}} ;;\n        esac\n    fi\n"
    yield "    case $command:$before in\n"
    yield from _values(commands)
    yield "    esac\n    case $command in\n"
    for command in commands:
        words = " ".join(name for option in command.options for name in option.names)
        name = command.name or '""'
        yield f'        {name}) options="{words}"'
        if not command.name:
            yield f'\n            if (( COMP_CWORD == 1 )); then\n                options+=" {names}"\n'
            yield '                COMPREPLY=($(compgen -W "$options" -- "$current"))\n'
            yield '                [[ $current == -* ]] || COMPREPLY+=($(compgen -f -- "$current"))\n'
            yield "                return\n            fi"
        elif command.choices:
            yield "\n            [[ $current == -* ]] || "
            yield f'COMPREPLY=($(compgen -W "{" ".join(command.choices)}" -- "$current"))'
        yield " ;;\n"
    yield "    esac\n"
    yield _TAIL


def _values(commands: tuple[CommandOutline, ...]) -> Iterator[str]:
    """What follows an option that takes a value: one of its choices, a file, or anything."""
    files, anything = [], []
    for command in commands:
        for option in command.options:
            patterns = "|".join(f"{command.name}:{name}" for name in option.names)
            if option.choices:
                words = " ".join(option.choices)
                yield f'        {patterns}) COMPREPLY=($(compgen -W "{words}" -- "$current")); return ;;\n'
            elif option.takes_file:
                files.append(patterns)
            elif option.value:
                anything.append(patterns)
    yield f'        {"|".join(files)})\n            COMPREPLY=($(compgen -f -- "$current")); return ;;\n'
    yield f"        {'|'.join(anything)})\n            compopt +o default +o bashdefault 2>/dev/null; return ;;\n"
