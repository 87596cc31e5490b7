"""A lead sees who was told of an alert, who was not and why, and every attempt."""

import re
from zoneinfo import ZoneInfo

from invented import ATTEMPTS, DELIVERIES, one_alert
from test_pages import client, text_of

from surveillance.alerting.suppression import Suppressed
from surveillance.web.told import REASONS, told_rows


def test_every_reason_has_words() -> None:
    assert set(REASONS) == set(Suppressed)


def test_each_notice_has_its_own_attempts_in_order() -> None:
    sent, held = told_rows(DELIVERIES, ATTEMPTS, ZoneInfo("Europe/London"))
    assert (sent.standing, sent.why, len(sent.attempts)) == ("Told", "", 2)
    assert "not taken, tried again (TimeoutError)" in sent.attempts[0]
    assert sent.attempts[1].endswith("taken")
    assert (held.standing, held.why, held.attempts) == ("Held back", "quiet hours", ())


def test_the_page_of_an_alert_shows_them() -> None:
    section = re.search(
        r'<section aria-labelledby="told">.*?</section>',
        client(one_alert()).get("/alerts/alert-1").text,
        re.DOTALL,
    )
    assert section is not None
    text = text_of(section[0])
    assert "prevention-team" in text
    assert "Held back: quiet hours" in text
