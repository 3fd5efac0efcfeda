"""What recorder and viewer say to each other, and where they find each other."""
