"""What each role may do. A table: who may what is read here and nowhere else."""

from collections.abc import Mapping
from enum import StrEnum


class Permission(StrEnum):
    """One thing that a person may do."""

    READ_ALERTS = "read-alerts"  # that there is an alert, its use case, severity, state: no small number
    READ_CASES = "read-cases"  # sentences, counts, maps, members, the line list: small numbers about people
    READ_AGGREGATES = "read-aggregates"  # published counts, small ones suppressed
    DECIDE = "decide"  # duplicates, links and members of alerts, notes
    ACT = "act"  # move an alert along its workflow, open one, carry out the response plan
    EXPORT = "export"  # take published counts out of the service; with READ_CASES, the line list
    ERASE = "erase"  # remove one record for good
    SILENCE = "silence"  # keep notices back for a while, with a reason
    READ_DELIVERIES = "read-deliveries"  # who was told, when, and what failed
    READ_AUDIT = "read-audit"  # who saw and did what
    READ_PARTNERS = "read-partners"  # what partners sent, how late, what was refused
    SUBMIT = "submit"  # send records as a partner
    MANAGE_ACCOUNTS = "manage-accounts"


class Role(StrEnum):
    """What a person is to the service, within scopes and use cases."""

    LEAD = "lead"
    ANALYST = "analyst"
    VIEWER = "viewer"
    PARTNER = "partner"
    OPERATOR = "operator"


_P = Permission
PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.LEAD: frozenset(Permission) - {_P.MANAGE_ACCOUNTS, _P.SUBMIT},
    Role.ANALYST: frozenset(
        {
            _P.READ_ALERTS,
            _P.READ_CASES,
            _P.READ_AGGREGATES,
            _P.DECIDE,
            _P.EXPORT,
            _P.READ_DELIVERIES,
            _P.READ_PARTNERS,
        }
    ),
    Role.VIEWER: frozenset({_P.READ_ALERTS, _P.READ_AGGREGATES}),
    Role.PARTNER: frozenset({_P.READ_AGGREGATES, _P.READ_PARTNERS, _P.SUBMIT}),
    Role.OPERATOR: frozenset(
        {
            _P.READ_AGGREGATES,
            _P.SILENCE,
            _P.READ_DELIVERIES,
            _P.READ_AUDIT,
            _P.READ_PARTNERS,
            _P.MANAGE_ACCOUNTS,
        }
    ),
}

OF_NAMED_PARTNERS = frozenset({_P.READ_PARTNERS, _P.SUBMIT})
"""What the role partner may for the partners that its grant names, and for no other."""
