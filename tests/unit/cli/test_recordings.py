"""Several recordings named on a command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.builders import message
from tests.support.recordings import recorded
from wsmon.cli.recordings import choose_recordings
from wsmon.errors import UsageError


def store(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return recorded(path, [message("x", 1)], "binance-spot")


def names(*arguments: object) -> list[str]:
    return [each.name for each in choose_recordings([str(each) for each in arguments], {}).chosen]


def test_a_recording_has_the_name_of_its_file_or_its_folder_unless_one_is_given(tmp_path: Path) -> None:
    one, two = store(tmp_path / "host 1" / "store.db"), store(tmp_path / "b=c.db")
    assert names(one, two) == ["host-1", "b-c"]
    assert names(f"eu={one}", two) == ["eu", "b-c"]


def test_recordings_of_one_name_are_numbered_and_leave_a_given_name_alone(tmp_path: Path) -> None:
    stores = [store(tmp_path / folder / "orders.db") for folder in "abc"]
    assert names(*stores) == ["orders", "orders-2", "orders-3"]
    assert names(stores[0], stores[1], f"orders={stores[2]}") == ["orders-2", "orders-3", "orders"]


def test_a_name_given_twice_and_a_recording_given_twice_are_refused(tmp_path: Path) -> None:
    one, two = store(tmp_path / "a.db"), store(tmp_path / "b.db")
    with pytest.raises(UsageError, match="two recordings are named eu"):
        names(f"eu={one}", f"eu={two}")
    with pytest.raises(UsageError, match="is given twice"):
        names(one, f"eu={one}")


@pytest.mark.parametrize("name", ["ünï", "a b", "x" * 65])
def test_a_name_that_none_can_be_is_refused(tmp_path: Path, name: str) -> None:
    one = store(tmp_path / "a.db")
    with pytest.raises(UsageError, match=f"invalid name '{name}'"):
        names(f"{name}={one}")
