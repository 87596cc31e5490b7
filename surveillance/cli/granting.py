"""Access rules at the brokers, brought in line with the partners that there are."""

from collections.abc import Collection

import typer

from surveillance.configuration import Configuration
from surveillance.identity import Changes, compare, left_users, wanted_rules
from surveillance.kafka.access import (
    Rule,
    change_rules,
    drop_password,
    list_rules,
    users_of_patterns,
    users_with_password,
)
from surveillance.settings import Settings


def grant_access(configuration: Configuration, settings: Settings, dry_run: bool = False) -> None:
    """Gives what is missing and takes what no configured partner needs; says both. Safe to repeat."""
    wanted, found = wanted_rules(configuration, settings), list_rules(settings.kafka)
    changes = compare(found, wanted, settings)
    left = _left(configuration, settings, found - set(changes.remove))
    if not dry_run and (changes.add or changes.remove):
        change_rules(settings.kafka, changes.add, changes.remove)
    for user in () if dry_run else left:
        drop_password(settings.kafka, user)
    _tell(changes, left)


def _left(configuration: Configuration, settings: Settings, remaining: Collection[Rule]) -> tuple[str, ...]:
    """Partners that left, and that may do nothing at these brokers any more, for another service neither."""
    known = users_with_password(settings.kafka)
    busy = {rule.user for rule in remaining} | users_of_patterns(settings.kafka)
    return tuple(user for user in left_users(known, configuration) if user not in busy)


def _tell(changes: Changes, left: Collection[str]) -> None:
    for rule in changes.add:
        typer.echo(f"may: {rule}")
    for rule in changes.remove:
        typer.echo(f"may no longer: {rule}")
    for user in left:
        typer.echo(f"has no password any more: {user}")
    for rule in changes.foreign:
        typer.echo(f"not ours, left as it is: {rule}")
    if not changes.add and not changes.remove:
        typer.echo("every access rule stands already")
