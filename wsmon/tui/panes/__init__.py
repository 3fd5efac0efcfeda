"""What the screen shows: each pane draws what it is given, and says what was chosen."""
