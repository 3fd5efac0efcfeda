"""The search language: a text is parsed into terms, which the predicate and SQL evaluate."""
