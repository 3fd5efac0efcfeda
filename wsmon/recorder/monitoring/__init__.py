"""How monitoring systems learn of a recording: they scrape it, or it sends to them."""
