"""Rates of small areas: their intervals, what would be expected, and what chance alone explains. Pure."""
