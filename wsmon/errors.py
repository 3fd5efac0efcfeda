"""Exceptions of wsmon and its exit codes: an error holds facts, and ``str()`` makes the sentence.

There is a class of its own only where some caller catches it differently.
"""

from __future__ import annotations

from dataclasses import dataclass

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_THRESHOLD = 3
EXIT_INTERRUPTED = 130


class WsmonError(Exception):
    """Root of all exceptions that wsmon raises on purpose.

    ``what`` says what failed, with the value; ``hint`` what to do next. ``exit_code`` is that of a command that fails.
    """

    exit_code = EXIT_FAILED

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what, hint)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}. {self.hint}" if self.hint else self.what


class UsageError(WsmonError):
    """A command line that cannot be carried out as it is: exit code 2."""

    exit_code = EXIT_USAGE


# Characters of a query that are shown on each side of an error
SHOWN_CHARS = 70


class QueryError(UsageError):
    """A query that cannot be understood; ``column`` counts from 0."""

    def __init__(self, query: str, column: int, what: str, hint: str = "") -> None:
        super().__init__(what, hint)
        self.query = query
        self.column = column

    def __str__(self) -> str:
        """Return the sentence, and below it the place in the query, with ``SHOWN_CHARS`` around it."""
        first = max(0, self.column - SHOWN_CHARS)
        shown = self.query[first : self.column + SHOWN_CHARS]
        before, after = "…" if first else "", "…" if len(self.query) > self.column + SHOWN_CHARS else ""
        one_line = "".join(char if char.isprintable() else " " for char in shown)
        return f"{super().__str__()}\n  {before}{one_line}{after}\n  {' ' * (len(before) + self.column - first)}^"


@dataclass(frozen=True, slots=True)
class Problem:
    """One error, or one key without effect, in a configuration."""

    file: str
    line: int
    """1-based; 0 where the problem belongs to no line."""
    key: str
    """Empty where the problem concerns the file as a whole."""
    problem: str
    value: str = ""
    """The value as written, secrets masked; empty where there is none."""
    hint: str = ""

    def __str__(self) -> str:
        value = f" ({self.value})" if self.value else ""
        hint = f". {self.hint}" if self.hint else ""
        place = f"{self.file}:{self.line}" if self.line else self.file
        key = f"{self.key}: " if self.key else ""
        return f"{place}: {key}{self.problem}{value}{hint}"


class ConfigError(WsmonError):
    """A configuration with errors; holds all its problems, in the order of their lines."""

    exit_code = EXIT_USAGE

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class StoreError(WsmonError):
    """A store that cannot be opened, read or written; it is left unchanged."""


class StoreOlderError(StoreError):
    """A store of an earlier schema; a process that can take its lock migrates it."""


class StoreHeldError(StoreError):
    """Another recorder holds the store (``pid``)."""

    def __init__(self, what: str, hint: str, pid: int) -> None:
        super().__init__(what, hint)
        self.pid = pid
