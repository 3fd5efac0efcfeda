"""What leaves wsmon: one module for each format."""
