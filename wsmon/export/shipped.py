"""What comes with wsmon for monitoring systems: a dashboard for Grafana, rules for Prometheus."""

from __future__ import annotations

from importlib.resources import files


def dashboard() -> str:
    """JSON that Grafana imports; it asks for its Prometheus."""
    return _text("grafana.json")


def rules() -> str:
    """YAML for ``rule_files``: the telemetry guide's metric names, and alerts."""
    return _text("prometheus_rules.yml")


def _text(name: str) -> str:
    return (files("wsmon.export") / name).read_text(encoding="utf-8")
