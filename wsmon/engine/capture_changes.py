"""What a new configuration of a connection changes about what is kept and looked for: no reason for a new session."""

from __future__ import annotations

from dataclasses import fields, replace

from wsmon.config.specs import ConnectionSpec
from wsmon.model.events import Json


def keeps_session(before: ConnectionSpec, after: ConnectionSpec) -> bool:
    """Whether the two differ in nothing but profile, capture, what detectors look for, and thresholds."""
    same = replace(before, profile=after.profile, capture=after.capture)
    return replace(same, silence=after.silence, expect_every_s=after.expect_every_s, kpi=after.kpi) == after


def told_changes(before: ConnectionSpec, after: ConnectionSpec) -> tuple[str, dict[str, Json]]:
    """What ``keeps_session`` lets change, as a sentence (empty: nothing), and as ``meta`` of the event that tells it.

    ``{"profile": …, "before": …}`` where the profile changed, ``{"capture": {key: value}}`` where capture did,
    ``{"silence": […]}``, ``{"expect_every_s": …}`` and ``{"kpi": {name: threshold}}`` where these did.
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
    if before.silence != after.silence:
        said.append(f"silence {', '.join(after.silence) or 'nothing'}")
        meta["silence"] = list(after.silence)
    if before.expect_every_s != after.expect_every_s:
        said.append(f"expect_every {before.expect_every_s:g} s → {after.expect_every_s:g} s")
        meta["expect_every_s"] = after.expect_every_s
    if before.kpi != after.kpi:
        said.append(f"kpi {', '.join(f'{name} {value:g}' for name, value in after.kpi.items()) or 'as in the profile'}")
        meta["kpi"] = dict(after.kpi)
    return ", ".join(said), meta


def _toml(value: bool | int) -> str:
    return str(value).lower()
