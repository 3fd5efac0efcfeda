"""A configuration file is replaced whole, as the user left it otherwise, or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from wsmon.config.config_file import ConfigFile
from wsmon.config.edits import Edit, with_rule
from wsmon.errors import ConfigError, WsmonError

TEXT = "[[connection]]\nname = 'a'\nurl = 'ws://h'\n"


@pytest.fixture
def file(tmp_path: Path) -> ConfigFile:
    """A configuration file that is a link to another one."""
    real = tmp_path / "real.toml"
    real.write_text(TEXT)
    real.chmod(0o640)
    (tmp_path / "wsmon.toml").symlink_to("real.toml")
    return ConfigFile(tmp_path / "wsmon.toml", {})


def names(folder: Path) -> list[str]:
    """The names of the files in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_an_edit_is_written_through_the_link_with_the_permissions_that_were(file: ConfigFile) -> None:
    edit = with_rule(file.read().text, "big", "is:problem")
    file.replace(edit)
    real = file.path.parent / "real.toml"
    assert (real.read_text(), file.path.is_symlink()) == (edit.after, True)
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert names(real.parent) == ["real.toml", "wsmon.toml"]


def test_a_file_that_changed_meanwhile_is_left_as_it_is(file: ConfigFile) -> None:
    edit = with_rule(file.read().text, "big", "is:problem")
    file.path.write_text(f"{TEXT}# mine\n")
    with pytest.raises(WsmonError, match="was changed by another program meanwhile"):
        file.replace(edit)
    assert file.path.read_text() == f"{TEXT}# mine\n"
    assert names(file.path.parent) == ["real.toml", "wsmon.toml"]


def test_an_edit_that_makes_an_error_is_refused(file: ConfigFile) -> None:
    with pytest.raises(ConfigError) as caught:
        file.replace(Edit(TEXT, f"{TEXT}enabled = 1\n"))
    assert [(each.line, each.key) for each in caught.value.problems] == [(4, "connection[0].enabled")]
    assert file.path.read_text() == TEXT


def test_an_error_that_was_there_before_hinders_no_edit(file: ConfigFile) -> None:
    text = TEXT.replace("ws://h", "ws://h/${secret:GONE}")
    file.path.write_text(text)
    assert [each.key for each in file.read().problems] == ["connection[0].url"]
    file.replace(with_rule(text, "big", "is:problem"))
    assert "alerts.rules.big" in file.path.read_text()


def test_a_folder_that_takes_no_file_is_said(file: ConfigFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> tuple[int, str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    with pytest.raises(WsmonError) as caught:
        file.replace(with_rule(TEXT, "big", "is:problem"))
    assert str(caught.value) == "wsmon.toml cannot be written: Permission denied. it is as it was"
