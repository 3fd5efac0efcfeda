"""``wsmon detectors``: kinds, thresholds in force, and what silences them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wsmon.cli.main import run
from wsmon.model.incident_kinds import INCIDENT_KINDS

CONFIG = """\
[wsmon]
detectors.storm = { opens = 8 }
[[connection]]
name = "a"
url = "ws://h"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and no configuration anywhere else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WSMON_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_without_a_configuration_the_defaults_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["detectors"]) == 0
    blocks = [block.splitlines() for block in capsys.readouterr().out.strip().split("\n\n")]
    assert [block[0].partition(":")[0] for block in blocks] == [kind.name for kind in INCIDENT_KINDS]
    assert next(block for block in blocks if block[0].startswith("storm:")) == [
        "storm: 5 connection attempts within 1m",
        "  detectors.storm.opens = 5             # attempts within this time required to open it",
        '  detectors.storm.within = "1m"         # time window in which attempts are counted',
        "  detectors.storm.closes = 2            # it closes at this many attempts or fewer within this time",
        '  to silence: a longer reconnect.initial, or retry delay of a relayed application or silence = ["storm"]',
    ]


def test_thresholds_of_the_configuration_stand_beside_their_defaults(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "wsmon.toml").write_text(CONFIG)
    assert run(["detectors"]) == 0
    out = capsys.readouterr().out
    assert "storm: 8 connection attempts within 1m" in out
    assert "detectors.storm.opens = 8             # attempts within this time required to open it (default 5)" in out


def test_json_has_the_same_for_scripts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "other.toml").write_text(CONFIG)
    assert run(["detectors", "other.toml", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "wsmon.detectors/1"
    storm = next(each for each in document["detectors"] if each["kind"] == "storm")
    assert storm == {
        "kind": "storm",
        "opens_when": "8 connection attempts within 1m",
        "query": "is:storm",
        "thresholds": [
            {"name": "opens", "value": 8, "default": 5, "meaning": "attempts within this time required to open it"},
            {"name": "within", "value": "1m", "default": "1m", "meaning": "time window in which attempts are counted"},
            {
                "name": "closes",
                "value": 2,
                "default": 2,
                "meaning": "it closes at this many attempts or fewer within this time",
            },
        ],
        "silence": 'a longer reconnect.initial, or retry delay of a relayed application or silence = ["storm"]',
    }
    assert {each["kind"] for each in document["detectors"]} == {kind.name for kind in INCIDENT_KINDS}


def test_a_configuration_with_errors_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "wsmon.toml").write_text(CONFIG.replace("opens", "opnes"))
    assert run(["detectors"]) == 2
    assert 'wsmon.detectors.storm.opnes: unknown key. did you mean "opens"?' in capsys.readouterr().err
