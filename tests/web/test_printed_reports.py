"""Reports made for print: what they say, what they never say, and who gets which."""

import io
import os
import stat
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from invented import SUPPORT, a_full_day, one_alert
from pypdf import PdfReader
from stored_web import ANALYST, AUDIT_KEY, LEAD, NOBODY, NORTH, OPERATOR, PARTNER, SOUTH, VIEWER, StoredWeb
from test_pages import client, text_of

from plugins.absent import absent
from small_house import incident
from surveillance.access.person import Person
from surveillance.alerting.workflow import Act
from surveillance.deciding import Decision, Desk
from surveillance.releasing import release_history
from surveillance.use_case.wording import harmful_words
from surveillance.web.printing import NotPrinted, Printer, find_printer, on_its_own
from surveillance.web.reports.words import REDACTED

WEEK = "2250-W25"  # 17 to 23 June, as the small house counts its days
MONTHLY = {"period": "month", "block_periods": 1, "delay_days": 7}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoredWeb]:
    """Nine cases of one week in the north, three of them linked, as an alert of this week."""
    made = StoredWeb.build(tmp_path_factory.mktemp("reports"), publication=MONTHLY)
    linked = [incident(f"l-{i}", days_ago=9, school="school-77", person=i + 1) for i in range(3)]
    others = [incident(f"o-{i}", days_ago=10, area="n3") for i in range(6)]
    made.house.now -= timedelta(days=8)
    made.house.report(*linked, *others)
    made.house.evaluate()
    made.house.now += timedelta(days=8)
    release_history(made.house.store, made.house.configuration, date(2250, 1, 1), made.house.now, AUDIT_KEY)
    yield made
    made.house.store.close()


def week(web: StoredWeb, person: Person = LEAD, query: str = f"week={WEEK}&scope=north") -> str:
    answer = web.get(f"/reports/weekly?{query}", person)
    assert answer.status_code == 200, answer.text
    return text_of(answer.text)


def test_the_weekly_report_counts_the_week_and_says_what_is_usual_or_that_it_is_not_known(
    web: StoredWeb,
) -> None:
    page = week(web)
    assert "9 cases of dune fever in The north of the planet in this week, as known now." in page
    assert "How many would be usual is not known: that takes 3 earlier years of reports." in page
    assert f"{len(web.house.alerts())} alerts opened" in page
    assert "What is not known" in page
    assert "Clinic alpha" in page
    assert "Leads and analysts of this scope" in page
    assert "advice line on 000" in page


def test_usual_is_what_the_same_weeks_of_earlier_years_had(tmp_path: Path) -> None:
    web = StoredWeb.build(tmp_path, study_start="2240-01-01")
    for partner in web.house.configuration.partners.values():
        object.__setattr__(
            partner,
            "coverage",
            tuple(c.model_copy(update={"since": c.since.replace(2240)}) for c in partner.coverage),
        )
    past = [
        incident(f"y-{year}-{i}", days_ago=10 + 364 * year + 7 * beside, area="n1")
        for year in range(1, 5)
        for beside in (-1, 0, 1)
        for i in range(year)
        for _ in [0]
    ]
    numbered = [{**payload, "record_id": f"r-{i}"} for i, payload in enumerate(past)]
    web.house.report(*numbered)
    assert "Usual would be 2 a week (0 to 4): the same weeks of the last 5 years" in week(web)


@pytest.mark.parametrize("person", [VIEWER, PARTNER, OPERATOR], ids=lambda p: p.id)
def test_who_may_not_read_cases_gets_published_periods_and_no_more_of_alerts_than_their_state(
    web: StoredWeb, person: Person
) -> None:
    page = week(web, person)
    assert "Newest published count: 0-7 cases of dune fever in 31 days (1 May to 31 May 2250)." in page
    assert "9 cases" not in page
    assert "share" not in page.lower().split("how it was found")[0]
    alert = web.house.alerts()[0]
    assert (alert.id in page) == (person is VIEWER), "an alert is told to whom may know of alerts"
    assert ("Clinic alpha" in page) == (person is OPERATOR), "partners are told to whom may know of partners"
    told = web.get(f"/api/reports/weekly?week={WEEK}&scope=north", person).json()
    assert {(one["sentence"], *one["changes"]) for one in told["alerts"] or ()} <= {("",)}


def test_a_week_before_any_published_period_says_so(web: StoredWeb) -> None:
    assert "No period up to this week has been published." in week(web, VIEWER, "week=2249-W02&scope=north")


def test_a_week_of_another_scope_is_like_none(web: StoredWeb) -> None:
    assert web.get("/reports/weekly?scope=north", SOUTH).status_code == 404
    assert web.get("/reports/weekly?scope=elsewhere", LEAD).status_code == 404
    assert web.get("/reports/weekly", NOBODY).status_code == 403
    alert = web.house.alerts()[0]
    for form in ("report", "report.pdf"):
        assert web.get(f"/alerts/{alert.id}/{form}", SOUTH).status_code == 404
        assert web.get(f"/alerts/{alert.id}/{form}", VIEWER).status_code == 403
        assert web.get(f"/alerts/none/{form}", LEAD).status_code == 404


NAMES = ("use_case", "scope", "week")
VALUES = st.one_of(
    st.text(max_size=70), st.sampled_from(["dune-fever", "north", WEEK, "1900-W01", "2999-W52"])
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3))
def test_no_parameter_breaks_a_weekly_report(web: StoredWeb, query: dict[str, str]) -> None:
    for path in ("/reports/weekly", "/api/reports/weekly"):
        for person in (LEAD, VIEWER):
            answer = web.ask("GET", path, person, params=query)
            assert answer.status_code in (200, 404, 422), query


def test_the_weekly_report_as_json_says_what_the_page_says(web: StoredWeb) -> None:
    for person in (LEAD, VIEWER):
        report = web.get(f"/api/reports/weekly?week={WEEK}&scope=north", person).json()
        assert report["sentence"] in week(web, person)
        assert report["full"] is (person is LEAD)


@pytest.mark.parametrize(
    "text", ["", "2250-W60", "2249-W53", "1899-W01", "2250-W5", "now", "0000-W01", "\x00"]
)
def test_a_week_that_is_none_is_named(web: StoredWeb, text: str) -> None:
    answer = web.ask("GET", "/reports/weekly", LEAD, params={"week": text})
    assert answer.status_code == (200 if text == "" else 422)


def test_a_report_holds_no_harmful_word_whatever_people_wrote(web: StoredWeb) -> None:
    alert = web.house.alerts()[0]
    why = Decision("lead@example.org", web.house.now - timedelta(days=8), "the campaign was successful")
    Desk(web.house.configuration, web.house.store, AUDIT_KEY).move(alert.id, Act.ACKNOWLEDGE, why)
    for page in (week(web), text_of(web.get(f"/alerts/{alert.id}/report").text)):
        assert harmful_words(page) == ()
        assert REDACTED in page


def test_reports_are_in_the_audit_chain(web: StoredWeb) -> None:
    before = len(web.audited())
    week(web, ANALYST)
    alert = web.house.alerts()[0]
    web.get(f"/alerts/{alert.id}/report", NORTH)
    weekly, one = web.audited()[before:]
    assert (weekly.by, weekly.subject) == (ANALYST.id, "weekly-report/dune-fever")
    assert weekly.facts == {"form": "report", "scope": "north", "week": WEEK, "full": True}
    assert (one.by, one.subject, one.facts["form"]) == (NORTH.id, f"alert/{alert.id}", "report")


def test_the_report_of_an_alert_holds_evidence_limits_pictures_and_what_is_not_known() -> None:
    answer = client(a_full_day()).get("/alerts/c3f1a9d2/report")
    page = text_of(answer.text)
    for said in (
        "8 invented deaths among residents of Liverpool 045A",
        "May be chance: chance alone gives one this strong about once in 500 days.",
        "No expected count: it says what the cases share, not that there are too many.",
        "How many cases of the last 13 days are still to be reported",
        "Invented coroner is silent",
        "Kulldorff and others 2005",
        "Leads and analysts of this scope",
        SUPPORT[0],
    ):
        assert said in page, said
    assert answer.text.count("<svg") >= 3
    assert "RX-410" not in page, "records are not listed on paper"
    assert "x1y2" not in answer.text
    assert harmful_words(page) == ()


def test_a_report_for_print_loads_nothing_from_anywhere() -> None:
    page = on_its_own(client(one_alert()).get("/alerts/alert-1/report").text)
    assert "default-src 'none'" in page.split("<title>")[0]
    assert "@page" in page
    assert "<link" not in page
    assert "<script" not in page


def test_without_chromium_a_page_says_what_to_do() -> None:
    answer = client(one_alert(), printer=None).get("/alerts/alert-1/report.pdf")
    assert answer.status_code == 501
    assert "No PDF on this machine" in answer.text
    assert find_printer("/no/such/chromium") is None


def write_program(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_chromium_that_hangs_is_ended_with_all_that_it_began(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    hanging = write_program(tmp_path / "hanging", f"sleep 600 & echo $! > {pid_file}; wait")
    began = time.monotonic()
    with pytest.raises(NotPrinted, match="longer than 1 s"):
        Printer(hanging, timeout_seconds=1.0).pdf("<html><head></head></html>")
    assert time.monotonic() - began < 20
    child = int(pid_file.read_text())
    for _ in range(50):
        if not _runs(child):
            break
        time.sleep(0.1)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().split()[2] != "Z"


def test_a_chromium_that_makes_nothing_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(NotPrinted, match="no PDF"):
        Printer(write_program(tmp_path / "idle", "exit 0")).pdf("<html><head></head></html>")
    answer = client(one_alert(), printer=Printer(str(tmp_path / "idle"))).get("/alerts/alert-1/report.pdf")
    assert answer.status_code == 503


@pytest.mark.browser
def test_chromium_prints_the_report_of_an_alert_with_page_numbers() -> None:
    printer = find_printer()
    if printer is None:
        absent("Chromium", "it is not installed (Debian: apt-get install chromium)")
    answer = client(a_full_day(), printer=printer).get("/alerts/c3f1a9d2/report.pdf")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/pdf"
    if kept := os.environ.get("SCREENSHOTS_DIR"):
        (Path(kept) / "alert-report.pdf").write_bytes(answer.content)
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages]
    for number, text in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in text
        assert "FOR THE NAMED READERS ONLY" in text
    assert "8 invented deaths among residents of Liverpool 045A" in " ".join(" ".join(pages).split())
