"""Counts for people who may not see small ones, and for files that leave the service.

The rule by itself is no protection against subtraction between views and successive days: where releases are
published, these two places show their numbers instead: `export.export_counts` and the weekly report.
"""

SUPPRESSED = "1-7"
LEAST_SHOWN, ROUNDED_TO = 8, 5


def suppressed(number: int) -> str:
    """A count as it may leave: nought as it is, 1 to 7 as `1-7`, any other rounded to 5."""
    if 0 < number < LEAST_SHOWN:
        return SUPPRESSED
    return str(ROUNDED_TO * round(number / ROUNDED_TO))
