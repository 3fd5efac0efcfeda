"""The search language: text in, terms out."""
