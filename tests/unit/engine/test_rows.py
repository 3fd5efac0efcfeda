"""Names of connections that are open at the same time."""

from __future__ import annotations

from wsmon.engine.rows import Rows


def test_the_first_free_row_is_taken_and_keeps_the_status_of_its_last_connection() -> None:
    rows = Rows()
    first, second, third = (rows.take("api") for _ in range(3))
    assert [first.name, second.name, third.name] == ["api", "api-2", "api-3"]
    assert rows.take("feed").name == "feed"
    second.release("closed")
    again = rows.take("api")
    assert (again.name, again.status) == ("api-2", "closed")
    assert rows.take("api").status == "initialized"


def test_a_reserved_name_goes_to_its_owner_alone() -> None:
    rows = Rows()
    rows.reserve(("api", "api-2"))
    assert [rows.take("api").name for _ in range(2)] == ["api", "api-3"]
    assert rows.take("api-2").name == "api-2"
