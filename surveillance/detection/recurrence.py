"""How often chance alone raises an alert at least as strong, for a service that looks again and again.

One prospective scan a day has recurrence interval 1/p days (Kleinman, Lazarus, Platt 2004, American Journal
of Epidemiology 159:217). A service looks more often, at several places, with several windows. Were its looks
independent, n of them a day would reach p with probability 1 - (1-p)^n (Sidak 1967, JASA 62:626). They are
far from it: the next look sees nearly the same cases, and alarms that follow each other are one alert. So n
stands for all looks of a day together: so many independent ones give as many false alerts. Measured on null
histories by `surveillance evaluate`, alarms within 20 km and 28 days being one alert, at p <= 0.003:

    looks          cases a year, places, longest window   n (95 % interval)   years
    every event    290, 2, 30 days                        0.7 (0.4-1.0)       29
    midnight       290, 2, 30 days                        0.6 (0.3-0.9)       29
    every event    5,000, 1, 14 days                      1.8 (0.9-3.4)       5
    midnight       5,000, 1, 14 and 30 days               0.6 (0.3-0.9)       29

At smaller p it is larger, for alarms are then shorter (at p <= 0.001 and 5,000 cases a year 3.3, 1.2-7.2),
and with fewer replicates: when most of this was measured each look drew anew, and the noise of p alone made
some alarms. (Now the looks of a day share their replicates.) A look at midnight is worth less than one,
since a cluster that chance makes is seen on several days. The n used below is somewhat larger: the aim is
0.5 to 1 false alerts a year at a threshold of 365 days.
"""

from math import expm1, log1p

VERSION = "2"

# Of a rare case, at one place or two. It grows with the square root of the cases a day and, beyond what was
# measured, with that of the number of scans.
OF_A_RARE_CASE, MEASURED_SCANS = 0.8, 2


def independent_looks_a_day(cases_a_day: float, every_event: bool, scans: int = 1) -> float:
    """How many independent looks a day the looks of a use case in one scope are worth.

    cases_a_day: counted cases of the place that has most. every_event: a look after every event and at
    midnight; else at midnight only. scans: places times scans (windows side by side) at each.
    """
    looks = max(1.0, cases_a_day) if every_event else 1.0
    return float(OF_A_RARE_CASE * (looks * max(1.0, scans / MEASURED_SCANS)) ** 0.5)


def recurrence_interval_days(p_value: float, looks_a_day: float = 1.0) -> float:
    """Days in which chance gives one alert with a p-value this small or smaller: 1 / (1 - (1-p)^n).

    p_value: of one scan. looks_a_day: n, as `independent_looks_a_day`. With n = 1 it is 1/p, as for one scan
    a day. Raises ValueError for a p-value outside (0, 1] or no looks at all.
    """
    if not 0 < p_value <= 1:
        raise ValueError(f"p_value: {p_value} is no probability above 0; give 1 / (1 + replicates) at least")
    if looks_a_day <= 0:
        raise ValueError(f"looks_a_day: {looks_a_day} is no number of looks; give one above 0")
    if looks_a_day == 1 or p_value == 1:
        return 1 / p_value
    return -1 / expm1(looks_a_day * log1p(-p_value))
