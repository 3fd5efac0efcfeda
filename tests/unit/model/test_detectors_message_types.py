"""Types are learned before any is new or missed; what is irregular, or silent with all others, is not missed."""

from __future__ import annotations

from tests.support.builders import loss, usable
from tests.support.detectors import NAME, Watching, fact
from wsmon.model.detectors.traffic import MOST_TYPES, TypesDetector


def feed(watching: Watching, from_s: int, until_s: int, *types: str) -> list[tuple[str, str]]:
    """Ten messages of each type a second."""
    before = len(watching.found)
    for after_s in range(from_s, until_s):
        watching.traffic(after_s, messages=10 * len(types), types=dict.fromkeys(types, 10), newest_id=after_s)
        watching.check(after_s)
    return [(found.name.partition(".")[2], found.reason) for found in watching.found[before:]]


def learned() -> Watching:
    watching = Watching(TypesDetector())
    watching.see(usable(0, NAME))
    assert feed(watching, 0, 700, "trade", "quote") == []
    return watching


def test_a_new_type_is_told_once_and_known_then() -> None:
    watching = learned()
    assert feed(watching, 700, 720, "trade", "quote", "halt") == [
        ("opened", "new message type halt"),
        ("closed", "known from here on"),
    ]
    assert fact(watching.found[0], "new") == ["halt"]


def test_nothing_is_new_while_types_are_learned() -> None:
    watching = Watching(TypesDetector())
    assert feed(watching, 0, 300, "trade") == []
    assert feed(watching, 300, 590, "trade", "quote") == []


def test_a_regular_type_that_stays_out_is_missed_until_it_comes_again() -> None:
    watching = learned()
    assert feed(watching, 700, 755, "trade") == []
    assert feed(watching, 755, 800, "trade") == [("opened", "no more messages of type quote")]
    assert feed(watching, 800, 803, "trade", "quote") == [("closed", "all are back")]


def test_where_all_types_are_silent_none_is_missed() -> None:
    watching = learned()
    assert watching.check_until(700, 2_000, 10) == []


def test_a_type_with_long_pauses_is_not_missed_in_one() -> None:
    watching = learned()
    for burst_s in range(700, 2_200, 300):
        feed(watching, burst_s, burst_s + 10, "trade", "quote", "burst")
        feed(watching, burst_s + 10, burst_s + 300, "trade", "quote")
    told = [found.reason for found in watching.found]
    assert told == ["new message type burst", "known from here on"]


def test_time_without_a_session_is_nobodys_silence() -> None:
    watching = learned()
    watching.see(loss(700, NAME))
    watching.check_until(700, 5_000, 100)
    watching.see(usable(5_000, NAME))
    assert feed(watching, 5_000, 5_050, "trade") == []
    assert feed(watching, 5_050, 5_070, "trade") == [("opened", "no more messages of type quote")]


def test_the_end_of_the_session_ends_it() -> None:
    watching = learned()
    feed(watching, 700, 800, "trade")
    watching.see(loss(800, NAME))
    assert watching.check_until(800, 900, 10) == [("closed", "the session ended")]


def test_types_past_the_most_are_not_followed() -> None:
    watching = Watching(TypesDetector())
    feed(watching, 0, 700, *(f"t{number}" for number in range(MOST_TYPES)))
    assert feed(watching, 700, 705, "hostile-1", "hostile-2") == []
