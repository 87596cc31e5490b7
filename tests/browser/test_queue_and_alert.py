"""The queue and the alert in Chromium: live, by keyboard, on a phone, for everybody, and quickly drawn."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from invented import DESK, NOW, InventedSource, a_full_day
from playwright.sync_api import Browser, Page, expect
from watching import CONTRAST, SCHEMES, SIZES, opened

from surveillance.access.person import Grant, Person
from surveillance.access.role import Role
from surveillance.alerting.alert import AlertChange, Change
from surveillance.deciding import Desk
from surveillance.line_list.duplicates import pair
from surveillance.line_list.record import RecordKey
from surveillance.store import alerts, audit
from surveillance.web.house import OpenDoor
from surveillance.web.source import Ties

pytestmark = pytest.mark.browser

LEAD = Person("lead-4", (Grant(Role.LEAD),))
VIEWER = Person("viewer-1", (Grant(Role.VIEWER),))
DRAWN_WITHIN_MS = 1_500
Serve = Callable[..., AbstractContextManager[str]]


@dataclass(frozen=True)
class Day:
    """A full day in a database of its own, and where it is served."""

    source: InventedSource
    address: str

    def save(self, change: AlertChange) -> None:
        with self.source.stored.store.transaction() as tx:
            alerts.save(tx, [change])


def a_day_with_links() -> InventedSource:
    source = a_full_day()
    tokens = {"RX-412": ("school:x",), "RX-416": ("school:x", "workplace:y"), "RX-410": ("workplace:y",)}
    source.counted = [
        replace(c, case=replace(c.case, tokens=tokens.get(c.case.key.record_id, ()), age=17))
        for c in source.counted
    ]
    coroner, police = RecordKey("coroner", "incident", "C-2025-77"), RecordKey("police", "incident", "RX-413")
    source.tied = Ties(proposed=(pair(coroner, police),))
    return source


@pytest.fixture
def day(serve: Serve) -> Iterator[Day]:
    source = a_day_with_links()
    desk = Desk(DESK.configuration, source.stored.store)
    with serve(source, desk=desk, now=lambda: NOW, door=OpenDoor(LEAD)) as address:
        yield Day(source, address)


@pytest.fixture
def viewers(serve: Serve) -> Iterator[str]:
    with serve(a_full_day(), now=lambda: NOW, door=OpenDoor(VIEWER)) as address:
        yield address


def new_alert(day: Day, name: str = "live-1") -> AlertChange:
    (alert,) = (c.alert for c in day.source.changes if c.alert.id == "77b0e4c1")
    late = replace(alert, id=name, severity="severe", changed_at=NOW)
    return AlertChange(Change.OPENED, late, NOW, "service", "a cluster", True)


def listening(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator("#live-state")).to_have_text("Live: changes appear by themselves.")
    page.wait_for_timeout(1_200)  # the server knows by now what there was


def test_an_alert_that_opens_appears_without_a_reload_and_is_said_politely(
    chromium: Browser, day: Day
) -> None:
    with opened(chromium, day.address) as seen:
        listening(seen.page, day.address)
        seen.page.evaluate("window.stayed = true")
        seen.page.locator("#filter-severity").focus()
        day.save(new_alert(day))
        link = seen.page.locator("#alert-live-1")
        expect(link).to_be_visible(timeout=8_000)
        assert seen.page.evaluate("window.stayed") is True
        assert seen.page.evaluate("document.activeElement.id") == "filter-severity"
        expect(seen.page.locator("#said")).to_have_text("Alerts updated: 5 to act on, 4 unowned, 2 overdue.")
        assert seen.page.title() == "(2 overdue) Alerts – Public health surveillance"
        expect(seen.page.locator("#tabs")).to_contain_text("All to act on 5")
        assert seen.errors == []


def test_a_list_that_renews_itself_takes_the_focus_from_nobody(chromium: Browser, day: Day) -> None:
    with opened(chromium, day.address) as seen:
        listening(seen.page, day.address)
        seen.page.locator("#alert-77b0e4c1").focus()
        day.save(new_alert(day))
        expect(seen.page.locator("#alert-live-1")).to_be_visible(timeout=8_000)
        assert seen.page.evaluate("document.activeElement.id") == "alert-77b0e4c1"


def test_what_changed_since_a_person_looked_is_theirs(chromium: Browser, day: Day) -> None:
    with opened(chromium, day.address) as seen:
        seen.page.goto(day.address)
        card = seen.page.locator("article", has=seen.page.locator("#alert-77b0e4c1"))
        expect(card).to_contain_text("New to you")
        seen.page.goto(f"{day.address}/alerts/77b0e4c1")
        seen.page.goto(day.address)
        expect(card).not_to_contain_text("New to you")
        (alert,) = (c.alert for c in day.source.changes if c.alert.id == "77b0e4c1")
        members = (*alert.members[1:], "police/incident/RX-417@1")
        grown = replace(alert, revision=2, members=tuple(sorted(members)))
        day.save(AlertChange(Change.STRENGTHENED, grown, NOW, "service", "records that joined: 1", True))
        day.source.changes.append(AlertChange(Change.STRENGTHENED, grown, NOW, "service", "", True))
        seen.page.reload()
        expect(card).to_contain_text("Changed since you looked")
        expect(card).to_contain_text("Since you looked: Strengthened: records that joined: 1.")
        seen.page.goto(f"{day.address}/alerts/77b0e4c1")
        expect(seen.page.locator(".since")).to_contain_text("1 record joined and 1 left")
        expect(seen.page.locator(".members tbody .tag.new", has_text="New to you")).to_have_count(1)


def test_a_whole_queue_is_worked_by_keyboard(chromium: Browser, day: Day) -> None:
    def focused(page: Page) -> str:
        return str(page.evaluate("document.activeElement.id"))

    with opened(chromium, day.address) as seen:
        page = seen.page
        page.goto(day.address)
        for key, expected in (
            ("j", "alert-c3f1a9d2"),
            ("j", "alert-77b0e4c1"),
            ("k", "alert-c3f1a9d2"),
            ("k", "alert-c3f1a9d2"),
            ("/", "filter-use_case"),
            ("j", "filter-use_case"),
        ):
            page.keyboard.press(key)
            assert focused(page) == expected, key
        page.locator("#alert-77b0e4c1").focus()
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
        assert seen.faults() == []
        page.locator("#keys-on").uncheck()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        assert focused(page) == "alert-77b0e4c1"
        page.keyboard.press("j")
        assert focused(page) == "alert-77b0e4c1", "keys that are turned off do nothing"
        page.keyboard.press("Enter")
        page.wait_for_url("**/alerts/77b0e4c1")
        assert seen.errors == []


@pytest.mark.parametrize("path", ["/", "/alerts/c3f1a9d2"])
def test_the_tab_key_comes_through_every_page_and_out_of_it(chromium: Browser, day: Day, path: str) -> None:
    with opened(chromium, day.address) as seen:
        seen.page.goto(day.address + path)
        last = "[...document.querySelectorAll('a[href], button, summary')].findLast(e => e.checkVisibility())"
        for _ in range(150):
            seen.page.keyboard.press("Tab")
            if seen.page.evaluate(f"document.activeElement === {last}"):
                return
        pytest.fail("the tab key does not reach the end of the page")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES)
def test_the_alert_with_its_live_map_is_clean(
    chromium: Browser, day: Day, screenshots: Path, size: str, scheme: str
) -> None:
    with opened(chromium, day.address, size, scheme) as seen:
        seen.page.goto(f"{day.address}/alerts/c3f1a9d2")
        expect(seen.page.locator(".map-figure.drawn")).to_have_count(2, timeout=30_000)
        seen.page.screenshot(path=screenshots / f"alert-live-map-{size}-{scheme}.png", full_page=True)
        assert seen.too_wide() == 0
        assert seen.faults() == []
        assert seen.page.evaluate(CONTRAST) == []
        assert seen.errors == []
        assert seen.outside == []


@pytest.mark.parametrize("size", SIZES)
def test_a_viewers_pages_are_clean(chromium: Browser, viewers: str, screenshots: Path, size: str) -> None:
    with opened(chromium, viewers, size) as seen:
        for name, path in (("viewer-queue", "/"), ("viewer-alert", "/alerts/c3f1a9d2")):
            seen.page.goto(viewers + path)
            seen.page.screenshot(path=screenshots / f"{name}-{size}.png", full_page=True)
            assert seen.too_wide() == 0
            assert seen.faults() == []
            assert seen.page.evaluate(CONTRAST) == []
        assert seen.errors == []


def test_the_menu_of_a_phone_opens_closes_and_is_clean(chromium: Browser, day: Day) -> None:
    with opened(chromium, day.address, "phone") as seen:
        seen.page.goto(day.address)
        link = seen.page.get_by_role("navigation", name="Main").get_by_role("link", name="Alerts")
        expect(link).to_be_hidden()
        seen.page.get_by_role("button", name="Menu").click()
        expect(link).to_be_visible()
        assert seen.faults() == []
        seen.page.keyboard.press("Escape")
        expect(link).to_be_hidden()


def test_without_scripts_everything_is_there(chromium: Browser, day: Day) -> None:
    with opened(chromium, day.address, "phone", java_script_enabled=False) as seen:
        seen.page.goto(day.address)
        expect(seen.page.get_by_role("navigation", name="Main").get_by_role("link").first).to_be_visible()
        assert 'http-equiv="refresh" content="30"' in seen.page.content()
        expect(seen.page.get_by_role("button", name="Keyboard shortcuts")).to_be_hidden()
        seen.page.get_by_label("Severity").select_option("watch")
        seen.page.get_by_role("button", name="Filter").click()
        expect(seen.page.locator("article")).to_have_count(2)
        seen.page.goto(f"{day.address}/alerts/c3f1a9d2")
        expect(
            seen.page.get_by_role("img", name="Map of the areas of this alert, by residence")
        ).to_be_visible()
        expect(seen.page.get_by_role("img", name="Links between the members of this alert")).to_be_visible()


@pytest.mark.slow
def test_a_map_of_every_area_is_drawn_in_software_in_time(chromium: Browser, day: Day) -> None:
    assert len(day.source.areas("merseyside")) == 1_562
    taken: list[int] = []
    with opened(chromium, day.address) as seen:
        while min(taken, default=DRAWN_WITHIN_MS) >= DRAWN_WITHIN_MS:
            assert len(taken) < 12, f"milliseconds from asking for the page to its map: {taken}"
            seen.page.goto(f"{day.address}/alerts/77b0e4c1")
            figure = seen.page.locator(".map-figure.drawn")
            expect(figure).to_have_count(1, timeout=30_000)
            taken.append(int(figure.get_attribute("data-drawn-ms") or 0))
        # Other work on the machine slows some of them: one in time is enough.
        print(f"milliseconds from asking for the page to its map: {taken}")
        assert seen.page.locator(".map-figure > svg").is_hidden()
        seen.page.emulate_media(media="print")
        assert seen.page.locator(".map-figure > svg").is_visible()
        assert seen.page.locator(".map-canvas").is_hidden()


def test_every_view_is_on_the_audit_chain(chromium: Browser, day: Day) -> None:
    with opened(chromium, day.address) as seen:
        for path in ("/?view=mine", "/alerts/c3f1a9d2", "/alerts/c3f1a9d2/revisions/2"):
            seen.page.goto(day.address + path)
    with day.source.stored.store.reading() as tx:
        of_queue, of_alert = audit.of_subject(tx, "alerts"), audit.of_subject(tx, "alert/c3f1a9d2")
        audit.verify(tx, b"")
    assert [(e.by, e.act, e.facts) for e in of_queue] == [("lead-4", "viewed", {"view": "mine", "page": 1})]
    assert [e.facts for e in of_alert] == [
        {"page": "alert", "revision": 3},
        {"page": "revision", "revision": 2},
    ]
