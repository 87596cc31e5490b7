"""What an evaluation hands to matching: clusters with their severity, and the circumstances of the look."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from surveillance.detection.cluster import Cluster

SERVICE = "service"  # who acts where no person does


def record_of(member: str) -> str:
    """The record key of a member: `partner/kind/id@version` without its version."""
    return member.rpartition("@")[0]


@dataclass(frozen=True, slots=True)
class Finding:
    """A cluster that reached a severity band.

    `opens` is the state in which a new alert begins (`candidate` or `open`). `members` are the
    record@version of all records behind the cluster's cases, duplicates included.
    """

    cluster: Cluster
    severity: str
    opens: str
    members: tuple[str, ...]

    @property
    def records(self) -> frozenset[str]:
        return frozenset(map(record_of, self.members))


@dataclass(frozen=True, slots=True)
class Look:
    """One evaluation: of what, as of which day, at what time (UTC), and what stood then.

    `standing` maps the record key of every record that is a case now, inside the detection window or not,
    to its record@version: a member that is not in it was withdrawn, merged or reclassified. `severities`
    are the names of the use case's bands, the strongest first.
    """

    use_case: str
    scope: str
    as_of: date
    at: datetime
    standing: Mapping[str, str]
    severities: tuple[str, ...]

    def rank(self, severity: str) -> int:
        """Position of a severity, 0 for the strongest; one that no band has any more is the weakest."""
        if severity in self.severities:
            return self.severities.index(severity)
        return len(self.severities)
