"""Several recordings read as one: the order of their events, queries, the view, notes."""
