"""What a configuration would have raised on the history that a database holds, as known at each moment."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime

from surveillance.evaluation.replay import Arm, Replay
from surveillance.evaluation.subject import Subject
from surveillance.looking import Decided
from surveillance.store import line_list, links
from surveillance.store.database import Store, Transaction
from surveillance.store.line_list import ListedRow


@dataclass(frozen=True, slots=True)
class WouldHaveRaised:
    """An alert that would have been opened: when, how severe it became and when, by which detectors."""

    opened_at: datetime
    severity: str
    reached_at: datetime
    detectors: tuple[str, ...]
    members: int


@dataclass(frozen=True)
class StoredReplay:
    """A replay of stored history: all alerts in the order in which they would have been opened."""

    use_case: str
    scope: str
    first: date
    last: date
    looks: int
    alerts: tuple[WouldHaveRaised, ...]


def replay_stored(
    subject: Subject, store: Store, first: date, last: date, day_done: Callable[[], None]
) -> StoredReplay:
    """Replays `first` to `last`, as the use case looks; calls `day_done` after each day.

    What people decided about pairs of records, and linked, counts from the beginning: the store does not
    say since when they knew. Nothing is written.
    """
    use_case, scope = subject.use_case, subject.region.scope.id
    with store.reading() as tx:
        rows, decided = history_of(tx, use_case.id)
    replay = Replay(
        subject.configuration, use_case.id, scope, rows, decided, (first, last), [Arm(use_case.looks)]
    )
    for moment in replay.steps():
        if moment.midnight:
            day_done()
    by_alert: dict[str, WouldHaveRaised] = {}
    for one in replay.done.raised:
        was = by_alert.get(one.alert)
        if was is None:
            found = WouldHaveRaised(one.at, one.severity, one.at, one.detectors, len(one.records))
        elif one.step:
            found = replace(was, severity=one.severity, reached_at=one.at, detectors=one.detectors)
        else:
            found = was
        by_alert[one.alert] = replace(found, members=max(found.members, len(one.records)))
    return StoredReplay(use_case.id, scope, first, last, replay.done.looks, tuple(by_alert.values()))


def history_of(tx: Transaction, use_case: str) -> tuple[tuple[ListedRow, ...], Decided]:
    """All that was ever known of a use case's cases, and what people decided about them."""
    confirmed, rejected = line_list.duplicate_decisions(tx)
    decided = Decided(confirmed, rejected, tuple(links.confirmed_links(tx)))
    return tuple(line_list.ever_known(tx, use_case)), decided


def as_text(found: StoredReplay, as_json: bool) -> str:
    """The alerts for people, or as JSON. Neither place nor person is named."""
    if as_json:
        return json.dumps(asdict(found), indent=2, default=str)
    head = (
        f"{found.use_case} in {found.scope}, {found.first} to {found.last}: "
        f"{len(found.alerts)} alerts in {found.looks} looks"
    )
    lines = [
        f"{alert.opened_at:%Y-%m-%d %H:%M}  {alert.severity:<8} {alert.members:>3} records  "
        f"{', '.join(alert.detectors)}"
        for alert in found.alerts
    ]
    return "\n".join([head, *lines])
