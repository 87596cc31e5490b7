"""Who somebody is, and what they may do where."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from surveillance.access.role import PERMISSIONS, Permission, Role

Ids = frozenset[str] | None  # None: all there are
_ALL = "*"


@dataclass(frozen=True, slots=True)
class Grant:
    """A role within scopes and use cases; None: within all there are.

    Written as `lead`, `lead:north,south` or `lead:*:dune-fever`: role, scopes, use cases.
    """

    role: Role
    scopes: Ids = None
    use_cases: Ids = None

    def __str__(self) -> str:
        parts = [str(self.role), _written(self.scopes), _written(self.use_cases)]
        while parts[-1] == _ALL:
            parts.pop()
        return ":".join(parts)

    @classmethod
    def parse(cls, text: str) -> "Grant":
        """What `str` writes. Raises ValueError, which says how a grant is written."""
        role, *within = text.strip().split(":")
        if role not in set(Role) or len(within) > 2:
            raise ValueError(f"a grant is {_GRAMMAR}, ROLE one of: {', '.join(Role)}")
        return cls(Role(role), *map(_read, within))

    def covers(self, scope: str | None, use_case: str | None) -> bool:
        """Whether a place and a subject lie within it; None asks for any."""
        return _within(scope, self.scopes) and _within(use_case, self.use_cases)

    def shared_with(self, other: "Grant") -> "Grant | None":
        """What both of them grant; None where that is nothing."""
        scopes, use_cases = _shared(self.scopes, other.scopes), _shared(self.use_cases, other.use_cases)
        nothing = self.role is not other.role or scopes == frozenset() or use_cases == frozenset()
        return None if nothing else Grant(self.role, scopes, use_cases)


_GRAMMAR = "ROLE, ROLE:SCOPE,SCOPE or ROLE:SCOPE,SCOPE:USE-CASE,USE-CASE, with * for all"


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

    def may_everywhere(self, permission: Permission) -> bool:
        """Whether one of the grants allows it in every scope and use case, those to come included."""
        unlimited = (g for g in self.grants if g.scopes is None and g.use_cases is None)
        return any(permission in PERMISSIONS[g.role] for g in unlimited)


def deputy_grants(own: Iterable[Grant], wanted: Iterable[Grant]) -> tuple[Grant, ...]:
    """What a deputy may do who was given `wanted` by somebody who may do `own`: never more than both."""
    mine = tuple(own)
    both = (grant.shared_with(asked) for asked in wanted for grant in mine)
    return tuple(dict.fromkeys(grant for grant in both if grant is not None))


def _within(one: str | None, allowed: Ids) -> bool:
    return one is None or allowed is None or one in allowed


def _shared(one: Ids, other: Ids) -> Ids:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _written(ids: Ids) -> str:
    return _ALL if ids is None else ",".join(sorted(ids))


def _read(text: str) -> Ids:
    ids = frozenset(part.strip() for part in text.split(","))
    if "" in ids or (_ALL in ids and len(ids) > 1):
        raise ValueError(f"a grant is {_GRAMMAR}")
    return None if ids == {_ALL} else ids
