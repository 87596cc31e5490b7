"""Who may do what with the service's topics: each partner with its own, the service with what it needs.

Kafka refuses what no rule allows, so these are all rights there are:

    partner        writes its own topics, live and history; reads its own receipts
    service user   reads every partner's topics; writes alerts and receipts
    gateway user   writes every partner's topics: it publishes for partners without Kafka

Writing implies describing, and with Kafka 3 also writing idempotently.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from surveillance.configuration import Configuration
from surveillance.events.topics import (
    ALERTS_TOPIC,
    parse_receipts_topic,
    parse_topic,
    receipts_topic,
    topic_name,
)
from surveillance.kafka.access import Rule
from surveillance.settings import Settings

_OF_PARTNER = "partner."


def partner_user(partner: str) -> str:
    """The name of a partner at the brokers. No other user of ours begins so."""
    return _OF_PARTNER + partner


@dataclass(frozen=True, slots=True)
class Changes:
    """What brings the rules at the brokers in line. `foreign` are rights of others on partners' topics."""

    add: tuple[Rule, ...]
    remove: tuple[Rule, ...]
    foreign: tuple[Rule, ...]


def wanted_rules(configuration: Configuration, settings: Settings) -> frozenset[Rule]:
    """Every rule that there should be."""
    rules = {
        rule for partner in configuration.partners for rule in partner_rules(partner, configuration, settings)
    }
    service, prefix = settings.kafka_service_user, settings.topic_prefix
    rules |= {
        Rule(service, "WRITE", "TOPIC", prefix + ALERTS_TOPIC),
        Rule(service, "READ", "GROUP", settings.consumer_group),
    }
    return frozenset(rules)


def partner_rules(partner: str, configuration: Configuration, settings: Settings) -> Iterator[Rule]:
    """The rules about one partner's topics."""
    prefix, user, receipts = (
        settings.topic_prefix,
        partner_user(partner),
        receipts_topic(partner, settings.topic_prefix),
    )
    for name in partner_topics(partner, configuration, prefix):
        yield Rule(user, "WRITE", "TOPIC", name)
        yield Rule(settings.kafka_gateway_user, "WRITE", "TOPIC", name)
        yield Rule(settings.kafka_service_user, "READ", "TOPIC", name)
    yield Rule(settings.kafka_service_user, "WRITE", "TOPIC", receipts)
    yield Rule(user, "READ", "TOPIC", receipts)
    yield Rule(user, "READ", "GROUP", receipts)  # whoever reads a topic commits how far, as a group


def partner_topics(partner: str, configuration: Configuration, prefix: str = "") -> tuple[str, ...]:
    """The topics that a partner writes: live ones first, then those for history."""
    sources = [*configuration.sources(), *configuration.sources(backfill=True)]
    return tuple(topic_name(s.kind, s.partner, prefix, s.backfill) for s in sources if s.partner == partner)


def compare(found: frozenset[Rule], wanted: frozenset[Rule], settings: Settings) -> Changes:
    """What to change. Only rights of our own users, on partners' topics and groups, are ever removed."""
    surplus = {rule for rule in found - wanted if _on_partners_topic(rule, settings.topic_prefix)}
    ours = {rule for rule in surplus if _is_our_user(rule.user, settings)}
    return Changes(tuple(sorted(wanted - found)), tuple(sorted(ours)), tuple(sorted(surplus - ours)))


def left_users(known: Iterable[str], configuration: Configuration) -> tuple[str, ...]:
    """Of the users that the brokers know, those of partners that are not configured any more."""
    configured = {partner_user(partner) for partner in configuration.partners}
    return tuple(sorted(user for user in known if user.startswith(_OF_PARTNER) and user not in configured))


def _on_partners_topic(rule: Rule, prefix: str) -> bool:
    """Partners' topics and receipts; the group in which receipts are read is named as their topic."""
    return parse_topic(rule.name, prefix) is not None or parse_receipts_topic(rule.name, prefix) is not None


def _is_our_user(user: str, settings: Settings) -> bool:
    return user.startswith(_OF_PARTNER) or user in (settings.kafka_service_user, settings.kafka_gateway_user)
