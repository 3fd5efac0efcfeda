"""TOML in, connection specifications out; every error named with its line."""
