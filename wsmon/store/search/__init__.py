"""Search over stored events: queries to SQL, SQLite user functions, the skip index of n-gram marks."""
