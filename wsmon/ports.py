"""What the layers ask of each other: protocols only."""
