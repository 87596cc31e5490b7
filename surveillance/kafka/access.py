"""Who may do what at the brokers: access rules (ACLs) and passwords (SCRAM), read and changed.

A rule of Kafka's that is no `Rule` here (for another kind of resource, a pattern, a refusal) is neither shown
nor touched.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from kafka.errors import SecurityDisabledError

from surveillance.kafka.admin import open_admin
from surveillance.kafka.brokers import Brokers
from surveillance.kafka.knock import BrokerRefuses, knock, no_answer

ITERATIONS = 8192
_PRINCIPAL = "User:"


class AccessFault(RuntimeError):
    """The brokers keep no access rules or passwords, or refuse to change them; the text says what to do."""


@dataclass(frozen=True, slots=True, order=True)
class Rule:
    """A user may read or write one topic, or read as one consumer group, from wherever it connects."""

    user: str
    operation: Literal["READ", "WRITE"]
    resource: Literal["TOPIC", "GROUP"]
    name: str

    def __str__(self) -> str:
        return f"{self.user} {self.operation.lower()} {self.resource.lower()} {self.name}"


def list_rules(brokers: Brokers) -> frozenset[Rule]:
    """Every rule there is. Raises AccessFault where the brokers keep none: then anybody may do anything."""
    anything = ACLFilter(
        None,
        None,
        ACLOperation.ANY,
        ACLPermissionType.ALLOW,
        ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.LITERAL),
    )
    with _changing(brokers), open_admin(brokers) as admin:
        found, _ = admin.describe_acls(anything)
    return frozenset(rule for acl in found for rule in _rules(acl))


def change_rules(brokers: Brokers, add: Collection[Rule], remove: Collection[Rule]) -> None:
    """Adds first, so that nobody who keeps a right is without it in between. Safe to repeat."""
    with _changing(brokers), open_admin(brokers) as admin:
        refused = admin.create_acls([_acl(rule) for rule in sorted(add)])["failed"] if add else []
        gone = admin.delete_acls([_acl(rule) for rule in sorted(remove)]) if remove else []
    refused += [error for _, _, error in gone if error.errno]
    if refused:
        raise AccessFault(f"Kafka at {brokers}: refuses to change access rules ({refused[0].__name__})")


def set_password(brokers: Brokers, user: str, password: str) -> None:
    """Gives a user its password, or another one; the brokers keep a salted hash. Open connections stay."""
    wanted = UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, password, iterations=ITERATIONS)
    with _changing(brokers), open_admin(brokers) as admin:
        error = admin.alter_user_scram_credentials([wanted])[user]
    if error is not None:
        raise AccessFault(f"Kafka at {brokers}: refuses to set the password of {user} ({error})")


def has_password(brokers: Brokers, user: str) -> bool:
    """Whether the brokers know the user."""
    with _changing(brokers), open_admin(brokers) as admin:
        return bool(admin.describe_user_scram_credentials([user])[user]["credential_infos"])


def drop_password(brokers: Brokers, user: str) -> None:
    """Takes a user's password away: no new connection is opened with it. Open connections stay."""
    gone = UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512)
    with _changing(brokers), open_admin(brokers) as admin:
        error = admin.alter_user_scram_credentials([gone])[user]
    if error is not None:
        raise AccessFault(f"Kafka at {brokers}: refuses to take the password of {user} away ({error})")


def users_with_password(brokers: Brokers) -> frozenset[str]:
    """Every user that the brokers know by a password."""
    with _changing(brokers), open_admin(brokers) as admin:
        found = admin.describe_user_scram_credentials()
    return frozenset(user for user, told in found.items() if told["credential_infos"])


def users_of_patterns(brokers: Brokers) -> frozenset[str]:
    """Users with rules for all names of a beginning: none of ours has one."""
    pattern = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.PREFIXED)
    anything = ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, pattern)
    with _changing(brokers), open_admin(brokers) as admin:
        found, _ = admin.describe_acls(anything)
    return frozenset(acl.principal.removeprefix(_PRINCIPAL) for acl in found)


@contextmanager
def _changing(brokers: Brokers) -> Iterator[None]:
    if not knock(brokers):
        raise no_answer(brokers)
    try:
        yield
    except BrokerRefuses as error:
        raise AccessFault(f"{error}. `{brokers.user}` must be an administrator (super.users) here") from error
    except SecurityDisabledError as error:
        raise AccessFault(
            f"Kafka at {brokers}: keeps no access rules, so that anybody may do anything. Set there "
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer"
        ) from error


def _acl(rule: Rule) -> ACL:
    return ACL(
        _PRINCIPAL + rule.user,
        "*",
        ACLOperation[rule.operation],
        ACLPermissionType.ALLOW,
        ResourcePattern(ResourceType[rule.resource], rule.name),
    )


def _rules(acl: ACL) -> Iterator[Rule]:
    pattern = acl.resource_pattern
    if acl.host != "*" or not acl.principal.startswith(_PRINCIPAL):
        return
    for operation in ("READ", "WRITE"):
        for resource in ("TOPIC", "GROUP"):
            if (acl.operation.name, pattern.resource_type.name) == (operation, resource):
                yield Rule(acl.principal.removeprefix(_PRINCIPAL), operation, resource, pattern.resource_name)
