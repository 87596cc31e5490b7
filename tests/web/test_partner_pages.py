"""A partner's page and API: what became of its messages, and nothing of another partner."""

from pathlib import Path

import pytest
from stored_web import ANALYST, LEAD, OPERATOR, PARTNER, VIEWER, StoredWeb

from small_house import incident, message
from surveillance.access.person import Grant, Person

ALPHA = Person("alpha-program", (Grant.parse("partner:*:*:alpha"),))


@pytest.fixture
def web(tmp_path: Path) -> StoredWeb:
    """Alpha sent four messages, of which two were refused; one of these was corrected."""
    web = StoredWeb.build(tmp_path)
    web.house.ingest(
        message(1, incident("rec-1", days_ago=1, age=40, person=1)),
        message(2, incident("rec-2", sex="m")),
        message(3, incident("rec-3", sex="m", category="Zyxwvut zyx")),
        message(4, incident("rec-2", person=1, days_ago=1)),
        message(5, incident("beta-1", partner="beta"), partner="beta"),
    )
    return web


def test_the_api_tells_what_became_of_everything(web: StoredWeb) -> None:
    page = web.get("/api/partners/alpha", ALPHA).json()
    (kind,) = page["kinds"]
    (month,) = kind["months"]
    assert {name: month[name] for name in ("received", "accepted", "repeated", "refused", "records")} == {
        "received": 4,
        "accepted": 2,
        "repeated": 0,
        "refused": 2,
        "records": 2,
    }
    assert (page["refused"], page["open"]) == (2, 1)
    assert [(r["code"], r["refused"], r["open"]) for r in page["reasons"]] == [("invalid_value", 2, 1)]
    assert {f["field"]: f["share"] for f in kind["fields"]}["age"] == 0.5
    assert kind["silent"] is False
    assert month["on_time"] is True
    assert [(p["record_id"], p["other_record_id"]) for p in page["pairs"]] == [("rec-1", "rec-2")]


def test_a_version_with_two_contents_is_told_until_the_next_version_settles_it(web: StoredWeb) -> None:
    def told() -> list[tuple[str, int]]:
        page = web.get("/api/partners/alpha", ALPHA).json()
        assert page["conflicts_found"] == len(page["conflicts"])
        assert ("One version, several contents" in web.get("/partners/alpha", ALPHA).text) == bool(
            page["conflicts"]
        )
        return [(one["record_id"], one["version"]) for one in page["conflicts"]]

    assert told() == []
    web.house.ingest(
        message(6, incident("rec-9", age=40)),
        message(7, incident("rec-9", age=41)),
        message(8, incident("rec-9", age=41)),
        message(9, incident("beta-9", partner="beta", age=40), partner="beta"),
        message(10, incident("beta-9", partner="beta", age=41), partner="beta"),
    )
    assert told() == [("rec-9", 1)]
    web.house.ingest(message(11, incident("rec-9", age=41, version=2)))
    assert told() == []


def test_refusals_are_told_by_record_and_offset_with_rule_and_fix_and_never_a_value(web: StoredWeb) -> None:
    answer = web.get("/api/partners/alpha/refusals", ALPHA)
    first, second = answer.json()["rows"]
    assert (first["record_id"], first["offset"], first["resolved_at"]) == ("rec-3", 3, None)
    assert {fault["field"] for fault in first["faults"]} == {"sex", "category"}
    assert all(fault["rule"] and fault["fix"] for fault in first["faults"])
    assert (second["record_id"], second["resolved_words"].split(",")[0]) == ("rec-2", "corrected")
    assert "Zyxwvut" not in answer.text
    page = web.get("/partners/alpha/refusals", ALPHA).text
    assert "rec-3" in page
    assert "Zyxwvut" not in page + web.get("/partners/alpha", ALPHA).text


def test_refusals_come_a_page_at_a_time_and_by_reason(web: StoredWeb) -> None:
    one = web.get("/api/partners/alpha/refusals?size=1", ALPHA).json()
    two = web.get(f"/api/partners/alpha/refusals?size=1&before={one['next']}", ALPHA).json()
    assert [row["offset"] for page in (one, two) for row in page["rows"]] == [3, 2]
    assert two["next"] is None
    assert web.get("/api/partners/alpha/refusals?show=open", ALPHA).json()["rows"] == one["rows"]
    assert web.get("/api/partners/alpha/refusals?reason=not_json", ALPHA).json()["rows"] == []
    assert web.get("/api/partners/alpha/refusals?reason=nonsense", ALPHA).status_code == 422


@pytest.mark.parametrize("path", ["/partners/{}", "/partners/{}/refusals", "/api/partners/{}"])
def test_a_partner_sees_itself_and_no_other(web: StoredWeb, path: str) -> None:
    assert web.get(path.format("alpha"), ALPHA).status_code == 200
    other, nobody = web.get(path.format("beta"), ALPHA), web.get(path.format("gamma"), ALPHA)
    assert other.status_code == nobody.status_code == 404
    assert other.content == nobody.content
    for person in (LEAD, ANALYST, OPERATOR):
        assert web.get(path.format("beta"), person).status_code == 200
    for person in (VIEWER, PARTNER):
        assert web.get(path.format("beta"), person).status_code == 403


def test_the_overview_has_the_partners_that_somebody_may_see(web: StoredWeb) -> None:
    assert [row["partner"] for row in web.get("/api/partners", ALPHA).json()["rows"]] == ["alpha"]
    assert "Clinic beta" not in web.get("/partners", ALPHA).text
    rows = web.get("/api/partners", LEAD).json()["rows"]
    assert {(row["partner"], row["received"], row["refused"], row["open"]) for row in rows} == {
        ("alpha", 4, 2, 1),
        ("beta", 1, 0, 0),
    }


def test_a_partner_that_never_sent_anything_has_a_page(tmp_path: Path) -> None:
    page = StoredWeb.build(tmp_path).get("/partners/alpha", ALPHA).text
    assert "Silent" in page
    assert "every message was accepted" in page


def test_a_partner_finds_its_pages_from_the_first_page_that_it_is_led_to(web: StoredWeb) -> None:
    first = web.get("/", ALPHA)
    assert first.status_code == 303
    answer = web.get(first.headers["location"], ALPHA)
    assert answer.status_code == 200
    assert 'href="/partners"' in answer.text
    assert 'href="/contract"' in answer.text
    assert 'href="/accounts"' not in answer.text


def test_who_looked_is_recorded(web: StoredWeb) -> None:
    web.get("/partners/alpha", ALPHA)
    web.get("/partners/alpha/refusals?show=open", ALPHA)
    assert [(e.by, e.act, e.subject) for e in web.audited()] == [
        ("alpha-program", "viewed", "partner/alpha")
    ] * 2
