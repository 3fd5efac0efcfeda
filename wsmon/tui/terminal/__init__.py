"""The terminal below Textual: what it can, what is sent to it and how fast."""
