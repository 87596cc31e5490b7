"""Alerts in words: the sentence that a lead reads first, and the notice that may leave the system.

The sentence stays behind a login. It never names a method or an exact place, and says with every count
what would be usual and how often chance does the same: density is not risk.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date
from typing import Any

from surveillance.alerting.alert import Alert, AlertChange
from surveillance.alerting.due import next_due
from surveillance.detection.cluster import Cluster
from surveillance.use_case.model import Wording

_NAMED_AREAS = 2
_DAYS_PER_YEAR = 365.25
_LONGEST_DAYS = 1e6
_LINK = "link"

# How a place of counting reads before the names of its areas; any other is named as the use case names it.
_PLACES = {"residence": "among residents of", "incident": "in"}


def sentence(
    alert: Alert, wording: Wording, area_names: Mapping[str, str], age_band: str | None = None
) -> str:
    """The plain words that a lead reads first, from the strongest evidence of an alert.

    How many, who, where, over how many days; which detector saw it; what would be usual; what links them;
    that it may be chance and how often chance does this; what every other detector saw. `area_names` maps
    codes of areas and of higher units to names, the empty code to that of the whole scope (a code without a
    name stands for itself); several areas of one name are named once. `age_band` such as `15 to 24`.
    """
    return " ".join(part for part in _parts(alert, wording, area_names, age_band) if part)


def _parts(
    alert: Alert, wording: Wording, area_names: Mapping[str, str], age_band: str | None
) -> Iterator[str]:
    aged = f" aged {age_band}" if age_band else ""
    if not alert.clusters:
        yield from _by_hand(alert, wording, area_names, aged)
        return
    first, *others = alert.clusters
    if not alert.alive:
        yield f"No longer found on {on_day(alert.as_of)}. When it was last found:"
    yield (
        f"{_count(first.observed, wording)}{aged}{_stratum(first)} "
        f"{_PLACES.get(first.place, f'at {_spaced(first.place)}:')} "
        f"{_whole_unit(first, area_names) or _where(first.areas, area_names)} "
        f"within {over_days(first.start, first.end)}. Seen by {_spaced(first.detector)}."
    )
    yield _usual(first, wording)
    yield _linked(alert)
    yield _chance(alert)
    if others:
        yield f"Also seen: {'; '.join(_seen(cluster, area_names) for cluster in others)}."


def _by_hand(alert: Alert, wording: Wording, area_names: Mapping[str, str], aged: str) -> Iterator[str]:
    records = _records(len(alert.members), wording)
    days = over_days(alert.start, alert.end)
    yield f"Opened by a person: {records}{aged} in {_where(alert.areas, area_names)} within {days}."
    yield "No detector has found it; how many would be usual, and how often chance does this, is not known."


def _count(observed: int, wording: Wording) -> str:
    return f"{observed} {wording.one if observed == 1 else wording.many}"


def _records(count: int, wording: Wording) -> str:
    # Members are records; one person may have two. Only a detector's count is one of persons.
    return f"{count} {'record' if count == 1 else 'records'} of {wording.many}"


def _where(areas: tuple[str, ...], area_names: Mapping[str, str]) -> str:
    names = tuple(dict.fromkeys(area_names.get(area, area) for area in areas))
    if not names:
        return "areas not known"
    more = len(names) - _NAMED_AREAS
    if more <= 0:
        return " and ".join(names)
    return f"{', '.join(names[:_NAMED_AREAS])} and {more} more {'area' if more == 1 else 'areas'}"


def _whole_unit(cluster: Cluster, area_names: Mapping[str, str]) -> str:
    """The name of the unit; empty where a cluster does not tell of a whole one."""
    if cluster.unit is None:
        return ""
    return area_names.get(cluster.unit, cluster.unit) or "the whole region"


def _stratum(cluster: Cluster) -> str:
    return f" ({cluster.stratum})" if cluster.stratum else ""


def _usual(cluster: Cluster, wording: Wording) -> str:
    if cluster.expected is None:
        return "How many would be usual was not estimated."
    basis = f" ({cluster.expected_basis})" if cluster.expected_basis else ""
    return f"Usual would be {amount(cluster.expected)} {wording.usual_unit} there in that time{basis}."


def _linked(alert: Alert) -> str:
    # The kind of link only: the identifier of a school or a ward is an exact place.
    kinds = dict.fromkeys(token.partition(":")[0] for c in alert.clusters for token in c.linked_by)
    words = ["a reported tie" if kind == _LINK else f"the same {_spaced(kind)}" for kind in kinds]
    return f"What links cases: {', '.join(words)}." if words else ""


def _chance(alert: Alert) -> str:
    intervals = [c.recurrence_interval_days for c in alert.clusters if c.recurrence_interval_days is not None]
    if not intervals:
        return "This may be chance; how often chance alone does this was not estimated."
    return f"This may be chance: chance alone gives one as strong about once in {duration(max(intervals))}."


def _seen(cluster: Cluster, area_names: Mapping[str, str]) -> str:
    usual = "" if cluster.expected is None else f" where {amount(cluster.expected)} would be usual"
    often = cluster.recurrence_interval_days
    chance = "" if often is None else f", by chance about once in {duration(often)}"
    unit = _whole_unit(cluster, area_names)
    count = f"{cluster.observed}{_stratum(cluster)}{f' in {unit}' if unit else ''}"
    return f"{_spaced(cluster.detector)} by {_spaced(cluster.place)}, {count}{usual}{chance}"


def notice(change: AlertChange) -> dict[str, Any]:
    """What may leave the system about a change: the key is the alert's id, the order its revision.

    No place, number, age, method or person; `link` is a path that needs a login. `due`: by when somebody
    must acknowledge or assess it, in UTC; None where nothing is due.
    """
    alert = change.alert
    due = next_due(alert)
    return {
        "id": alert.id,
        "revision": alert.revision,
        "use_case": alert.use_case,
        "severity": alert.severity,
        "state": str(alert.state),
        "change": str(change.change),
        "due": None if due is None else due[1].astimezone(UTC).isoformat(timespec="minutes"),
        "link": f"/alerts/{alert.id}",
    }


def amount(expected: float) -> str:
    """An expected count in two digits: `0.67`, `12`; a small one as `less than 0.01`."""
    if expected < 0.01:
        return "less than 0.01"
    return f"{expected:.2g}" if expected < 10 else f"{expected:.0f}"


def duration(interval_days: float) -> str:
    """A number of days in words, in years from two years on."""
    days = max(1, round(min(interval_days, _LONGEST_DAYS)))
    if days < 2 * _DAYS_PER_YEAR:
        return "1 day" if days == 1 else f"{days} days"
    return f"{days / _DAYS_PER_YEAR:.0f} years"


def over_days(first: date, last: date) -> str:
    """`9 days (3 May to 11 May 2024)`."""
    days = (last - first).days + 1
    if days == 1:
        return f"1 day ({on_day(first)})"
    start = f"{first.day} {first:%B}" if first.year == last.year else on_day(first)
    return f"{days} days ({start} to {on_day(last)})"


def on_day(day: date) -> str:
    """`11 May 2024`."""
    return f"{day.day} {day:%B %Y}"


def _spaced(name: str) -> str:
    return name.replace("_", " ").replace("-", " ")
