"""Configurations written into a folder of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wsmon.config.load import Loaded, load
from wsmon.errors import ConfigError

Load = Callable[..., Loaded]


@pytest.fixture
def loaded(tmp_path: Path) -> Load:
    """Writes a text as a configuration and loads it; keyword arguments are environment variables."""

    def write_and_load(text: str, **environ: str) -> Loaded:
        file = tmp_path / "wsmon.toml"
        file.write_text(text, encoding="utf-8")
        return load(file, environ)

    return write_and_load


@pytest.fixture
def problems(loaded: Load, tmp_path: Path) -> Callable[..., list[str]]:
    """The problems of a text, as users read them, without the folder of the test."""

    def of(text: str, **environ: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            loaded(text, **environ)
        return [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems]

    return of
