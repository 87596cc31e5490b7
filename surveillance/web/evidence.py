"""The evidence of an alert in words: one row per detector and place, each with its limits."""

import math
from dataclasses import dataclass

from surveillance.alerting.wording import amount, duration, over_days
from surveillance.detection.cluster import Cluster
from surveillance.geography.area import AreaTable
from surveillance.web import words


@dataclass(frozen=True, slots=True)
class Evidence:
    """One cluster of an alert, ready to be read. Numbers stay beside the words for the API."""

    title: str
    detector: str
    detector_version: str
    place: str
    where: str
    period: str
    observed: int
    expected: float | None
    relative_risk: float | None
    p_value: float | None
    recurrence_interval_days: float | None
    expected_words: str
    relative_risk_words: str
    p_value_words: str
    chance: str
    limits: tuple[str, ...]
    linked_by: tuple[str, ...]
    areas: tuple[str, ...]
    parameters: dict[str, str]


def read_evidence(cluster: Cluster, areas: AreaTable) -> Evidence:
    """A cluster as a row of the evidence table."""
    ratio = _relative_risk(cluster)
    return Evidence(
        title=words.title(cluster.detector),
        detector=cluster.detector,
        detector_version=cluster.detector_version,
        place=cluster.place,
        where=_where(cluster, areas),
        period=over_days(cluster.start, cluster.end),
        observed=cluster.observed,
        expected=finite(cluster.expected),
        relative_risk=finite(ratio),
        p_value=finite(cluster.p_value),
        recurrence_interval_days=finite(cluster.recurrence_interval_days),
        expected_words="not estimated" if cluster.expected is None else amount(cluster.expected),
        relative_risk_words=f"{words.number(ratio)} times" if finite(ratio) else words.number(ratio),
        p_value_words=words.number(cluster.p_value) if cluster.p_value is not None else "none given",
        chance=chance(cluster),
        limits=tuple(_limits(cluster)),
        linked_by=tuple(dict.fromkeys(map(_kind_of_link, cluster.linked_by))),
        areas=cluster.areas,
        parameters={key: _in_words(value) for key, value in sorted(cluster.parameters.items())},
    )


def chance(cluster: Cluster) -> str:
    """How often chance alone does this, in words; never that it is certain."""
    if cluster.recurrence_interval_days is not None:
        often = duration(cluster.recurrence_interval_days)
        return f"May be chance: chance alone gives one this strong about once in {often}."
    return "May be chance: this evidence cannot say how often chance alone gives one like it."


def finite(value: float | None) -> float | None:
    """A number that JSON can carry; None for what is not estimated or without limit."""
    return value if value is not None and math.isfinite(value) else None


def _relative_risk(cluster: Cluster) -> float | None:
    if cluster.relative_risk is not None or cluster.expected is None:
        return cluster.relative_risk
    return cluster.observed / cluster.expected if cluster.expected > 0 else math.inf


def _where(cluster: Cluster, areas: AreaTable) -> str:
    count = words.plural(len(cluster.areas), "area")
    if cluster.unit is not None:
        names = (of_unit[cluster.unit] for of_unit in areas.unit_names.values() if cluster.unit in of_unit)
        whole = f"all of {next(names, cluster.unit) or 'the scope'}"
        return f"{whole} ({cluster.stratum}), in {count}" if cluster.stratum else f"{whole}, in {count}"
    if not cluster.radius_km or cluster.centre is None:
        return count
    centre = areas.names[areas.index[cluster.centre]] if cluster.centre in areas.index else cluster.centre
    return f"{count} within {words.number(cluster.radius_km)} km of {centre}"


def _limits(cluster: Cluster) -> list[str]:
    basis = cluster.expected_basis.strip().rstrip(".")
    limits = [f"Expected: {basis}."] if basis else []
    if cluster.is_broad:
        limits.append("A count of a whole area: its cases need have nothing else in common.")
    elif cluster.expected is None:
        limits.append("No expected count: it says what the cases share, not that there are too many.")
    elif cluster.recurrence_interval_days is None:
        limits.append("Cases close together are not by themselves an excess: compare observed with expected.")
    if cluster.observed <= 3 and cluster.expected is not None:
        limits.append("So few cases that one more or one fewer changes the picture.")
    return limits


def _kind_of_link(token: str) -> str:
    """`school:ab12` -> `school`: the identifier of a school or a ward is an exact place."""
    return words.spaced(token.partition(":")[0])


def _in_words(value: object) -> str:
    """A parameter of a detector; several values with commas between them."""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
