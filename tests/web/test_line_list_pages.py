"""The line list: who sees which rows and columns of it, page by page, and what leaves the service."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stored_web import ANALYST, AUDIT_KEY, LEAD, NORTH, SOUTH, WITHOUT_CASES, StoredWeb

from small_house import TODAY, incident
from surveillance.access.person import Person
from surveillance.releasing import release_history
from surveillance.web import export
from surveillance.web.asked import AGES
from surveillance.web.export import unspoilt

SCHOOL = "school-77"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoredWeb]:
    """Linked cases in the north that are an alert, one twice reported, others revised; some in the south."""
    made = StoredWeb.build(tmp_path_factory.mktemp("cases"))
    made.house.report(
        incident("n-old", days_ago=70, area="n2", age=80, sex="male"),
        incident("n-a", days_ago=9, school=SCHOOL, person=1, age=16, sex="female"),
        incident("n-b", days_ago=7, school=SCHOOL, person=2, age=17, sex="female", area="n2"),
        incident("n-gone", days_ago=5, area="n3"),
        incident("n-nowhere", days_ago=4, residence_area={"missing": "unknown"}),
        incident("s-a", days_ago=3, area="s1", age=50),
        incident("s-gone", days_ago=3, area="s2"),
    )
    made.house.report(incident("n-a-again", days_ago=9, person=1, age=16, partner="beta"), partner="beta")
    made.house.now += timedelta(hours=1)
    for gone in ("n-gone", "s-gone"):
        area = "n3" if gone.startswith("n") else "s2"
        made.house.report(
            incident(gone, days_ago=5, area=area, version=2, action="withdrawn", status="withdrawn")
        )
    made.house.evaluate()
    yield made
    made.house.store.close()


def rows(web: StoredWeb, query: str = "", person: Person = LEAD) -> list[str]:
    answer = web.get(f"/api/cases?{query}", person)
    assert answer.status_code == 200, answer.text
    return [row["record_id"] for row in answer.json()["rows"]]


def test_the_line_list_shows_cases_as_known_now_the_newest_first(web: StoredWeb) -> None:
    assert rows(web) == ["s-a", "n-b", "n-a-again", "n-a", "n-old"]
    assert rows(web, "sort=day") == ["n-old", "n-a", "n-a-again", "n-b", "s-a"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("scope=south", ["s-a"]),
        ("area=n2", ["n-b", "n-old"]),
        ("area=north", ["n-b", "n-a-again", "n-a", "n-old"]),
        ("area=crater+S1", ["s-a"]),
        ("ages=15-24", ["n-b", "n-a-again", "n-a"]),
        ("ages=75%2B", ["n-old"]),
        ("sex=female", ["n-b", "n-a"]),
        ("sex=unknown", ["s-a", "n-a-again"]),
        ("partner=beta", ["n-a-again"]),
        ("in_alert=yes", ["n-b", "n-a-again", "n-a"]),
        ("in_alert=no", ["s-a", "n-old"]),
        (f"first={date(2250, 6, 22)}&last={date(2250, 6, 25)}", ["n-b"]),
        ("reason=withdrawn", ["s-gone", "n-gone"]),
        ("reason=no_area", ["n-nowhere"]),
        ("reason=merged", []),
        ("place=incident&area=n1", ["n-nowhere", "n-a-again", "n-a"]),
    ],
)
def test_a_filter_leaves_what_meets_it(web: StoredWeb, query: str, found: list[str]) -> None:
    assert rows(web, query) == found


def test_reasons_for_which_records_do_not_count_are_shown_with_their_counts(web: StoredWeb) -> None:
    reasons = web.get("/api/cases").json()["reasons"]
    assert [(r["reason"], r["records"]) for r in reasons] == [("no_area", 1), ("withdrawn", 2)]
    assert "Withdrawn by the partner" in web.get("/cases").text


def test_a_row_tells_links_by_kind_its_alerts_and_what_may_be_the_same(web: StoredWeb) -> None:
    row = next(r for r in web.get("/api/cases").json()["rows"] if r["record_id"] == "n-a")
    assert row["links"] == {"school": 1}
    assert row["shared"] == [f"school:{SCHOOL}"]
    (alert,) = web.house.alerts()
    assert [a["id"] for a in row["alerts"]] == [alert.id]
    assert [d["record"] for d in row["duplicates"]] == ["beta/incident/n-a-again"]
    assert row["places"] == {"incident": "Crater n1", "residence": "Crater n1"}
    assert row["ages"] == "15-24"
    assert row["delay_days"] == pytest.approx(9.8, abs=0.1)


def test_no_page_shows_a_pseudonymous_key_of_a_person(web: StoredWeb) -> None:
    for path in ("/cases", "/api/cases", "/cases/alpha/incident/n-a", "/api/cases/alpha/incident/n-a"):
        text = web.get(path).text
        assert "1a1a1a" not in text, path
        assert "invented:k1" not in text, path


@pytest.mark.parametrize("person", WITHOUT_CASES, ids=lambda p: p.id)
def test_who_may_not_read_cases_gets_nothing_of_the_line_list(web: StoredWeb, person: Person) -> None:
    paths = ("/cases", "/api/cases", "/cases/alpha/incident/n-a", "/api/cases/alpha/incident/n-a")
    for path in paths:
        answer = web.get(path, person)
        assert answer.status_code == 403, path
        assert "n-a" not in answer.text
    form = {"what": "line-list", "purpose": "to see what comes"}
    assert web.post("/cases/export", form, person).status_code == 403


def test_a_lead_sees_their_own_scope_only_whatever_they_guess(web: StoredWeb) -> None:
    assert rows(web, person=NORTH) == ["n-b", "n-a-again", "n-a", "n-old"]
    assert rows(web, "reason=withdrawn", NORTH) == ["n-gone"]
    assert rows(web, "reason=withdrawn", SOUTH) == ["s-gone"]
    assert rows(web, "reason=no_area", NORTH) == [], "it may be of either scope"
    assert web.get("/cases?scope=south", NORTH).status_code == 404
    assert web.get("/cases?use_case=other", NORTH).status_code == 404
    assert web.get("/api/cases?area=s1", NORTH).status_code == 422
    for path in ("s-a", "s-gone", "no-such-record", "%00"):
        assert web.get(f"/cases/alpha/incident/{path}", NORTH).status_code == 404, path
        assert web.get(f"/api/cases/alpha/incident/{path}", NORTH).status_code == 404, path
    assert web.get("/cases/alpha/incident/n-gone", NORTH).status_code == 200


def test_a_record_tells_what_each_version_changed(web: StoredWeb) -> None:
    page = web.get("/api/cases/alpha/incident/n-gone").json()
    assert [v["version"] for v in page["versions"]] == [2, 1]
    changed = {c["field"]: (c["before"], c["after"]) for c in page["versions"][0]["changes"]}
    assert changed == {"Action": ("reported", "withdrawn"), "Status": ("suspected", "withdrawn")}
    assert [(c["place"], c["counts"]) for c in page["counts"]] == [("incident", False), ("residence", False)]
    assert "Erase this record" in web.get("/cases/alpha/incident/n-gone").text
    assert "Erase this record" not in web.get("/cases/alpha/incident/n-gone", ANALYST).text


def test_a_place_outside_the_scope_is_not_named(tmp_path: Path) -> None:
    web = StoredWeb.build(tmp_path)
    web.house.report(incident("across", area="n1", incident_area={"code": "s3"}))
    (row,) = web.get("/api/cases", NORTH).json()["rows"]
    assert row["places"] == {"incident": "outside your scope", "residence": "Crater n1"}
    for path in ("/cases/alpha/incident/across", "/api/cases/alpha/incident/across"):
        assert "s3" not in web.get(path, NORTH).text
        assert "s3" in web.get(path, LEAD).text


def test_every_view_and_export_is_in_the_audit_chain_with_its_filter(web: StoredWeb) -> None:
    before = len(web.audited())
    web.get("/cases?ages=15-24&sex=female", NORTH)
    web.get("/api/cases/alpha/incident/n-a", NORTH)
    web.post("/cases/export", {"what": "line-list", "purpose": "review of the week", "sex": "female"}, NORTH)
    listed, record, taken = web.audited()[before:]
    assert (listed.by, listed.act, listed.subject) == (NORTH.id, "viewed", "line-list/dune-fever")
    assert listed.facts["filter"] == {
        "ages": "15-24", "sex": "female", "use_case": "dune-fever", "scope": "north", "place": "residence",
    }  # fmt: skip
    assert record.subject == "record/alpha/incident/n-a"
    assert (taken.act, taken.facts["purpose"]) == ("exported", "review of the week")
    assert taken.facts["filter"]["sex"] == "female"


def test_pages_hold_every_row_once_in_both_orders(tmp_path: Path) -> None:
    web = StoredWeb.build(tmp_path)
    web.house.report(*(incident(f"r-{i:03}", days_ago=i % 7, area="n1") for i in range(120)))
    web.house.now += timedelta(hours=1)
    web.house.report(
        *(
            incident(f"r-{i:03}", days_ago=i % 7, version=2, action="withdrawn", status="withdrawn")
            for i in range(60)
        )
    )
    for query in ("sort=day", "sort=-day", "sort=received", "sort=-received", "reason=withdrawn"):
        seen: list[str] = []
        following: str | None = ""
        while following is not None:
            page = web.ask("GET", "/api/cases", LEAD, params=f"{query}&after={following}").json()
            seen += [row["record_id"] for row in page["rows"]]
            following = page["next"]
        assert len(seen) == 60, query
        assert len(set(seen)) == 60, query


def test_the_line_list_needs_a_purpose_to_leave(web: StoredWeb) -> None:
    for purpose in ("", "   ", "short"):
        answer = web.post("/cases/export", {"what": "line-list", "purpose": purpose})
        assert answer.status_code == 422
        assert "purpose" in answer.text
    assert web.post("/cases/export", {"what": "line-list"}).status_code == 422


def exported(web: StoredWeb, person: Person = LEAD, **form: Any) -> tuple[str, list[list[str]]]:
    answer = web.post("/cases/export", {"purpose": "review of the week", **form}, person)
    assert answer.status_code == 200, answer.text
    name = answer.headers["Content-Disposition"]
    if form.get("format") == "xlsx":
        sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
        return name, [[str(cell.value or "") for cell in row] for row in sheet]
    return name, list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_the_exported_line_list_is_that_of_the_filter_and_its_name_says_no_place(
    web: StoredWeb, form: str
) -> None:
    name, table = exported(web, NORTH, what="line-list", format=form, area="n2")
    assert [row[0] for row in table] == [
        "Record and version", "alpha/incident/n-old", "alpha/incident/n-b",
    ]  # fmt: skip
    assert re.search(r'"line-list-\d{8}T\d{6}Z\.' + form, name)
    assert all(len(row) == len(table[0]) for row in table)


def test_a_long_line_list_leaves_in_pieces_and_whole(web: StoredWeb, monkeypatch: pytest.MonkeyPatch) -> None:
    _, whole = exported(web, what="line-list")
    monkeypatch.setattr(export, "_LINES", 2)
    monkeypatch.setattr(export, "_BYTES", 10)
    assert exported(web, what="line-list")[1] == whole
    assert len(whole) == 6


def test_counts_leave_as_they_are_published(tmp_path: Path) -> None:
    web = StoredWeb.build(tmp_path, publication={"period": "month", "block_periods": 2, "delay_days": 7})
    many = [incident(f"m-{i}", days_ago=80, person=i + 1, area="n1", sex="male") for i in range(8)]
    web.house.report(*many, incident("s-1", days_ago=80, area="s1"))
    store, configuration = web.house.store, web.house.configuration
    release_history(store, configuration, date(2250, 3, 1), web.house.now, AUDIT_KEY)
    _, table = exported(web, NORTH, what="counts", scope="north", first="2250-03-01", last="2250-04-30")
    assert table == [
        ["Scope", "Table", "Cell", "First day", "Last day", "Count"],
        ["north", "all", "", "2250-03-01", "2250-03-31", "0-7"],
        ["north", "all", "", "2250-04-01", "2250-04-30", "10"],
        *(
            ["north", name, "", "2250-03-01", "2250-04-30", "withheld"]
            for name in ("area", "age", "sex")
        ),
    ]  # fmt: skip
    _, inside = exported(web, NORTH, what="counts", first="2250-03-15", last="2250-04-30")
    assert inside[1:] == [table[2]], "a period that lies partly outside is left out"
    assert {row[0] for row in exported(web, what="counts")[1][1:]} == {"north", "south"}
    assert web.post("/cases/export", {"what": "counts", "scope": "south"}, NORTH).status_code == 404


@pytest.mark.parametrize(
    ("name", "value"),
    [("area", "n1"), ("ages", "15-24"), ("sex", "male"), ("place", "incident"), ("partner", "beta"),
     ("in_alert", "yes"), ("reason", "withdrawn")],
)  # fmt: skip
def test_no_count_leaves_by_a_filter_of_somebodys_choice(web: StoredWeb, name: str, value: str) -> None:
    answer = web.post("/cases/export", {"what": "counts", name: value})
    assert (answer.status_code, f"<strong>{name.replace('_', ' ')}</strong>" in answer.text) == (422, True)


@given(st.text(max_size=30))
def test_no_cell_begins_like_a_formula(text: str) -> None:
    assert not unspoilt(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unspoilt(text).removeprefix("'") == text.removeprefix("'")


NAMES = (
    *("use_case", "scope", "place", "first", "last", "area", "ages", "sex", "partner", "in_alert", "reason"),
    *("sort", "after", "what"),
)
VALUES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["dune-fever", "north", "residence", "2250-06-30", "n1", "yes", "withdrawn", "-received",
                     "day", "2250-06-30~3", "2250-06-30T00:00:00Z~99", "9" * 40 + "~1", "0~" + "9" * 18,
                     "0001-01-01", "9999-12-31", "2250-06-30T00:00:00~1", "-1", "1e999", *AGES]),
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6))
def test_no_parameter_breaks_a_page(web: StoredWeb, query: dict[str, str]) -> None:
    for path in ("/cases", "/api/cases"):
        answer = web.ask("GET", path, LEAD, params=query)
        assert answer.status_code in (200, 404, 422), (query, answer.status_code)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from([*NAMES, "format", "purpose"]), VALUES, max_size=6))
def test_no_form_breaks_an_export(web: StoredWeb, form: dict[str, str]) -> None:
    answer = web.post("/cases/export", form)
    assert answer.status_code in (200, 404, 422), form


def test_a_bad_parameter_is_named_with_what_to_do_and_never_repeated(web: StoredWeb) -> None:
    for path in ("/cases", "/api/cases"):
        answer = web.get(f"{path}?first=yesterday-or-so")
        assert answer.status_code == 422
        assert "first" in answer.text
        assert "yesterday-or-so" not in answer.text
    (fault,) = web.get(f"/api/cases?first={TODAY}&last=2000-01-01").json()["faults"]
    assert fault == {"field": "last", "problem": "The last day lies before the first: exchange them"}
