"""What differs between an alert before and after a look, and what that difference is called.

The expected count beside a cluster rests on all cases, so each new case moves that of every cluster a little:
in a burst of events, dozens of alerts would get a revision at every look that says nothing new. Such a
revision can be left out only where nothing is lost by it, and this is why the rule is `may_wait`:

- It does not compare with a tolerance alone. What is stored would then depend on which small steps came
  before: two workers that saw the same cases in other batches would end with other evidence, and no
  recomputation could find either. Nor is the evidence rounded, for the same reason that it is stored.
- It asks that the next look at the same cases is owed already, which the store knows for certain: a request
  that met this look is a row that stays until it is answered. That look compares with the evidence that was
  stored last, and the last look of a burst, which owes no other, stores whatever differs in the last digit.
  So once nothing is owed, the evidence is exactly that of one look at all cases, in whatever order they came.
- It asks that the alert reads the same. However long a burst goes on, what people read is what the last look
  found; and what is stored was true at the time that it names, with the snapshot of its own look behind it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from surveillance.alerting.alert import Alert, AlertChange, Change
from surveillance.alerting.finding import SERVICE, Look
from surveillance.alerting.grouping import records_in
from surveillance.alerting.wording import amount
from surveillance.detection.cluster import Cluster

# What every look would change: a look that sees the same leaves no trace in the history.
_ALWAYS_NEW = frozenset({"revision", "as_of", "changed_at", "clusters"})


def change_between(before: Alert, after: Alert, look: Look) -> AlertChange | None:
    """The change from `before` to `after` as a new revision, or None where nothing differs.

    People are told where a member joined or left or the severity changed; a mere revision of the evidence,
    or of a member's version, is stored in silence.
    """
    if _substance(before) == _substance(after):
        return None
    alert = replace(after, revision=before.revision + 1, as_of=look.as_of, changed_at=look.at)
    told = records_in(before) != records_in(after) or before.severity != after.severity
    kind = _kind(before, after, look)
    return AlertChange(kind, alert, look.at, SERVICE, _reason(before, after), told)


def may_wait(before: Alert | None, change: AlertChange) -> bool:
    """Whether a revision may be left to a look that is owed already: it only moves expected counts, and the
    relative risks that follow from them, by less than anybody would read."""
    if before is None or change.change is not Change.REVISED or change.told:
        return False
    return _substance(before, _as_read) == _substance(change.alert, _as_read)


def _as_read(cluster: Cluster) -> dict[str, Any]:
    expected = None if cluster.expected is None else amount(cluster.expected)
    # An estimated relative risk is observed over expected; whether there is one is a difference.
    return _as_stored(cluster) | {"expected": expected, "relative_risk": cluster.relative_risk is None}


def _as_stored(cluster: Cluster) -> dict[str, Any]:
    evidence = {f.name: getattr(cluster, f.name) for f in fields(cluster)}
    return evidence | {"parameters": dict(cluster.parameters)}


def _substance(alert: Alert, told: Callable[[Cluster], Mapping[str, Any]] = _as_stored) -> str:
    """Everything about an alert that matters, in a form that is the same before and after storage."""
    own = {f.name: getattr(alert, f.name) for f in fields(alert) if f.name not in _ALWAYS_NEW}
    evidence = [told(cluster) for cluster in alert.clusters]
    return json.dumps([own, evidence], sort_keys=True, default=str)


def _kind(before: Alert, after: Alert, look: Look) -> Change:
    """The severity decides; where it is the same, a member that joined outweighs one that left."""
    rise = look.rank(before.severity) - look.rank(after.severity)
    if rise > 0 or (rise == 0 and records_in(after) - records_in(before)):
        return Change.STRENGTHENED
    if rise < 0 or records_in(before) - records_in(after):
        return Change.WEAKENED
    return Change.ENDED if before.alive and not after.alive else Change.REVISED


def _reason(before: Alert, after: Alert) -> str:
    joined = len(records_in(after) - records_in(before))
    left = len(records_in(before) - records_in(after))
    parts = (
        f"records that joined: {joined}" if joined else "",
        f"records that left: {left}" if left else "",
        f"severity {before.severity} to {after.severity}" if before.severity != after.severity else "",
        "no longer found" if before.alive and not after.alive else "",
        "found again" if after.alive and not before.alive else "",
    )
    return "; ".join(part for part in parts if part) or "evidence revised"
