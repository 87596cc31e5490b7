"""What every report says beside its numbers: how it was made, who may read it, how it is handled."""

from collections.abc import Iterable, Mapping

from surveillance.access.role import PERMISSIONS, Permission
from surveillance.use_case.wording import harmful_words

HANDLING = {
    True: "Sensitive health information: small numbers about people. For the named readers only. Do not "
    "copy, forward or leave it lying about; shred it when it has served its purpose.",
    False: "Published counts: to the nearest five, fewer than eight as 0-7. Do not try to work out who "
    "is meant.",
}

METHODS: Mapping[str, str] = {
    "permutation-scan": "The permutation scan looks at circles of every size and place, over windows of "
    "every length up to today, and asks where more cases lie than if the same cases had happened on other "
    "days. It needs no population (Kulldorff and others 2005). Random arrangements of the same cases tell "
    "how often chance alone gives one as strong.",
    "poisson-scan": "The Poisson scan looks at circles as the permutation scan does, and compares with what "
    "a model of season, trend, weekday and population would expect.",
    "proximity": "The proximity rule is one that was agreed locally: so many cases within so many kilometres "
    "and days. Density is not risk: read it beside the count that would be usual there.",
    "links": "Links are what cases share: a school, a ward, a place of concern or a confirmed tie. They say "
    "that cases have something in common, not that there are too many.",
    "exceedance": "The exceedance compares the cases of a whole area with its own past, by age and sex, "
    "allowing for season and trend (Noufaily and others 2013; with a short past, EARS).",
}

REDACTED = "(not printed: it holds a word that may harm)"


def methods_of(detectors: Iterable[str]) -> tuple[str, ...]:
    """How each of these detectors works, once each."""
    names = dict.fromkeys(detectors)
    return tuple(METHODS.get(n, f"{n}: see the description of this detector.") for n in names)


def readers(permission: Permission) -> str:
    """The roles that may read what needs this permission."""
    roles = [f"{role}s" for role, permissions in PERMISSIONS.items() if permission in permissions]
    return f"{', '.join(roles[:-1])} and {roles[-1]}" if len(roles) > 1 else "".join(roles)


def safe(text: str) -> str:
    """What a person wrote, unless it holds a harmful word: a report may travel further than a page."""
    return REDACTED if harmful_words(text) else text
