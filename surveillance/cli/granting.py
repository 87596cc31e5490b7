"""Access rules at the brokers, brought in line with the partners that there are."""

import typer

from surveillance.configuration import Configuration
from surveillance.identity import Changes, compare, wanted_rules
from surveillance.kafka.access import change_rules, list_rules
from surveillance.settings import Settings


def grant_access(configuration: Configuration, settings: Settings, dry_run: bool = False) -> None:
    """Gives what is missing and takes what no configured partner needs; says both. Safe to repeat."""
    wanted = wanted_rules(configuration, settings)
    changes = compare(list_rules(settings.kafka), wanted, settings)
    if not dry_run and (changes.add or changes.remove):
        change_rules(settings.kafka, changes.add, changes.remove)
    _tell(changes)


def _tell(changes: Changes) -> None:
    for rule in changes.add:
        typer.echo(f"may: {rule}")
    for rule in changes.remove:
        typer.echo(f"may no longer: {rule}")
    for rule in changes.foreign:
        typer.echo(f"not ours, left as it is: {rule}")
    if not changes.add and not changes.remove:
        typer.echo("every access rule stands already")
