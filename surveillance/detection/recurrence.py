"""How often chance alone raises an alert at least as strong: recurrence intervals as the service runs."""


def independent_looks_a_day(cases_a_day: float, every_event: bool, scans: int = 1) -> float:
    """to be calibrated"""
    return 1.0


def recurrence_interval_days(p_value: float, independent_looks_a_day: float = 1.0) -> float:
    """Days between false alerts (to be calibrated)."""
    return 1 / (1 - (1 - p_value) ** independent_looks_a_day)
