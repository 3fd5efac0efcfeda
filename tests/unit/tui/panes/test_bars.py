"""The first and the last line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.builders import SECOND_NS, T0_NS, at_ns, row
from wsmon.model.ranges import StoreBounds
from wsmon.model.snapshot import EMPTY_SNAPSHOT, Health, Snapshot
from wsmon.tui.actions import ACTIONS
from wsmon.tui.panes.bars import Recording, footer_line, header_line, notice_line
from wsmon.tui.recorder_status import RecorderStatus
from wsmon.tui.text import width_of

KEYS = {action.id: action.keys for action in ACTIONS}
SNAPSHOT = Snapshot(
    T0_NS,
    StoreBounds(1, 10, 1, 1_288_490_189),
    (row("a"), row("b", "reconnecting"), row("c", stalled_since_ns=at_ns(-3)), row("d", "initialized", enabled=False)),
    (0, 1200, 4812),
)
ON = Recording(True, T0_NS - 8040 * SECOND_NS)


def header(width: int, health: Health | None = Health(commit_lag_ms=38.0), recording: Recording = ON) -> str:  # noqa: B008 (frozen)
    return "".join(text for text, _ in header_line("orders.toml", SNAPSHOT, recording, health, T0_NS, width))


def test_everything_is_said_where_there_is_room() -> None:
    assert " ".join(header(160).split()) == (
        "orders.toml ● recording 2h14m 1 reconnecting · 1 stalled · 1 open "
        "4,812 msg/s ▃█ store 1.2 GiB commit lag 38 ms lost 0 events"
    )


@pytest.mark.parametrize("width", range(45, 170, 5))
def test_it_never_grows_beyond_the_terminal(width: int) -> None:
    assert len(header(width)) <= width + 3  # blanks at the end are cut


def test_labels_come_with_the_room_and_the_name_never_changes() -> None:
    said = [" ".join(header(width).split()) for width in (80, 100, 112, 124)]
    assert [line.partition("4,812")[2] for line in said] == [
        "",
        " msg/s ▃█ lost 0",
        " msg/s 1.2 GiB lag 38 ms lost 0",
        " msg/s ▃█ 1.2 GiB lag 38 ms lost 0 events",
    ]
    assert {line.split()[0] for line in said} == {"orders.toml"}


def test_loss_and_lag_are_the_last_to_go() -> None:
    assert header(30, Health(events_shed=1204, commit_lag_ms=900.0)).split() == ["lag", "900", "ms", "lost", "1,204"]


def test_no_recorder_is_no_green_light() -> None:
    assert "○ not recording" in header(120, None, Recording(False))
    assert "○ asking the recorder" in header(120, None, Recording(False, is_awaited=True))


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_the_footer_fits_and_help_is_always_there(width: int) -> None:
    line = footer_line(KEYS, width)
    assert width_of(line) <= width + 1
    assert "? help" in "".join(text for text, _ in line)


def test_a_terminal_of_80_columns_shows_all_keys_of_the_footer() -> None:
    labels = [text.strip() for text, role in footer_line(KEYS, 80) if role == "text"]
    assert labels == ["search", "open", "problem", "zoom", "export", "detach", "help", "commands"]


@pytest.mark.parametrize(("width", "shows_quit"), [(80, False), (100, True), (120, True)])
def test_from_100_columns_on_the_footer_says_how_to_quit(width: int, shows_quit: bool) -> None:
    assert ("q quit" in "".join(text for text, _ in footer_line(KEYS, width))) is shows_quit


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (80, " wrote 2,067 events, 1.7 MiB, to ~/demo-20261121-032209.jsonl"),
        (58, " wrote 2,067 events, 1.7 MiB, to demo-2026112…032209.jsonl"),
        (40, " wrote 2,067 events, 1.7 MiB, to demo-2…"),
    ],
)
def test_a_path_is_shortened_and_never_chopped(width: int, expected: str) -> None:
    target = Path("/home/ann/demo-20261121-032209.jsonl")
    assert notice_line("wrote 2,067 events, 1.7 MiB, to", target, Path("/home/ann"), width) == expected


def watch(**fields: object) -> RecorderStatus:
    made = RecorderStatus(T0_NS, "wsmon orders.toml")
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_a_screen_that_just_opened_does_not_cry_wolf() -> None:
    recorder = watch()
    recorder.see(None, T0_NS)
    assert recorder.sentence(None, StoreBounds(), T0_NS + SECOND_NS) == ""
    assert recorder.sentence(None, StoreBounds(), T0_NS + 3 * SECOND_NS).startswith("no recorder since ")


def test_a_recorder_that_comes_back_ends_the_banner() -> None:
    recorder = watch()
    recorder.see(None, T0_NS)
    recorder.see(Health(), T0_NS + 9 * SECOND_NS)
    assert (recorder.is_on, recorder.sentence(Health(), StoreBounds(), T0_NS + 9 * SECOND_NS)) == (True, "")


def test_the_worst_is_said_first() -> None:
    recorder = watch(banner="recorder 0.0 is older", changes="orders.toml has changed", trouble="disk I/O error")
    full = Health(warning="disk full: 12 messages not kept")
    said = [recorder.sentence(full, StoreBounds(), T0_NS)]
    recorder.trouble = ""
    said.append(recorder.sentence(full, StoreBounds(), T0_NS))
    said.append(recorder.sentence(Health(), StoreBounds(), T0_NS))
    recorder.banner = ""
    said.append(recorder.sentence(Health(), StoreBounds(), T0_NS))
    assert said == [
        "the store cannot be read: disk I/O error",
        "disk full: 12 messages not kept",
        "recorder 0.0 is older",
        "orders.toml has changed; L reloads it",
    ]


def test_an_empty_store_has_a_header_too() -> None:
    line = header_line("orders.toml", EMPTY_SNAPSHOT, ON, Health(), T0_NS, 80)
    assert "orders.toml" in "".join(text for text, _ in line)
