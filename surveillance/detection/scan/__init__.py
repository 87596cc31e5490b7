"""Scan statistics: circles around every location, windows that end today, the most unusual first."""
