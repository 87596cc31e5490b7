"""The question that an evaluation answers: which cases, of which days, as known when, and what before."""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from surveillance.configuration import Configuration, Region
from surveillance.reporting import Covered
from surveillance.store.pending import Claim
from surveillance.use_case.model import UseCase


@dataclass(frozen=True)
class Question:
    """What one evaluation asks: this use case, in this scope, as of this day, as known at this time.

    complete_from: per area that is read, from when on partners report it as they do now.
    before: the question of the midnight that began the day, where the day goes on: what chance does is learnt
        from its cases once, for all looks of the day.
    """

    use_case: UseCase
    region: Region
    start: date
    as_of: date
    known_at: datetime
    complete_from: tuple[date, ...] | None = None
    coverage: tuple[Covered, ...] = ()
    before: "Question | None" = None


def ask(claim: Claim, configuration: Configuration, now: datetime) -> Question:
    """The question behind a claim. Nothing that became known after the day `as_of` ended is looked at.

    While that day lasts, all that is stored counts: a broker's clock may be ahead of ours. Then a use case
    that looks at every event compares with the cases of the midnight before.
    """
    use_case, region = configuration.use_cases[claim.use_case], configuration.regions[claim.scope]
    ends = end_of(claim.as_of, region)
    asked = question_of(configuration, use_case, region, claim.as_of, claim.known_at or ends)
    if claim.known_at is not None or now >= ends or use_case.looks != "every_event":
        return asked
    return during_the_day(configuration, asked)


def question_of(
    configuration: Configuration, use_case: UseCase, region: Region, as_of: date, known_at: datetime
) -> Question:
    """What a use case asks in a scope, as of this day, as known at this time."""
    scope = region.scope.id
    return Question(
        use_case=use_case,
        region=region,
        start=configuration.study_start(use_case, scope, as_of),
        as_of=as_of,
        known_at=known_at,
        complete_from=configuration.complete_from(use_case, scope, as_of),
        coverage=configuration.covered(use_case, scope),
    )


def during_the_day(configuration: Configuration, asked: Question) -> Question:
    """The question of a look while the day goes on: with that of the midnight before it."""
    ended = asked.as_of - timedelta(days=1)
    midnight = end_of(ended, asked.region)
    return replace(asked, before=question_of(configuration, asked.use_case, asked.region, ended, midnight))


def end_of(day: date, region: Region) -> datetime:
    """The midnight that ends a day of the scope."""
    return datetime.combine(day + timedelta(days=1), time(), region.zone)
