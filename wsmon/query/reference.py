"""The search language for people: the page of help, and what completes a word; made from the table of fields."""

from __future__ import annotations

from wsmon.query.fields import FIELDS, KNOWN_NAMES, TAKES, find

GRAMMAR: tuple[tuple[str, str], ...] = (
    ("rate limit", "both words: payload, reason, error, names …"),
    ('"rate limit"', "exactly this"),
    ("a OR b   (a b) OR c", "one of them; side by side means both"),
    ("-ping   NOT (a b)", "without"),
    (r"/seq\":\s*\d{7}/i", "regular expression; i: without case"),
    ("$.data.qty>=10", "a path into a JSON payload"),
    ("field:value,other", "one of these; * and ? stand for others"),
    ("field:*   field!=value", "any value at all; another one"),
    ("field~part field~/re/", "contains"),
    ("size>10kb   lat:10ms..1s", "b kb mb kib mib, us ms s m h d"),
    ("since:-15m   until:14:02", "a period; RFC 3339, today, yesterday"),
    ("state:open->disconnected", "a transition"),
)
# example, meaning


def field_rows() -> tuple[tuple[str, str, str], ...]:
    """Of every field: its names, what it is, an example."""
    return tuple((" ".join((field.name, *field.aliases)), field.meaning, field.example) for field in FIELDS.values())


def completion(text: str) -> str:
    """The query with its last word completed: the name of a field, or one of its values; empty where nothing fits."""
    start = max(text.rfind(sign) for sign in " (-!,") + 1
    word = text[start:]
    name, colon, part = word.partition(":")
    if not colon:
        found = next((each for each in KNOWN_NAMES if word and each.startswith(word.lower())), "")
        return f"{text[:start]}{found}:" if found else ""
    field = find(name)
    if field is None or not part or ":" not in TAKES[field.kind]:
        return ""
    value = next((choice for choice in field.choices if choice.startswith(part.lower())), "")
    return f"{text[:start]}{name}:{value}" if value else ""
