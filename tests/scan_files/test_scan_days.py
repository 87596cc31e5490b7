"""Days in the files of a scan: what each form means, and to what it is known."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveillance.scan_files.days import read_moment


@given(st.dates())
def test_every_day_of_the_calendar_is_read_in_each_form(day: date) -> None:
    padded = f"{day.year:04}-{day.month:02}-{day.day:02}"
    plain = f"{day.year:04}/{day.month}/{day.day}"
    for text in (padded, padded.replace("-", "/"), plain):
        moment = read_moment(text)
        assert (moment.first, moment.last, moment.middle) == (day, day, day)


@given(st.dates())
def test_american_days_are_read_only_where_they_are_allowed(day: date) -> None:
    text = f"{day.month}/{day.day}/{day.year:04}"
    assert read_moment(text, american=True).first == day
    with pytest.raises(ValueError, match="write YYYY-MM-DD"):
        read_moment(text)


@pytest.mark.parametrize(
    ("text", "first", "last", "middle"),
    [
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29), date(2024, 2, 15)),
        ("2023/2", date(2023, 2, 1), date(2023, 2, 28), date(2023, 2, 15)),
        ("1973", date(1973, 1, 1), date(1973, 12, 31), date(1973, 7, 1)),
    ],
)
def test_a_month_or_year_begins_ends_and_has_a_middle(
    text: str, first: date, last: date, middle: date
) -> None:
    moment = read_moment(text)
    assert (moment.first, moment.last, moment.middle) == (first, last, middle)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "24-03-01",
        "2024-02-30",
        "2024-13",
        "0000",
        "2024-3-1 00:00",
        "2024-03/01",
        "31/12/2024",
        "yesterday",
    ],
)
def test_what_is_no_day_is_refused_with_the_forms_that_are(text: str) -> None:
    with pytest.raises(ValueError, match="write YYYY-MM-DD, YYYY/MM/DD, YYYY-MM or YYYY"):
        read_moment(text)
