"""The example configuration in the repository, made from the schema."""

from __future__ import annotations

from pathlib import Path

import tomli

from wsmon.config.example import example
from wsmon.config.load import load
from wsmon.config.schema import CONNECTION, WSMON
from wsmon.config.specs import Configuration, ConnectionSpec
from wsmon.model.redact.masking import Sensitive

ROOT = Path(__file__).parents[3]


def test_the_example_in_the_repository_is_the_one_that_the_table_gives() -> None:
    assert (ROOT / "config.example.toml").read_text(encoding="utf-8") == example()


def test_the_example_loads_without_a_warning_and_says_nothing_but_defaults() -> None:
    loaded = load(ROOT / "config.example.toml", {})
    assert loaded.warnings == ()
    assert loaded.configuration == Configuration(
        path=ROOT / "config.example.toml",
        digest=loaded.configuration.digest,
        connections=(ConnectionSpec("orders", Sensitive("wss://example.com/feed")),),
    )


def test_every_key_is_in_the_example() -> None:
    for key in (*WSMON, *CONNECTION):
        assert any(line.removeprefix("# ").startswith(f"{key.path} = ") for line in example().splitlines())


def test_what_the_example_comments_out_is_valid_too(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    settings = ("# store", '# "log.search"', "# open_timeout", "# headers")
    lines = [line.removeprefix("# ") if line.startswith(settings) else line for line in example().splitlines()]
    file.write_text("\n".join(lines))
    configuration = load(file, {"TOKEN": "a-long-token"}).configuration
    assert configuration.store == tmp_path / "wsmon.db"
    assert configuration.keys == (("log.search", ("slash",)),)
    assert configuration.connections[0].headers[0][1].masked == "Bearer [FILTERED]"
    assert "open_timeout" in tomli.loads(file.read_text())["defaults"]
