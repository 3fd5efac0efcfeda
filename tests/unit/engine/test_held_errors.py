from __future__ import annotations

from wsmon.engine.held_errors import LIMIT, HeldErrors
from wsmon.protocols.base import Decoded, Happening

SOUND = Happening("message.process.completed", "request", "end", "1")
STRANGE = Happening("message.process.completed", "request", "end", "9", error_type="unmatched", error="matches none")


def test_what_is_no_error_stays_in_the_message() -> None:
    held = HeldErrors()
    failed = Happening("error.occurred", error_type="timeout")
    decoded = Decoded("trade", "btc", "1", happenings=(SOUND, failed))
    assert held.hold(decoded) is decoded
    assert held.release() == ()


def test_the_error_of_a_message_is_kept_with_its_columns() -> None:
    held = HeldErrors()
    decoded = Decoded("trade", "btc", "1", error_type="json", error="malformed", happenings=(SOUND,))
    assert held.hold(decoded) == Decoded("trade", "btc", "1", happenings=(SOUND,))
    fault = Happening("error.occurred", type="trade", topic="btc", ref="1", error_type="json", error="malformed")
    assert held.release() == (fault,)


def test_an_answer_to_what_was_not_asked_is_kept_and_released_once() -> None:
    held = HeldErrors()
    assert held.hold(Decoded("reply", happenings=(SOUND, STRANGE))) == Decoded("reply", happenings=(SOUND,))
    assert (held.release(), held.release()) == ((STRANGE,), ())


def test_the_first_errors_are_kept_and_no_more_than_the_limit() -> None:
    held = HeldErrors()
    for number in range(LIMIT + 1):
        held.hold(Decoded(ref=str(number), error_type="json", error="malformed"))
    assert [each.ref for each in held.release()] == [str(number) for number in range(LIMIT)]
