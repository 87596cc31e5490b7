"""What differs between an alert before and after a look, and what that difference is called."""

import json
from dataclasses import fields, replace

from surveillance.alerting.alert import Alert, AlertChange, Change
from surveillance.alerting.finding import SERVICE, Look
from surveillance.alerting.grouping import records_in

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


def _substance(alert: Alert) -> str:
    """Everything about an alert that matters, in a form that is the same before and after storage."""
    own = {f.name: getattr(alert, f.name) for f in fields(alert) if f.name not in _ALWAYS_NEW}
    evidence = [{f.name: getattr(cluster, f.name) for f in fields(cluster)} for cluster in alert.clusters]
    for cluster in evidence:
        cluster["parameters"] = dict(cluster["parameters"])
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
