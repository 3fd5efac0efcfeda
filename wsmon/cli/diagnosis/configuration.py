"""Judges the configuration: whether it can be used, and what in it has no effect."""

from __future__ import annotations

from wsmon.cli.diagnosis.diagnosis import Diagnosis, fail, ok, warn
from wsmon.config.load import Loaded
from wsmon.errors import ConfigError


def judge_loaded(loaded: Loaded) -> Diagnosis:
    """One that can be used."""
    configuration = loaded.configuration
    enabled = sum(one.enabled for one in configuration.connections)
    fact = f"{configuration.path}: {len(configuration.connections)} connections, {enabled} enabled"
    if loaded.warnings:
        more = f" (and {len(loaded.warnings) - 1} more)" if len(loaded.warnings) > 1 else ""
        return warn("configuration", fact, f"{loaded.warnings[0]}{more}; `wsmon check` says all")
    return ok("configuration", fact)


def judge_broken(error: ConfigError) -> Diagnosis:
    """One that cannot."""
    more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
    return fail("configuration", f"{error.problems[0]}{more}", "`wsmon check` says all, with their lines")


NONE_FOUND = ok("configuration", "none here; `wsmon check --example` writes one to start from")
