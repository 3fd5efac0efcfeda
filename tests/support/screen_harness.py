"""The whole app over a store, a recorder and a clock in memory, and what tests read from its screen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from tests.support.builders import TRACE, at_ns, event, lane, loss, message, numbered, pong, retry, row
from tests.support.fake_ports import FakeClock, FakeControl, FakeNotes, FakeView
from wsmon.export.run import ExportReport, ExportRequest, Progress
from wsmon.model.events import Event
from wsmon.model.snapshot import Health, OpenIncident
from wsmon.model.statistics import ConnectionStatistics, Flow, Heartbeats, Statistics, Summary
from wsmon.model.statuses import OPEN, Status
from wsmon.model.timeline import Incident, Lane, LossMark
from wsmon.tui.app import WsmonApp
from wsmon.tui.commands.selection import detail_event, detail_value
from wsmon.tui.dialogs.compare import CompareDialog
from wsmon.tui.options import AppOptions
from wsmon.tui.panes.detail import DetailValue
from wsmon.tui.panes.statistics import StatisticsPane
from wsmon.tui.panes.timeline import TimelinePane
from wsmon.tui.screen import MonitorScreen
from wsmon.tui.widgets.text_view import TextLine

DEADLINE_S = 20.0
BOOK = '{"ch":"book","seq":%d,"bids":[[97120.50,1.5],[97120.00,%s]],"note":"%s"}'
# Columns and rows of terminals: with room for all panes, and the usual small one
ROOMY, COMPACT = (120, 40), (80, 24)
OPTIONS = AppOptions("orders.toml", Path("/state/store.db"), "wsmon orders.toml", Path("/exports"))
# Seconds after the start of the fake clock at which the events of `with_problems` were lost, by connection
LOSSES = {"deribit": (-90.0, -10.0), "coinbase": (-50.0,)}
WELL = Health(commit_lag_ms=38.0)


class FakeExporter:
    """Writes down what it was asked for, or fails."""

    def __init__(self) -> None:
        self.requests: list[ExportRequest] = []
        self.failure: Exception | None = None
        self.is_endless = False
        # half done until it is stopped
        self.has_stopped = threading.Event()

    def __call__(self, request: ExportRequest, progress: Progress) -> ExportReport:
        self.requests.append(request)
        if self.failure is not None and not request.overwrite:
            raise self.failure
        while progress(ExportReport(seen=50, total=100, written=10, size_bytes=1_000)):
            if not self.is_endless:
                return ExportReport(seen=100, total=100, written=20, size_bytes=3_000)
            self.has_stopped.wait(0.01)
        self.has_stopped.set()
        raise InterruptedError


@dataclass
class Stage:
    """An app, and the fakes that it runs on."""

    app: WsmonApp
    store: FakeView
    control: FakeControl
    clock: FakeClock
    exporter: FakeExporter = field(default_factory=FakeExporter)
    notes: FakeNotes = field(default_factory=FakeNotes)

    @property
    def screen(self) -> MonitorScreen:
        """The monitor's screen, also while a dialog is over it."""
        found = self.app.screen_stack[0]
        assert isinstance(found, MonitorScreen)
        return found

    @property
    def detail_event(self) -> Event | None:
        """The event in the detail, where that is in sight."""
        return detail_event(self.screen)

    @property
    def detail_value(self) -> DetailValue | None:
        """The JSON value under the cursor of the detail, while that has the focus."""
        return detail_value(self.screen)

    async def ready(self, pilot: Pilot[Any], *, has_detail: bool = True) -> None:
        """Wait until every pane in sight shows what the store holds; beside the log, the detail is open on demand."""
        await until(pilot, lambda: self.screen.pane_layout.is_ready)
        layout = self.screen.pane_layout
        if has_detail and len(layout.in_sight) > 2:
            focused = layout.current
            layout.show("detail")
            layout.focus(focused)
        await until(pilot, lambda: len(self.screen.panes.log.rows) >= self.store.bounds().events)
        timeline, statistics = self.screen.pane_in_sight(TimelinePane), self.screen.pane_in_sight(StatisticsPane)
        if timeline is not None:
            await until(pilot, lambda: len(timeline.lines) > 0)
        if statistics is not None:
            await until(pilot, lambda: len(statistics.lines) > 0)
        await pilot.pause()

    async def settled(self, pilot: Pilot[Any]) -> None:
        """Wait until no query of the store is under way, nor anything that follows from one."""
        is_idle = False
        while not is_idle:
            await until(pilot, self._is_idle)
            await pilot.pause()
            is_idle = self._is_idle()

    def _is_idle(self) -> bool:
        services = self.screen.services
        return all(each.is_idle for each in (services.worker, services.log_worker, services.search_worker))


async def until(pilot: Pilot[Any], condition: Callable[[], bool]) -> None:
    """Let the app work until a condition holds; fails after a deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "the screen did not come to what was waited for"
        await pilot.pause(0.01)


def text(line: TextLine) -> str:
    """The text of a line, without blanks around it."""
    return "".join(part for part, _ in line.line).strip()


def cells(app: App[Any]) -> list[str]:
    """What the terminal shows, line by line."""
    return [strip.text for strip in app.screen._compositor.render_strips()]  # there is no public way to the cells


def stage(*, options: AppOptions | None = None, health: Health | None = WELL, notes: FakeNotes | None = None) -> Stage:
    """The situation of SCREENS.md: one connection in a storm, one stalled, two well, one off."""
    store = situation()
    control, clock, exporter = FakeControl(health), FakeClock(), FakeExporter()
    notes = notes or FakeNotes()
    app = WsmonApp(
        lambda: store,
        control,
        options or OPTIONS,
        clock=clock,
        exporter=exporter,
        notes=notes,
    )
    return Stage(app, store, control, clock, exporter, notes)


async def compared(on: Stage, pilot: Pilot[Any]) -> CompareDialog:
    """The dialog, over two book messages of which the first one is marked."""
    on.store.add(message(BOOK % (1, "2.0", "a"), 1), message("plain", 1.1), message(BOOK % (2, "0.5", "b"), 1.25))
    on.app.wake()
    await until(pilot, lambda: len(on.screen.panes.log.rows) == 223)
    await pilot.press("p", "k", "k", "m", "j", "j", "C")
    await until(pilot, lambda: isinstance(on.app.screen, CompareDialog))
    await pilot.pause()
    dialog = on.app.screen
    assert isinstance(dialog, CompareDialog)
    return dialog


def with_incidents(on: Stage) -> Stage:
    """The same with a gap on a connection that is open, and the storm of the one that is not."""
    store = on.store
    proof = {"evidence": [3, 5], "silence": 'silence = ["gap"]'}
    gap = event("incident.opened", -0.5, type="gap", reason="3 missing messages: BTC 5-7", meta=proof)
    gap_id = store.add(gap).last_id
    found = OpenIncident(gap_id, "gap", "3 missing messages: BTC 5-7", "binance-spot")
    store.incidents = (found,)
    store.connections = tuple(
        replace(each, incidents=(found,)) if each.state.name == found.connection else each for each in store.connections
    )
    begun = {"binance-spot": (Incident(at_ns(-0.5), at_ns(0), gap_id, "gap", found.sentence, is_open=True),)}
    begun["deribit"] = (Incident(at_ns(-3), at_ns(0), gap_id, "storm", "17 sessions ended in 2 minutes", is_open=True),)
    store.lanes_answer = tuple(
        replace(each, incidents=begun.get(each.connection, each.incidents)) for each in store.lanes_answer
    )
    return on


def with_problems(on: Stage) -> Stage:
    """Losses whose events are in the log, and a gap with evidence, the newest event of the store."""
    store = on.store
    proof = {"evidence": [3, 5]}
    gap_id = store.add(
        event("incident.opened", -20, "binance-spot", type="gap", reason="3 missing", meta=proof)
    ).last_id
    gap = Incident(at_ns(-20), at_ns(0), gap_id, "gap", "3 missing", is_open=True)
    store.lanes_answer = tuple(
        replace(
            lane,
            group="deri" if lane.connection == "deribit" else "",
            losses=tuple(LossMark(at_ns(at), store.id_at(at_ns(at))) for at in LOSSES.get(lane.connection, ())),
            incidents=(gap,) if lane.connection == "binance-spot" else (),
        )
        for lane in store.lanes_answer
    )
    return on


async def timeline(on: Stage, pilot: Pilot[Any]) -> TimelinePane:
    """The pane, with the keys, showing what the store holds."""
    await on.ready(pilot)
    await pilot.press("2")
    await on.ready(pilot)
    pane = on.screen.panes.slots["timeline"].pane
    assert isinstance(pane, TimelinePane)
    return pane


def situation() -> FakeView:
    """A store in memory."""
    return FakeView(
        _events(),
        connections=(
            row("binance-spot", messages_per_s=2310.0, rtt_ns=12_000_000, last_message_ns=at_ns(-0.05)),
            row(
                "coinbase",
                since_s=-3720,
                messages_per_s=801.0,
                rtt_ns=31_000_000,
                losses_per_hour=2.0,
                last_message_ns=at_ns(-0.1),
                problem=loss(-3722, "coinbase", code=None, by="heartbeat", reason=""),
            ),
            row(
                "deribit",
                "reconnecting",
                since_s=-3,
                attempt=18,
                next_attempt_ns=at_ns(7),
                losses_per_hour=42.0,
                last_message_ns=at_ns(-12.4),
                last_connected_ns=at_ns(-3.4),
                last_disconnected_ns=at_ns(-120),
                failing_since_ns=at_ns(-120),
                problem=loss(-3),
            ),
            row(
                "kraken-book",
                since_s=-1900,
                stalled_since_ns=at_ns(-41),
                expect_every_s=5.0,
                last_message_ns=at_ns(-41),
                losses_per_hour=1.0,
                rtt_ns=18_000_000,
            ),
            row("legacy", "initialized", enabled=False),
        ),
        lanes=_lanes(),
        statistics=Statistics(
            at_ns(-3600),
            at_ns(0),
            (
                connection_statistics("binance-spot"),
                connection_statistics(
                    "deribit",
                    "reconnecting",
                    availability=0.412,
                    errors={"http_status": 3, "reset": 1},
                    close_codes={"1008": 17, "1006": 2},
                    reconnection_count=17,
                    rtt_ms=None,
                    last_disconnected_ns=at_ns(-3),
                ),
            ),
        ),
        messages_per_s=(10, 40, 100, 300, 800, 1200, 2000, 2310, 3100, 2900, 3111),
    )


def connection_statistics(name: str, status: Status = OPEN, **fields: Any) -> ConnectionStatistics:
    """Statistics of a connection that is well, but for ``fields``."""
    whole: dict[str, Any] = {
        "group": "",
        "url": f"wss://{name}.example.net/ws",
        "stalled": False,
        "profile": "detailed",
        "trace_id": TRACE,
        "sessions": 1,
        "connection_count": 1,
        "reconnection_count": 0,
        "reconnects_per_hour": 0.0,
        "total_uptime_ms": 3_600_000.0,
        "ws_uptime_ms": 3_590_000.0,
        "availability": 0.9997,
        "last_connected_ns": at_ns(-8040),
        "last_disconnected_ns": None,
        "last_message_ns": at_ns(-0.1),
        "connect_ms": Summary(1, 212.0, 212.0, 212.0, 212.0, 212.0),
        "reconnect_ms": None,
        "rtt_ms": Summary(120, 13.0, 12.0, 19.0, 44.0, 120.0),
        "message_size": Summary(8_316_402, 300.0, 211.0, 3_200.0, 9_100.0, 65_536.0),
        "messages": Flow(8_316_402, 4),
        "bytes": Flow(1_800_000_000, 812),
        "wire_bytes": Flow(400_000_000, 900),
        "heartbeats": Heartbeats(120, 120, 0),
        "errors": {},
        "close_codes": {},
        "incidents": {},
    }
    return ConnectionStatistics(name=name, status=status, **(whole | fields))


def _events() -> tuple[Event, ...]:
    events: list[Event] = []
    for number in range(200):
        after_s = number * 0.5 - 100
        events.append(message(after_s=after_s))
        if number % 40 == 7:
            events += [loss(after_s), retry(after_s + 0.1)]
        if number % 20 == 3:
            events.append(pong(after_s, "kraken-book"))
    return numbered(events)


def _lanes() -> tuple[Lane, ...]:
    return (
        lane("binance-spot", [(-1800, OPEN)], 0),
        lane("coinbase", [(-1200, OPEN)], 0, losses=[-300]),
        lane(
            "deribit", [(-1800, OPEN), (-100, "reconnecting"), (-90, OPEN), (-3, "reconnecting")], 0, losses=[-100, -3]
        ),
        lane("kraken-book", [(-1800, OPEN)], 0, stalls=[(-41, 0)]),
        Lane("legacy", "", (), ()),
    )
