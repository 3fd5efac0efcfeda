"""What panes of every kind tell those around them."""

from __future__ import annotations

from textual.message import Message


class Says(Message):
    """What the title of the pane has to say: the longest text first; plain text, never markup."""

    def __init__(self, *texts: str) -> None:
        super().__init__()
        self.texts = texts


class Refuses(Message):
    """What cannot be done, and why, in a sentence."""

    def __init__(self, sentence: str) -> None:
        super().__init__()
        self.sentence = sentence
