"""Who somebody is, and what they may do where."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from surveillance.access.role import PERMISSIONS, Permission, Role


@dataclass(frozen=True, slots=True)
class Grant:
    """A role within scopes and use cases; None: within all there are."""

    role: Role
    scopes: frozenset[str] | None = None
    use_cases: frozenset[str] | None = None

    def covers(self, scope: str | None, use_case: str | None) -> bool:
        """Whether a place and a subject lie within it; None asks for any."""
        return _within(scope, self.scopes) and _within(use_case, self.use_cases)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signed in, or a program with a token. `id` stands in history and audit."""

    id: str
    grants: tuple[Grant, ...] = ()

    def may(self, permission: Permission, scope: str | None = None, use_case: str | None = None) -> bool:
        """Whether one of the grants allows it there; without a place or subject: anywhere at all."""
        return any(permission in PERMISSIONS[g.role] and g.covers(scope, use_case) for g in self.grants)

    def reach(
        self, permission: Permission, use_cases: Iterable[str], scopes: Iterable[str]
    ) -> frozenset[tuple[str, str]]:
        """The pairs of use case and scope, of these, where one of the grants allows it."""
        return frozenset((u, s) for u, s in product(use_cases, scopes) if self.may(permission, s, u))


def _within(one: str | None, allowed: frozenset[str] | None) -> bool:
    return one is None or allowed is None or one in allowed
