"""``wsmon bundle``, and its file as all reading commands take it, in another folder and without the recording."""

from __future__ import annotations

import io
import json
import shutil
import sys
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from tests.support.builders import at_ns
from tests.support.bundles import SETTINGS, incident_store
from tests.support.recordings import FixedClock
from wsmon.cli.main import run
from wsmon.model.bundle import Bundle, BundleOrder
from wsmon.store.reader import Reader


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    store, incident = incident_store(tmp_path_factory.mktemp("recording") / "store.db")
    return str(store), str(incident)


def read(path: Path) -> Bundle:
    with closing(Reader(path, FixedClock())) as reader:
        found = reader.bundle()
    assert found is not None
    return found


def test_a_bundle_is_read_by_all_commands_with_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "there").mkdir()
    store, incident = incident_store(tmp_path / "there" / "store.db")
    monkeypatch.chdir(tmp_path / "there")
    assert run(["bundle", "--incident", str(incident), "--store", str(store), "--before", "25s", "--after", "15s"]) == 0
    made = tmp_path / "there" / f"stall-nova-{incident}.wsmon"
    assert capsys.readouterr().err == f"wrote stall of nova: 11 events (152 KiB) to {made.name}\n"
    moved = tmp_path / "elsewhere" / "evidence.wsmon"
    moved.parent.mkdir()
    made.rename(moved)
    shutil.rmtree(tmp_path / "there")
    monkeypatch.chdir(tmp_path)
    before = moved.read_bytes()
    for command, found in [
        (["search", "type:stall", "--json", "--store"], '"type":"stall"'),
        (["export", "--format", "jsonl", "--store"], "nova 90"),
        (["stats", "--store"], "nova: incidents stall"),
        (["assert", "count(is:stall) = 2", "--store"], "1"),
    ]:
        assert run([*command, str(moved)]) == 0
        captured = capsys.readouterr()
        assert found in captured.out
        assert f"bundle: stall of nova (#{incident}), from " in captured.err
        assert captured.err.rstrip().endswith("; the file is unaltered")
    assert run(["serve", str(moved), "--connection", "nowhere"]) == 2
    assert "the file is unaltered\nwsmon: the recording has no session of nowhere" in capsys.readouterr().err
    assert (moved.read_bytes(), list(moved.parent.iterdir())) == (before, [moved])


def test_an_altered_bundle_says_so(
    recording: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, incident = recording
    target = tmp_path / "b.wsmon"
    assert run(["bundle", "--incident", incident, "--store", store, "-o", str(target)]) == 0
    content = target.read_bytes()
    target.write_bytes(content.replace(b"nova 90", b"nova 99"))
    assert run(["search", "--store", str(target), "nova"]) == 0
    captured = capsys.readouterr()
    assert "THE FILE WAS ALTERED after it was written" in captured.err
    assert "nova 99" in captured.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "no incident given. add --incident ID"),
        (["--incident", "9999"], "there is no event 9999"),
        (["--incident", "1"], "event 1 is not an incident"),
        (["--incident", str(2**63)], f"there is no event {2**63}"),
        (["--incident", str(2**63 - 1)], f"there is no event {2**63 - 1}"),
        (["--incident", "1", "-o", "b.db"], "b.db does not end with .wsmon"),
        (["--incident", "1", "--before", "5"], "missing unit"),
        (["--incident", "1", "--before", "9999999d"], "must be at most 36525d (9999999d)"),
    ],
)
def test_what_cannot_be_bundled_is_a_usage_error(
    recording: tuple[str, str], arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["bundle", *arguments, "--store", recording[0]]) == 2
    assert sentence in capsys.readouterr().err


def test_one_incident_that_is_none_refuses_the_others_too(
    recording: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, incident = recording
    target = tmp_path / "b.wsmon"
    assert run(["bundle", "--incident", incident, "--incident", "9999", "--store", store, "-o", str(target)]) == 2
    assert "there is no event 9999" in capsys.readouterr().err
    assert not target.exists()


def test_a_file_is_overwritten_only_on_request(
    recording: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, incident = recording
    target = tmp_path / "b.wsmon"
    target.touch()
    command = ["bundle", "--incident", incident, "--store", store, "-o", str(target)]
    assert run(command) == 2
    assert f"{target} already exists. use --force to overwrite" in capsys.readouterr().err
    assert target.read_bytes() == b""
    assert run([*command, "--force"]) == 0
    assert read(target).is_unaltered


def test_settings_come_from_the_unchanged_configuration_else_from_the_recording(
    recording: tuple[str, str], tmp_path: Path
) -> None:
    store, incident = recording
    assert run(["bundle", "--incident", incident, "--store", store, "-o", str(tmp_path / "b.wsmon")]) == 0
    found = read(tmp_path / "b.wsmon").manifest.configuration
    # The recording names no configuration
    assert found.source == "recording"
    assert [each["url"] for each in found.values["connections"]] == [
        "wss://nova.example.net/ws",
        "wss://other.example.net/ws",
    ]


def test_a_recorder_orders_one_on_standard_input(
    recording: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, incident = recording
    target = tmp_path / "b.wsmon"
    order = BundleOrder(
        incidents=(int(incident),),
        target=str(target),
        before_s=25,
        after_s=60,
        until_ns=at_ns(112),
        is_stopping=True,
        more_incidents=3,
        not_bundled=2,
        limit_bytes=10**7,
        settings=SETTINGS,
    )
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(msgspec.json.encode(order))))
    assert run(["bundle", "--order", "--store", store]) == 0
    manifest = read(target).manifest
    assert (manifest.made_by, manifest.more_incidents, manifest.not_bundled) == ("recorder", 3, 2)
    assert manifest.period.after_cut_short.startswith(
        "the recorder was stopped 12.0 s after the last incident opened, so 48.0 s of"
    )
    assert json.loads(msgspec.json.encode(manifest.configuration)) == {
        "source": "recorder",
        "values": {"profile": "financial"},
    }
