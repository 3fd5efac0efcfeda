"""ConfigFile: one configuration file, read, checked, and replaced whole, with its permissions, where it did not change.

What is written is decided by edits.py; the commands of the screen call this on a thread, since every call may block.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from wsmon.config.edits import Edit
from wsmon.config.load import load_content, read_content
from wsmon.config.specs import AlertSpec
from wsmon.errors import ConfigError, Problem, WsmonError


@dataclass(frozen=True, slots=True)
class ConfigText:
    """What a configuration file held when it was read."""

    text: str
    problems: tuple[Problem, ...]
    """Its errors; empty = it can be used."""
    alerts: AlertSpec | None = None
    """None where it has errors."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The configuration file at ``path``; references in it are looked up in ``environ``."""

    path: Path
    environ: Mapping[str, str]

    @property
    def name(self) -> str:
        """Its name without folder."""
        return self.path.name

    def read(self) -> ConfigText:
        """Return its text and what is wrong with it; raises ``ConfigError`` where it cannot be read."""
        content = read_content(self.path)
        try:
            # Undecodable bytes are an error of the file, which is reported with its line
            text = content.decode(errors="replace")
            loaded = load_content(content, self.path, self.environ)
        except ConfigError as error:
            return ConfigText(text, self._named(error.problems))
        return ConfigText(text, (), loaded.configuration.alerts)

    def replace(self, edit: Edit) -> None:
        """Write what an edit made of the text, in one step, into the file that the path leads to.

        Owner, permissions and attributes stay. Raises ``WsmonError`` where the file was changed since ``edit.before``
        was read, belongs to another user, or where the edit would bring a new error into it; then it stays as it is.
        """
        before, after = edit.before.encode(), edit.after.encode()
        self._refuse_new_errors(before, after)
        real = Path(os.path.realpath(self.path))
        try:
            self._replace(real, before, after)
        except OSError as error:
            raise WsmonError(f"{self.name} cannot be written: {error.strerror}", "it is as it was") from error

    def _refuse_new_errors(self, before: bytes, after: bytes) -> None:
        """Raise the errors that ``after`` has and ``before`` has not.

        Others are not ours: a secret that only the recorder's environment has is missing in both.
        """
        known = {(each.key, each.problem, each.value) for each in self._problems(before)}
        found = tuple(each for each in self._problems(after) if (each.key, each.problem, each.value) not in known)
        if found:
            raise ConfigError(self._named(found))

    def _named(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """Return problems with the name of the file alone: who sees them on the screen knows its folder."""
        return tuple(replace(each, file=self.name) for each in problems)

    def _problems(self, content: bytes) -> tuple[Problem, ...]:
        try:
            load_content(content, self.path, self.environ)
        except ConfigError as error:
            return error.problems
        return ()

    def _replace(self, real: Path, before: bytes, after: bytes) -> None:
        status = real.stat()
        opened, written = tempfile.mkstemp(prefix=f".{real.name}.", dir=real.parent)
        try:
            with os.fdopen(opened, "wb") as file:
                file.write(after)
                file.flush()
                if (status.st_uid, status.st_gid) != (os.geteuid(), os.fstat(file.fileno()).st_gid):
                    os.fchown(file.fileno(), status.st_uid, status.st_gid)
                # Permissions, access lists and other attributes; the times that it copies as well are set anew
                shutil.copystat(real, written)
                os.utime(written)
                os.fsync(file.fileno())
            if real.read_bytes() != before:
                raise WsmonError(f"{self.name} was changed by another program meanwhile", "nothing was written; again")
            Path(written).replace(real)
        except BaseException:
            Path(written).unlink(missing_ok=True)
            raise
        folder = os.open(real.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
