"""The leads' pages and API, read-only."""
