"""Searches in pieces find what one search of the whole finds, but for the keys that a message repeats."""

from __future__ import annotations

from ahocorasick_rs import BytesAhoCorasick, MatchKind
from hypothesis import given
from hypothesis import strategies as st

from wsmon.model.redact.searches import KeyReading, KeySearch, found_in_pieces, occurs, searcher, shortest, sixty_fours

texts = st.text("abc", max_size=60)
needle_lists = st.lists(st.text("abc", min_size=1, max_size=4), min_size=1)


@given(texts, st.integers(1, 9), needle_lists)
def test_a_text_is_searched_in_pieces_as_in_one(text: str, piece_bytes: int, needles: list[str]) -> None:
    find = BytesAhoCorasick({each.encode() for each in needles}, matchkind=MatchKind.LeftmostFirst)
    longest = max(map(len, needles))
    found = found_in_pieces(find.find_matches_as_indexes, text.encode(), longest, piece_bytes)
    assert list(found) == find.find_matches_as_indexes(text.encode())


@given(texts, st.integers(1, 9), needle_lists)
def test_words_of_keys_are_found_in_pieces_as_in_one(text: str, piece_bytes: int, needles: list[str]) -> None:
    search = KeySearch({each.encode(): (0, 0) for each in needles})
    message = text.encode()
    assert list(search.hits(message, message, KeyReading(), piece_bytes)) == list(search.hits(message, message, None))


def test_what_a_short_word_is_searched_for_with_is_no_part_of_it() -> None:
    search = KeySearch({b'sid"': (0, 1), b"\xa3sid": (1, 0), b"token": (0, 0)})
    assert list(search.hits(b"", b'"sid":1 \xa3sid token', None)) == [(1, 4), (9, 12), (13, 18)]


def test_keys_that_a_long_message_repeats_are_left_out() -> None:
    message = b'{"tokenId":1,"TOKENID":2,"token":3}' * 4
    reading = KeyReading()
    reading.repeated.append(b'"tokenId":')
    found = list(KeySearch({b"token": (0, 0)}).hits(message, message.lower(), reading, 30))
    assert [message[start : end + 2] for start, end in found] == [b"TOKENID", b'token":'] * 4


@given(texts, needle_lists)
def test_the_shortest_needles_occur_where_any_of_all_does(text: str, needles: list[str]) -> None:
    kept = shortest({each.encode() for each in needles})
    longest = max(map(len, kept))
    assert occurs(searcher(kept).find_matches_as_indexes, text.encode(), longest) == any(
        each in text for each in needles
    )


def test_needles_are_searched_for_by_64_unless_they_are_many() -> None:
    needles = tuple(b"%d" % number for number in range(500))
    assert [len(each) for each in sixty_fours(needles[:130])] == [64, 64, 2]
    assert [len(each) for each in sixty_fours(needles)] == [500]
    assert list(sixty_fours(())) == []
