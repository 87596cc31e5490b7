"""Numbers and times as the pages say them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from surveillance.alerting.alert import Change, State
from surveillance.web import words

LONDON = ZoneInfo("Europe/London")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not estimated"),
        (float("nan"), "not estimated"),
        (float("inf"), "without limit"),
        (0.0001, "under 0.001"),
        (0.001, "0.001"),
        (0.043, "0.043"),
        (1.3, "1.3"),
        (3.636363, "3.64"),
        (12.0, "12"),
        (37.5, "37.5"),
        (1240.4, "1,240"),
    ],
)
def test_a_number_has_no_more_digits_than_it_needs(value: float | None, text: str) -> None:
    assert words.number(value) == text


def test_a_time_names_the_zone_that_holds_on_its_day() -> None:
    winter, summer = datetime(2025, 1, 7, 12, tzinfo=UTC), datetime(2025, 7, 7, 12, tzinfo=UTC)
    assert words.at_time(winter, LONDON) == "Tue 7 January 2025, 12:00 GMT"
    assert words.at_time(summer, LONDON) == "Mon 7 July 2025, 13:00 BST"


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(seconds=59), "under a minute"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(minutes=119), "1 hour"),
        (timedelta(hours=47), "47 hours"),
        (timedelta(hours=48), "2 days"),
    ],
)
def test_a_duration_is_told_in_its_largest_unit(length: timedelta, text: str) -> None:
    assert words.duration(length) == text


def test_what_is_due_turns_overdue_at_its_time() -> None:
    now = datetime(2025, 1, 7, 12, tzinfo=UTC)
    assert words.due(now + timedelta(hours=3), now) == "in 3 hours"
    assert words.due(now - timedelta(hours=3), now) == "overdue by 3 hours"


def test_every_state_and_change_has_words() -> None:
    assert set(words.STATES) == set(State)
    assert set(words.CHANGES) == set(Change)
