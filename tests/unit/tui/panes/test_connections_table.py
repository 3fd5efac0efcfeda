"""Lines of the connections list."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.builders import T0_NS, at_ns, loss, refused, row
from wsmon.model.events import Event, Verdict
from wsmon.model.snapshot import ConnectionRow, OpenIncident
from wsmon.tui.panes import connections_table as table
from wsmon.tui.text import width_of

NAMES = ("binance-spot", "deribit")


def said(each: ConnectionRow, width: int = 120) -> str:
    """A line as text, blanks joined."""
    return " ".join("".join(text for text, _ in table.row_line(each, table.table_layout(width, NAMES), T0_NS)).split())


def test_the_worst_comes_first_then_names() -> None:
    rows = (
        row("b-open"),
        row("a-open"),
        row("off", "initialized", enabled=False),
        row("closed", "closed"),
        row("dialling", "connecting"),
        row("stalled", stalled_since_ns=at_ns(-9)),
        row("waiting", "reconnecting"),
        row("gave-up", "error"),
    )
    assert [each.state.name for each in table.sort_rows(rows)] == [
        "gave-up", "waiting", "stalled", "dialling", "a-open", "b-open", "closed", "off",
    ]  # fmt: skip


def test_a_line_keeps_its_place_from_attempt_to_attempt_and_throughout_a_storm() -> None:
    storm = OpenIncident(7, "storm", "5 attempts", "z")
    for dialled in (
        row("z", "reconnecting", failing_since_ns=at_ns(-9)),
        row("z", "connecting", failing_since_ns=at_ns(-9)),
        row("z", incidents=(storm,)),
    ):
        rows = (dialled, row("y", stalled_since_ns=at_ns(-9)), row("x"), row("w", "reconnecting"))
        assert [each.state.name for each in table.sort_rows(rows)] == ["w", "z", "y", "x"]


EXPIRED = loss(-60, code=4401, reason="token expired", id=7)


@pytest.mark.parametrize(
    ("problem", "began", "expected"),
    [
        (refused(id=9, status=401), EXPIRED, "“token expired”, 4401 by peer; then the server answered HTTP 401"),
        (refused(id=9, status=401), refused(-60, status=401, id=7), "the server answered HTTP 401"),
        (EXPIRED, EXPIRED, "“token expired”, 4401 by peer"),
        (EXPIRED, None, "“token expired”, 4401 by peer"),
    ],
)
def test_what_an_outage_began_with_is_said_where_it_now_fails_for_another_reason(
    problem: Event, began: Event | None, expected: str
) -> None:
    one = row("deribit", "reconnecting", problem=problem, began=began)
    assert table.reason(one, T0_NS) == (expected, "text")


@pytest.mark.parametrize(
    ("width", "titles", "has_why"),
    [
        (120, ["status", "up", "msg/s", "last msg", "rtt", "losses/h"], True),
        (100, ["status", "up", "msg/s", "last msg", "rtt"], True),
        (90, ["status", "up", "msg/s", "last msg"], True),
        (80, ["status", "msg/s", "last msg"], True),
        (70, ["status", "msg/s"], True),
        (60, ["status", "msg/s", "last msg"], False),
        (50, ["status", "msg/s"], False),
        (40, ["status"], False),
    ],
)
def test_columns_of_least_use_go_first(width: int, titles: list[str], has_why: bool) -> None:
    layout = table.table_layout(width, NAMES)
    assert ([column.title for column in layout.columns], layout.why > 0) == (titles, has_why)


@pytest.mark.parametrize("width", range(30, 201, 7))
def test_no_line_is_wider_than_the_list(width: int) -> None:
    layout = table.table_layout(width, NAMES)
    each = row("deribit", "reconnecting", problem=loss(reason="名" * 300), next_attempt_ns=at_ns(7))
    assert width_of(table.row_line(each, layout, T0_NS)) <= width
    assert width_of(table.heading_line(layout)) <= width


@pytest.mark.parametrize(
    ("each", "line"),
    [
        (
            row(messages_per_s=2310.0, rtt_ns=12_000_000, last_message_ns=at_ns(-0.05)),
            "● binance-spot open 2h14m 2,310 0.0 s 12 ms 0",
        ),
        (row("deribit", "reconnecting", next_attempt_ns=at_ns(6.2)), "◌ deribit reconnecting in 7 s – – – – 0"),
        (
            row("deribit", "reconnecting", failing_since_ns=at_ns(-49)),
            "◌ deribit reconnecting down 49 s – – – 0",
        ),
        (row("deribit", "connecting", attempt=3), "◌ deribit connecting #3 – – – – 0"),
        (row("deribit", "error", problem=refused()), "✕ deribit gave up – – – – 0 the server answered HTTP 403"),
        (
            row("deribit", since_s=-60, stalled_since_ns=at_ns(-41), expect_every_s=2.5, last_message_ns=at_ns(-41)),
            "◐ deribit stalled 41 s 1m 0 41.0 s – 0 no data; expected every 2.5 s",
        ),
        (row("deribit", "closed"), "○ deribit closed – – – – 0"),
        (row("deribit", "initialized", enabled=False), "○ deribit off"),
    ],
)
def test_a_line_says_the_state_in_glyph_word_and_numbers(each: ConnectionRow, line: str) -> None:
    assert said(each) == line


GAP = OpenIncident(41, "gap", "3 messages missing: BTC 5-7")
SLOW = OpenIncident(44, "slow", "round trip 300 ms, usually 20 ms")


def test_an_open_connection_with_an_incident_says_which_and_comes_before_those_without() -> None:
    gapped, both = row("gapped", incidents=(GAP,)), row("two", incidents=(GAP, SLOW))
    dialling, well = row("a-dialling", "connecting"), row("a-well")
    assert table.sort_rows([well, dialling, both, gapped]) == (gapped, both, dialling, well)
    assert "open: gap " in said(gapped)
    assert said(gapped).endswith("3 messages missing: BTC 5-7")
    assert said(gapped)[0] == "⚠"
    assert said(row("well"))[0] == "●"
    assert "open: 2 incidents " in said(both)
    assert said(both).rstrip().endswith("round trip 300 ms, usually 20 ms")


def test_what_is_worse_than_an_incident_is_told_instead() -> None:
    lost = row("lost", "reconnecting", problem=loss(after_s=-5, id=40), incidents=(GAP,), last_problem_id=40)
    assert "missing" not in said(lost)
    assert [table.problem_event_id(each) for each in (lost, row(incidents=(GAP, SLOW)), row(last_problem_id=9))] == [
        40,
        44,
        0,
    ]


def test_of_a_connection_that_is_well_the_last_trouble_is_told_with_its_time() -> None:
    text, role = table.reason(row(problem=loss(-60, code=1001, reason="")), T0_NS)
    assert (text.startswith("last: closed by peer: 1001 going away, "), role) == (True, "dim")


def test_what_a_peer_wrote_cannot_reach_the_terminal_as_it_is() -> None:
    each = row("deribit", "disconnected", problem=loss(reason="[/b]\x1b[31m\u202e"))
    assert "\x1b" not in said(each, 200)
    assert "\u202e" not in said(each, 200)


def test_a_verdict_explains_what_is_down_and_only_the_fact_what_is_over() -> None:
    verdict = Verdict("peer", "1001 going away", "the last 3 losses all came 60.0 ± 0.1 s after …", "set ping.interval")
    judged = msgspec.structs.replace(loss(-30, code=1001, reason=""), verdict=verdict)
    down, role = table.reason(row("deribit", "reconnecting", problem=judged), T0_NS)
    over, _ = table.reason(row("deribit", problem=judged), T0_NS)
    assert (down, role) == (verdict.cause, "text")
    assert over.startswith("last: closed by peer: 1001 going away, ")
