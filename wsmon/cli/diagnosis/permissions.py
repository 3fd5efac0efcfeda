"""Judges who else can read or change what is the user's own: configuration, store, sockets."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from wsmon.cli.diagnosis.diagnosis import Diagnosis, fail, ok, warn

OTHERS_READ = stat.S_IRGRP | stat.S_IROTH
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Owned:
    """A file or folder that should be the user's own."""

    path: Path
    mode: int
    # permission bits
    is_ours: bool
    # owned by whoever asks

    @classmethod
    def of(cls, path: Path, uid: int) -> Owned | None:
        """What a path is; ``None`` where there is nothing."""
        try:
            found = path.lstat()
        except FileNotFoundError:
            return None
        return cls(path, stat.S_IMODE(found.st_mode), found.st_uid == uid)


def judge_configuration_file(file: Owned, *, has_secrets: bool) -> Diagnosis:
    """Whether others can read the secrets that stand in a configuration, or change what it says."""
    if file.mode & OTHERS_WRITE:
        return fail(
            "secrets",
            f"others can change {file.path} ({file.mode:04o})",
            f"`chmod 600 {file.path}`: what it sends, and to whom, is theirs to say",
        )
    if has_secrets and file.mode & OTHERS_READ:
        return fail(
            "secrets",
            f"{file.path} holds secrets, and others can read it ({file.mode:04o})",
            f"`chmod 600 {file.path}`, or take them from ${{secret:NAME}} or ${{file:PATH}}",
        )
    holds = "holds secrets that nobody else can read" if has_secrets else "holds no secret"
    return ok("secrets", f"{file.path} {holds} ({file.mode:04o})")


def judge_recording(store: Owned, folder: Owned) -> Diagnosis:
    """Whether others can read what was recorded, and whether we can record at all."""
    for one in (store, folder):
        if not one.is_ours:
            return warn("permissions", f"{one.path} belongs to another user", "record as that user, or use --store")
        if one.mode & OTHERS_WRITE:
            return fail(
                "permissions",
                f"others can change {one.path} ({one.mode:04o})",
                f"`chmod go-w {one.path}`: what the store proves is theirs to say",
            )
    if store.mode & OTHERS_READ:
        return warn(
            "permissions",
            f"others can read {store.path} ({store.mode:04o})",
            f"`chmod 600 {store.path}`: it holds what was said on your connections",
        )
    return ok("permissions", f"the store is yours alone ({store.mode:04o})")


def judge_runtime_folder(folder: Owned | None, sockets: tuple[Owned, ...]) -> Diagnosis:
    """Whether viewers and recorders can meet, and nobody else listens."""
    if folder is None:
        return ok("socket", "no recorder has run since the login")
    if not folder.is_ours or folder.mode & 0o077:
        return fail(
            "socket",
            f"the folder of the control sockets {folder.path} is not yours alone ({folder.mode:04o})",
            f"remove it, or `chmod 700 {folder.path}` if you made it: no recorder starts there",
        )
    if open_ones := [one for one in sockets if one.mode & 0o077]:
        return fail(
            "socket",
            f"others may use {open_ones[0].path} ({open_ones[0].mode:04o})",
            f"`chmod 600 {open_ones[0].path}`, then stop the recorder and start it again",
        )
    return ok("socket", f"{folder.path} is yours alone")
