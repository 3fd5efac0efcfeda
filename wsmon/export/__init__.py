"""What leaves wsmon, and what comes back: one module for each format and direction."""
