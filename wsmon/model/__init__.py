"""Pure values and pure functions: no clock, no file, no socket, no chance."""
