"""A cursor over a store: each committed event exactly once."""
