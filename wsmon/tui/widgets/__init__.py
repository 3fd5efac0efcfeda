"""Widgets that know nothing of what they show: lines of styled text, a cursor over millions of rows."""
