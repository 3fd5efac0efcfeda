"""The first and the last line."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from tests.support.builders import SECOND_NS, T0_NS, at_ns, row
from tests.support.pane_app import PaneApp
from tests.support.screen_harness import until
from tests.unit.model.test_bundle import MANIFEST
from wsmon.model import bundle as bundles
from wsmon.model import units as fmt
from wsmon.model.ranges import StoreBounds
from wsmon.model.snapshot import EMPTY_SNAPSHOT, Health, Snapshot
from wsmon.tui.actions import ACTIONS, FOOTER, FOOTER_END
from wsmon.tui.layout import PANES, PaneName
from wsmon.tui.panes import bars
from wsmon.tui.panes.bars import Footer, Notice, Recording, footer_keys, header_line, key_at, notice_line
from wsmon.tui.recorder_status import RecorderStatus

ZONE = datetime.fromtimestamp(T0_NS // SECOND_NS).astimezone().tzname()
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
        f"orders.toml ● recording 2h14m 1 reconnecting · 1 stalled · 1 open 4,812 msg/s ▃█ store 1.2 GiB {ZONE}"
    )


@pytest.mark.parametrize(("seconds", "said"), [(46, "46 s"), (60, "1 min"), (1_859, "30 min"), (8_040, "2h14m")])
def test_minutes_alone_are_spelled_as_seconds_are(seconds: int, said: str) -> None:
    assert f"● recording {said} " in header(160, recording=Recording(True, T0_NS - seconds * SECOND_NS))


@pytest.mark.parametrize("width", range(45, 170, 5))
def test_it_never_grows_beyond_the_terminal(width: int) -> None:
    assert len(header(width)) <= width + 3  # blanks at the end are cut


def test_labels_come_with_the_room_and_the_name_never_changes() -> None:
    said = [" ".join(header(width).split()) for width in (84, 92, 100, 112)]
    assert [line.partition("4,812")[2] for line in said] == [
        " msg/s",
        f" msg/s ▃█ {ZONE}",
        f" msg/s ▃█ 1.2 GiB {ZONE}",
        f" msg/s ▃█ store 1.2 GiB {ZONE}",
    ]
    assert {line.split()[0] for line in said} == {"orders.toml"}


def test_a_write_delay_and_lost_events_are_shown_only_where_there_are_some() -> None:
    assert "write delay 900 ms" in header(160, Health(commit_lag_ms=900.0))
    assert "events lost 1,204" in header(160, Health(events_shed=1204))
    assert not {"delay", "lost"} & set(header(160).split())


def test_a_recording_that_ended_or_was_imported_says_so() -> None:
    ended = fmt.moment(T0_NS, T0_NS)
    assert f"○ recording, ended {ended} " in header(140, None, Recording(False, T0_NS, is_over=True))
    assert "1 open when recording ended" in header(140, None, Recording(False, T0_NS, is_over=True))
    assert f"○ imported, ends {ended} " in header(140, None, Recording(False, T0_NS, is_over=True, is_imported=True))


def test_a_bundle_says_what_it_covers_and_where_there_is_room_from_where() -> None:
    shown = f"{bundles.period(MANIFEST)} "
    bundle = Recording(False, T0_NS, is_over=True, bundle=MANIFEST)
    assert f"○ bundle from prod-1 (orders.toml), {shown}" in header(200, None, bundle)
    assert f"○ bundle, {shown}" in header(110, None, bundle)
    assert "1 open at the end" in header(200, None, bundle)


def test_loss_and_lag_are_the_last_to_go() -> None:
    assert header(30, Health(events_shed=1204, commit_lag_ms=900.0)).split() == ["events", "lost", "1,204"]


def test_no_recorder_is_no_green_light() -> None:
    assert "○ not recording" in header(120, None, Recording(False))
    assert "○ connecting to recorder…" in header(120, None, Recording(False, is_awaited=True))


def footer(pane: PaneName, width: int) -> str:
    return "".join(text for key in footer_keys(KEYS, pane, width) for text, _ in key.texts)


@pytest.mark.parametrize("pane", PANES)
@pytest.mark.parametrize("width", [8, 20, 40, 60, 80, 100, 120, 200])
def test_the_footer_fits_and_always_says_how_to_quit(pane: PaneName, width: int) -> None:
    assert len(footer(pane, width).rstrip()) <= width
    assert "q quit" in footer(pane, width)


@pytest.mark.parametrize(
    ("pane", "expected"),
    [
        ("connections", " Enter open  R reconnect  w evidence  s sort  d detach  : commands  ? help  q quit "),
        ("log", " / search  Enter open  e next problem  d detach  : commands  ? help  q quit "),
    ],
)
def test_the_footer_shows_the_keys_of_the_pane(pane: PaneName, expected: str) -> None:
    assert footer(pane, 82) == expected


def test_every_pane_has_a_footer_of_actions_with_keys() -> None:
    assert set(FOOTER) == set(PANES)
    assert {action for row in FOOTER.values() for action in (*row, *FOOTER_END)} <= {key for key in KEYS if KEYS[key]}


def test_a_click_is_on_the_key_that_is_drawn_there() -> None:
    shown = footer_keys(KEYS, "log", 80)
    line = footer("log", 80)
    for action_id, text in (("log.search", "search"), ("app.help", "? help"), ("app.quit", "quit")):
        found = key_at(shown, line.index(text))
        assert found is not None
        assert found.action_id == action_id
    assert key_at(shown, 79) is None


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
    notice = Notice(("wrote 2,067 events, 1.7 MiB, to",), path=target)
    assert notice_line(notice, Path("/home/ann"), width) == expected


@pytest.mark.parametrize(("width", "expected"), [(20, " a long sentence"), (10, " a short…"), (14, " a short one")])
def test_of_several_sentences_the_longest_that_fits_is_shown(width: int, expected: str) -> None:
    assert notice_line(Notice(("a long sentence", "a short one")), Path("/home/ann"), width) == expected


def said(bar: Footer) -> str:
    return "".join(part for part, _ in bar.line).strip()


async def test_an_announcement_waits_while_an_answer_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bars, "HOLD_S", 0.5)
    bar = Footer(KEYS)
    async with PaneApp(bar).run_test(size=(80, 1)) as pilot:
        bar.announce("orders: stall", "caution")
        announced = said(bar)
        bar.say("copied 3 B")
        bar.announce("orders: gap", "caution")
        bar.announce("chat: stall", "caution")
        seen = [said(bar)]
        await until(pilot, lambda: said(bar) != "copied 3 B")
        seen.append(said(bar))
    assert (announced, seen) == ("orders: stall", ["copied 3 B", "chat: stall"])


async def test_the_introduction_gives_way_to_an_answer_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bars, "INTRODUCTION_S", 0.5)
    bar = Footer(KEYS)
    async with PaneApp(bar).run_test(size=(80, 1)) as pilot:
        bar.introduce(("x" * 90, "what is to be seen"))
        bar.announce("orders: stall", "caution")
        seen = [said(bar)]
        await until(pilot, lambda: said(bar) != "what is to be seen")
        seen.append(said(bar))
        bar.introduce(("what is to be seen",))
        bar.say("copied 3 B")
        seen.append(said(bar))
    assert seen == ["what is to be seen", "orders: stall", "copied 3 B"]


def watch(**fields: object) -> RecorderStatus:
    made = RecorderStatus(T0_NS, "wsmon orders.toml")
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_a_screen_that_just_opened_does_not_cry_wolf() -> None:
    recorder = watch()
    recorder.see(None, T0_NS)
    for seconds in (1, 3):
        assert recorder.sentence(None, StoreBounds(), T0_NS + seconds * SECOND_NS) == ""
    recorder.see(Health(), T0_NS + 4 * SECOND_NS)
    recorder.see(None, T0_NS + 5 * SECOND_NS)
    assert recorder.sentence(None, StoreBounds(), T0_NS + 5 * SECOND_NS).startswith("Recording stopped ")


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
        "cannot read the recording: disk I/O error",
        "disk full: 12 messages not kept",
        "recorder 0.0 is older",
        "orders.toml has changed: L reloads it",
    ]


def test_an_empty_store_has_a_header_too() -> None:
    line = header_line("orders.toml", EMPTY_SNAPSHOT, ON, Health(), T0_NS, 80)
    assert "orders.toml" in "".join(text for text, _ in line)
