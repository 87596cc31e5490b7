"""A lead's day in Chromium, over a real store: from the alert that appears by itself to its report."""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from watching import opened

sys.path.insert(0, str(Path(__file__).parents[1] / "web"))

from acting_house import PLAN
from visiting import AUDIT_KEY, PASSWORD, Service, copy_of, make_service

from served import served_at
from small_house import House, incident, load_house
from surveillance.alerting.alert import Alert, Change, State
from surveillance.cli.pages import people_of
from surveillance.store import alerts, audit, notes, responses
from surveillance.web.printing import find_printer

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LEAD = "lead@example.org"
NOTE = "The group met and spoke with the partners."
BANDS = [
    {"name": "raised", "any_of": [{"detector": "proximity", "observed": 5}]},
    {"name": "watch", "opens": "candidate", "any_of": [{"detector": "proximity", "observed": 3}]},
]


@dataclass
class Day:
    """A house, its pages, and one clock for both."""

    house: House
    service: Service
    address: str = ""

    def later(self, minutes: float = 5) -> None:
        self.house.now += timedelta(minutes=minutes)
        self.service.clock[0] = self.house.now

    def evaluate(self) -> None:
        self.later()
        assert self.house.evaluate() > 0, "nothing was asked to be looked at"

    def alert(self) -> Alert:
        (alert,) = self.house.alerts()
        return alert

    def observed(self) -> int:
        return max(cluster.observed for cluster in self.alert().clusters)

    def last_change(self) -> Change:
        with self.house.store.reading() as tx:
            return alerts.history(tx, self.alert().id)[-1].change.change

    def entries(self) -> list[tuple[str, str]]:
        """Who did what, the whole chain being as it was written."""
        with self.house.store.reading() as tx:
            audit.verify(tx, AUDIT_KEY)
            return [(entry.by, entry.act) for _, entry in audit.listed(tx, limit=1000)]

    def wait_until_watched(self) -> None:
        """Until the server knows what there is: from then on it tells of what changes."""
        before, deadline = self.service.app.state.watcher.looks, time.monotonic() + 10
        while self.service.app.state.watcher.looks == before:
            assert time.monotonic() < deadline, "nobody looks for changed alerts"
            time.sleep(0.05)


@pytest.fixture
def day(sqlite_template: Path, tmp_path: Path) -> Iterator[Day]:
    configuration = load_house(tmp_path / "house", response_plan=PLAN, bands=BANDS)
    store = copy_of(sqlite_template, tmp_path)
    house = House(configuration, store)
    made: list[Service] = []

    def make(address: str) -> Any:
        options = {"people": people_of(store), "printer": find_printer()}
        made.append(make_service(configuration, store, web_url=address, now=house.now, **options))
        return made[0].app

    with served_at(make) as address:
        made[0].account(LEAD, "lead:north")
        yield Day(house, made[0], address)
    store.close()


def do(page: Page, title: str, button: str | None = None, **fields: str) -> None:
    """One of the things that a person can do with an alert: opens its form, fills it in and sends it."""
    choice = page.locator("details.deed-choice").filter(has=page.get_by_text(title, exact=True)).first
    choice.locator("summary").click()
    _fill(choice, fields)
    choice.get_by_role("button", name=button or title, exact=True).click()


def _fill(form: Any, fields: dict[str, str]) -> None:
    for name, value in fields.items():
        field = form.locator(f"[name={name}]")
        if field.evaluate("e => e.localName") == "select":
            field.select_option(value)
        else:
            field.fill(value)


def decide(page: Page, link: str, state: str, reason: str) -> None:
    page.get_by_role("link", name=link).click()
    _fill(page.locator("form.deed"), {"state": state, "reason": reason})
    page.locator("form.deed button").click()
    expect(page.get_by_role("heading", name="What you can do")).to_be_visible()


def open_from_the_queue(page: Page) -> None:
    page.get_by_role("link", name="All alerts").click()
    page.get_by_role("link", name="Dune fever, The north of the planet").click()


def an_alert_appears(page: Page, day: Day) -> None:
    """Four persons in five records: two of them bear the same person key."""
    expect(page.get_by_text("No alert is open.")).to_be_visible()
    expect(page.locator("#live-state")).to_have_text("Live: changes appear by themselves.")
    day.wait_until_watched()
    day.house.report(*(incident(f"rec-{i}", days_ago=i % 2, person=i + 1, age=15 + i) for i in range(4)))
    day.house.report(incident("again", days_ago=1, person=2, age=16, partner="beta"), partner="beta")
    page.evaluate("window.stayed = true")
    day.evaluate()
    expect(page.locator("article.card")).to_have_count(1, timeout=10_000)
    expect(page.locator("article.card")).to_contain_text("New to you")
    expect(page.locator("#said")).to_contain_text("1 to act on")
    assert page.evaluate("window.stayed") is True, "the page was loaded anew"


def it_is_taken_up(page: Page, day: Day) -> None:
    page.get_by_role("link", name="Dune fever, The north of the planet").click()
    expect(page.locator(".lead")).to_contain_text("4 cases of dune fever")
    for title, fields, state in (
        ("Acknowledge", {}, State.ACKNOWLEDGED),
        ("Assign", {"owner": LEAD}, State.ACKNOWLEDGED),
        ("Begin the assessment", {}, State.ASSESSING),
    ):
        day.later()
        do(page, title, **fields)
        expect(page.locator("#act")).to_be_visible()
        assert day.alert().state is state, title
    expect(page.locator("aside .facts")).to_contain_text(LEAD)
    assert day.alert().owner == LEAD


def two_records_become_one_person(page: Page, day: Day) -> None:
    """Thought to be two persons, the alert rises; found to be one, it weakens, and nobody counts twice."""
    decide(page, "Decide about", "rejected", "the ages differ")
    day.evaluate()
    assert (day.observed(), day.last_change(), day.alert().severity) == (5, Change.STRENGTHENED, "raised")
    open_from_the_queue(page)
    expect(page.locator(".lead")).to_contain_text("5 cases of dune fever")
    decide(page, "Decide anew about", "confirmed", "the clinics compared their files")
    page.get_by_role("link", name="All alerts").click()
    expect(page.locator("#live-state")).to_have_text("Live: changes appear by themselves.")
    day.wait_until_watched()
    day.evaluate()
    assert (day.observed(), day.last_change(), day.alert().severity) == (4, Change.WEAKENED, "watch")
    expect(page.locator("article.card")).to_contain_text("Weakened: severity raised to watch", timeout=10_000)
    page.get_by_role("link", name="Dune fever, The north of the planet").click()
    expect(page.locator(".lead")).to_contain_text("4 cases of dune fever")
    history = page.locator("#history + table")
    expect(history.locator("tbody tr").first).to_contain_text("Weakened")
    expect(page.locator(".pairs")).to_contain_text("one person")


def the_response_runs(page: Page, day: Day) -> None:
    day.later()
    do(page, "Respond", reason="a school is worried")
    expect(page.get_by_text("0 of 2 tasks done")).to_be_visible()
    for task in PLAN["tasks"]:
        row = page.locator(".plan-tasks tbody tr").filter(has_text=task["title"])
        choice = row.locator("details.deed-choice").filter(has_text="Done or not needed")
        choice.locator("summary").click()
        _fill(choice, {"state": "done", "reason": "agreed with all"})
        choice.get_by_role("button", name="Save").click()
        expect(row).to_contain_text("Done")
    expect(page.get_by_text("2 of 2 tasks done")).to_be_visible()


def a_note_names_nobody(page: Page, day: Day) -> None:
    do(page, "Write a note", "Save the note", text="Met the family at L8 1AB.")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was stored")
    expect(page.locator(".doubt")).to_contain_text("“L8 1AB” looks like a postcode. It cannot be kept")
    page.get_by_label("Note").fill(NOTE)
    page.get_by_role("button", name="Save the note").click()
    expect(page.locator(".note-text")).to_have_text(NOTE)
    with day.house.store.reading() as tx:
        assert [note.text for note in notes.of_alerts(tx, [day.alert().id])] == [NOTE]


def it_is_closed_and_reported(page: Page, day: Day) -> None:
    day.later()
    lessons = {"worked": "the group met at once", "not_worked": "the partner was told late"}
    do(page, "Close the alert", outcome="response_completed", reason="no new case in weeks", **lessons)
    expect(page.locator("aside .facts")).to_contain_text("response completed")
    assert day.alert().state is State.CLOSED
    with day.house.store.reading() as tx:
        (plan,) = responses.of_alerts(tx, [day.alert().id])
    assert (plan.worked, plan.not_worked) == (lessons["worked"], lessons["not_worked"])
    page.get_by_role("link", name="For print or as PDF").click()
    expect(page.get_by_text("Report of one alert")).to_be_visible()
    expect(page.locator("main")).to_contain_text(lessons["not_worked"])
    path = page.get_by_role("link", name="As PDF").get_attribute("href")
    printed = page.request.get(day.address + str(path))
    assert (printed.status, printed.body()[:5]) == (200, b"%PDF-")
    page.get_by_role("link", name="Back").click()


def test_a_lead_works_an_alert_from_its_first_minute_to_its_report(chromium: Browser, day: Day) -> None:
    with opened(chromium, day.address) as seen:
        page = seen.page
        page.goto(day.address)
        page.get_by_label("Account").fill(LEAD)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        an_alert_appears(page, day)
        it_is_taken_up(page, day)
        two_records_become_one_person(page, day)
        the_response_runs(page, day)
        a_note_names_nobody(page, day)
        it_is_closed_and_reported(page, day)
        page.get_by_role("button", name="Sign out").click()
        expect(page).to_have_url(f"{day.address}/sign-in")
        assert len(seen.errors) == 1, seen.errors
        assert "422" in seen.errors[0], "only the note that was refused"
        assert seen.outside == []
    done = {act for by, act in day.entries() if by == LEAD}
    expected = {"signed in", "viewed", "acknowledge", "assign", "assess", "duplicate-rejected"}
    expected |= {"duplicate-confirmed", "respond", "task-done", "note", "close", "signed out"}
    assert expected <= done, expected - done
