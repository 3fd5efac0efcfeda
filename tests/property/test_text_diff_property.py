"""Runs of pieces are both texts at once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wsmon.model.diff import diff_runs, hex_rows, text_pieces

TEXT = st.text(alphabet=st.sampled_from("ab ,\n\r\x85") | st.characters(), max_size=400)


@given(TEXT)
def test_the_pieces_of_a_text_are_the_text(text: str) -> None:
    assert "".join(text_pieces(text)) == text


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_runs_are_both_texts(before: list[str], after: list[str]) -> None:
    found = list(diff_runs(before, after))

    assert [piece for run in found if run.kind != "added" for piece in run.pieces] == before
    assert [piece for run in found if run.kind != "removed" for piece in run.pieces] == after
    for run in found:
        place = before if run.kind == "removed" else after
        assert place[run.at : run.at + len(run.pieces)] == list(run.pieces)


@given(st.binary(max_size=100))
def test_the_rows_of_bytes_are_the_bytes(payload: bytes) -> None:
    assert bytes.fromhex(" ".join(hex_rows(payload))) == payload
