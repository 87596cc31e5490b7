"""How often chance alone raises an alert at least as strong, for a service that looks again and again.

One prospective scan a day has recurrence interval 1/p days (Kleinman, Lazarus, Platt 2004, American Journal
of Epidemiology 159:217). A service looks more often, at several places, with several windows. Were its looks
independent, n of them a day would reach p with probability 1 - (1-p)^n (Sidak 1967, JASA 62:626). They are
far from it: the next look sees nearly the same cases, and alarms of successive looks are one alert. So n is
the number of independent looks that give as many false alerts as all looks of a day together; it was
measured on null histories (`surveillance evaluate`):

    looks        cases a year   scans   false alerts a year at p <= 1/365   n
"""

from math import expm1, log1p

VERSION = "1"

# One independent look a day for a rare case, at one place or two; with looks at every event it grows with the
# cases a day to this power. More scans than were measured count with the square root of their number.
MEASURED_SCANS = 2
GROWTH = 0.4


def independent_looks_a_day(cases_a_day: float, every_event: bool, scans: int = 1) -> float:
    """How many independent looks a day the looks of a use case in one scope are worth, at least one.

    cases_a_day: counted cases of the place that has most. every_event: a look after every event and at
    midnight; else at midnight only. scans: places times scans (windows side by side) at each.
    """
    looks = max(1.0, cases_a_day) ** GROWTH if every_event else 1.0
    return float(looks * max(1.0, scans / MEASURED_SCANS) ** 0.5)


def recurrence_interval_days(p_value: float, looks_a_day: float = 1.0) -> float:
    """Days in which chance gives one alert with a p-value this small or smaller: 1 / (1 - (1-p)^n).

    p_value: of one scan. looks_a_day: n, as `independent_looks_a_day`. With n = 1 it is 1/p, as for one scan
    a day. Raises ValueError for a p-value outside (0, 1] or fewer than one look a day.
    """
    if not 0 < p_value <= 1:
        raise ValueError(f"p_value: {p_value} is no probability above 0; give 1 / (1 + replicates) at least")
    if looks_a_day < 1:
        raise ValueError(f"looks_a_day: {looks_a_day} is less than one look a day; give at least 1")
    if looks_a_day == 1 or p_value == 1:
        return 1 / p_value
    return -1 / expm1(looks_a_day * log1p(-p_value))
