"""Who somebody is, and what they may do where."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from surveillance.access.role import OF_NAMED_PARTNERS, PERMISSIONS, Permission, Role

Ids = frozenset[str] | None  # None: all there are
_ALL = "*"


@dataclass(frozen=True, slots=True)
class Grant:
    """A role within scopes and use cases; None: within all there are.

    Written as `lead`, `lead:north,south` or `lead:*:dune-fever`: role, scopes, use cases. The role partner
    also names its partners, `partner:*:*:alpha`. For them None is nobody: without a partner it reads
    published counts and nothing else. Partners of any other role are a ValueError.
    """

    role: Role
    scopes: Ids = None
    use_cases: Ids = None
    partners: Ids = None

    def __post_init__(self) -> None:
        if self.partners is not None and self.role is not Role.PARTNER:
            raise ValueError(f"a grant is {_GRAMMAR}; a {self.role} is no partner's")

    def __str__(self) -> str:
        parts = [str(self.role), *map(_written, (self.scopes, self.use_cases, self.partners))]
        while parts[-1] == _ALL:
            parts.pop()
        return ":".join(parts)

    @classmethod
    def parse(cls, text: str) -> "Grant":
        """What `str` writes. Raises ValueError, which says how a grant is written."""
        role, *within = text.strip().split(":")
        if role not in set(Role) or len(within) > 3:
            raise ValueError(f"a grant is {_GRAMMAR}, ROLE one of: {', '.join(Role)}")
        made = cls(Role(role), *map(_read, within))
        if len(within) == 3 and made.partners is None:
            raise ValueError(f"a grant is {_GRAMMAR}: * is no partner, name each")
        return made

    def covers(self, scope: str | None, use_case: str | None) -> bool:
        """Whether a place and a subject lie within it; None asks for any."""
        return _within(scope, self.scopes) and _within(use_case, self.use_cases)

    def partners_for(self, permission: Permission) -> Ids:
        """The partners for whom the grant allows it; None: for all, those to come included."""
        if permission not in PERMISSIONS[self.role]:
            return frozenset()
        if self.role is Role.PARTNER and permission in OF_NAMED_PARTNERS:
            return self.partners or frozenset()
        return None

    def allows(self, permission: Permission) -> bool:
        """Whether it allows it somewhere, for anybody."""
        return self.partners_for(permission) != frozenset()

    def shared_with(self, other: "Grant") -> "Grant | None":
        """What both of them grant; None where that is nothing."""
        scopes, use_cases = _shared(self.scopes, other.scopes), _shared(self.use_cases, other.use_cases)
        nothing = self.role is not other.role or scopes == frozenset() or use_cases == frozenset()
        partners = (self.partners or frozenset()) & (other.partners or frozenset())
        return None if nothing else Grant(self.role, scopes, use_cases, partners or None)


_GRAMMAR = (
    "ROLE, ROLE:SCOPE,SCOPE or ROLE:SCOPE,SCOPE:USE-CASE,USE-CASE, with * for all, "
    "or partner:SCOPE:USE-CASE:PARTNER,PARTNER"
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signed in, or a program with a token. `id` stands in history and audit."""

    id: str
    grants: tuple[Grant, ...] = ()

    def may(self, permission: Permission, scope: str | None = None, use_case: str | None = None) -> bool:
        """Whether one of the grants allows it there; without a place or subject: anywhere at all."""
        return any(g.allows(permission) and g.covers(scope, use_case) for g in self.grants)

    def may_for_partner(
        self, permission: Permission, partner: str, scope: str | None = None, use_case: str | None = None
    ) -> bool:
        """Whether one of the grants allows it there for this partner: a partner, only for itself."""
        there = (g for g in self.grants if g.covers(scope, use_case))
        return any(_within(partner, g.partners_for(permission)) for g in there)

    def reach(
        self, permission: Permission, use_cases: Iterable[str], scopes: Iterable[str]
    ) -> frozenset[tuple[str, str]]:
        """The pairs of use case and scope, of these, where one of the grants allows it."""
        return frozenset((u, s) for u, s in product(use_cases, scopes) if self.may(permission, s, u))

    def may_everywhere(self, permission: Permission) -> bool:
        """Whether one of the grants allows it in every scope and use case, those to come included."""
        unlimited = (g for g in self.grants if g.scopes is None and g.use_cases is None)
        return any(g.partners_for(permission) is None for g in unlimited)


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
