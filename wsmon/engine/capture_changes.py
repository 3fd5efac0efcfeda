"""What a new configuration of a connection changes about the rows that are kept: no reason for a new session."""

from __future__ import annotations

from dataclasses import fields, replace

from wsmon.config.specs import ConnectionSpec
from wsmon.model.events import Json


def keeps_session(before: ConnectionSpec, after: ConnectionSpec) -> bool:
    """Whether the two differ in nothing but profile and capture."""
    return replace(before, profile=after.profile, capture=after.capture) == after


def told_changes(before: ConnectionSpec, after: ConnectionSpec) -> tuple[str, dict[str, Json]]:
    """The change of profile and capture as a sentence (empty: none), and as ``meta`` of the event that tells it.

    ``{"profile": …, "before": …}`` where the profile changed, ``{"capture": {key: value}}`` where capture did.
    """
    said: list[str] = []
    meta: dict[str, Json] = {}
    if before.profile != after.profile:
        said.append(f"profile {before.profile} → {after.profile}")
        meta |= {"profile": after.profile, "before": before.profile}
    changed: dict[str, Json] = {}
    for field in fields(after.capture):
        old, new = getattr(before.capture, field.name), getattr(after.capture, field.name)
        if old != new:
            said.append(f"capture.{field.name.removesuffix('_bytes')} {_toml(old)} → {_toml(new)}")
            changed[field.name] = new
    if changed:
        meta["capture"] = changed
    return ", ".join(said), meta


def _toml(value: bool | int) -> str:
    return str(value).lower()
