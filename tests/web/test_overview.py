"""The overview: right numbers for who may see cases, published ones for everybody else, and no more."""

import asyncio
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from overview_cases import store_cases
from surveillance.access.person import Grant, Person
from surveillance.access.role import Role
from surveillance.configuration import load_configuration
from surveillance.deciding import Desk
from surveillance.disclosure.protection import LEAST_SHOWN
from surveillance.releasing import release_history
from surveillance.store import audit, releases
from surveillance.store.database import Store
from surveillance.use_case.wording import harmful_words
from surveillance.web.app import make_web
from surveillance.web.house import OpenDoor
from surveillance.web.overview.published import published_rows
from surveillance.web.reading import Reading

NOW = datetime(2026, 3, 10, 14, 5, tzinfo=UTC)
TODAY = date(2026, 3, 10)
KEY = b"a key of thirty-two bytes or more"
CONFIGURATION = load_configuration(Path("config"))
DEATHS, ADMISSIONS, SCOPE = "suspected-suicide", "self-harm-admissions", "cheshire-merseyside"
TWO_YEARS = {"first": "2024-01-01", "last": "2025-12-31"}
LEAD = Person("lead@example.org", (Grant(Role.LEAD),))
VIEWER = Person("viewer@example.org", (Grant(Role.VIEWER),))
BELOW = [Person(f"{role}@example.org", (Grant(role),)) for role in (Role.VIEWER, Role.PARTNER, Role.OPERATOR)]


@dataclass
class Pages:
    """Asks the pages over one store as somebody."""

    store: Store
    apps: dict[str, FastAPI] = field(default_factory=dict)

    def ask(self, person: Person, path: str, **asked: str) -> httpx.Response:
        if person.id not in self.apps:
            desk = Desk(CONFIGURATION, self.store)
            reading = Reading(CONFIGURATION, self.store)
            self.apps[person.id] = make_web(
                reading, desk, door=OpenDoor(person), now=lambda: NOW, audit_key=KEY
            )
        return asyncio.run(self._ask(self.apps[person.id], f"{path}?{urlencode(asked)}"))

    async def _ask(self, app: FastAPI, path: str) -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as asking:
            return await asking.get(path)

    def values(self, person: Person, **asked: str) -> Any:
        response = self.ask(person, "/api/overview", **asked)
        assert response.status_code == 200
        return response.json()


@pytest.fixture(scope="module")
def pages(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """Two years of deaths and of admissions, published up to now; then 40 more in one area, all late."""
    path = tmp_path_factory.mktemp("overview") / "house.db"
    shutil.copyfile(sqlite_template, path)
    store = Store.open(f"sqlite:///{path}")
    store_cases(store, CONFIGURATION, DEATHS, TODAY, days=799, number=690)
    store_cases(store, CONFIGURATION, ADMISSIONS, TODAY, days=799, number=6_000, seed=2)
    release_history(store, CONFIGURATION, date(2024, 1, 1), NOW, KEY)
    yield Pages(store)
    store.close()


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<script.*?</script>|<[^>]*>", " ", html, flags=re.DOTALL))


# --- live ------------------------------------------------------------------------------------------------


def test_a_lead_sees_every_person_once_over_any_days(pages: Pages) -> None:
    found = pages.values(LEAD, use_case=DEATHS, first="2024-01-02", last="2026-03-10")
    assert found["total"] == [690, 690]
    assert sum(period["cases"][0] for period in found["time_line"]) == 690
    assert sum(area["cases"][0] for area in found["areas"]) == 690


@pytest.mark.parametrize("level", ["icb", "sub_icb", "lad", "msoa", "area"])
def test_every_level_counts_the_same_cases(pages: Pages, level: str) -> None:
    found = pages.values(LEAD, use_case=DEATHS, level=level, **TWO_YEARS)
    assert sum(area["cases"][0] for area in found["areas"]) == found["total"][0]
    assert sum(area["expected"] for area in found["areas"]) == pytest.approx(found["total"][0])


def test_strata_add_up(pages: Pages) -> None:
    everybody = pages.values(LEAD, use_case=DEATHS, **TWO_YEARS)["total"][0]
    sexes = [pages.values(LEAD, use_case=DEATHS, stratum=f"sex:{s}", **TWO_YEARS) for s in ("female", "male")]
    assert sum(found["total"][0] for found in sexes) == everybody
    bands = ("0-15", "16-59", "60-plus")
    ages = [pages.values(LEAD, use_case=DEATHS, stratum=f"age:{b}", **TWO_YEARS) for b in bands]
    assert sum(found["total"][0] for found in ages) == everybody
    assert all(area["rate"] is None for area in sexes[0]["areas"]), "the file has no population by sex"


def test_one_day_and_one_month_are_spans_too(pages: Pages) -> None:
    day = pages.values(LEAD, use_case=ADMISSIONS, first="2025-05-05", last="2025-05-05")
    assert [p["first"] for p in day["time_line"]] == ["2025-05-05"]
    month = pages.values(LEAD, use_case=ADMISSIONS, first="2025-05-01", last="2025-05-31")
    assert month["step"] == "day"
    assert len(month["time_line"]) == 31


def test_rates_are_cases_per_100_000_people_and_year(pages: Pages) -> None:
    found = pages.values(LEAD, use_case=DEATHS, level="icb", **TWO_YEARS)
    (board,) = found["areas"]
    people_years = CONFIGURATION.regions[SCOPE].inside.population.sum() * 731 / 365.25  # type: ignore[union-attr]
    assert board["rate"][0] == pytest.approx(board["cases"][0] / people_years * 100_000)
    assert board["rate"][1] < board["rate"][0] < board["rate"][2]


def test_the_last_days_are_marked_as_incomplete(pages: Pages) -> None:
    found = pages.values(LEAD, use_case=DEATHS)
    assert "2026-02-20" < found["incomplete_from"] <= "2026-03-10"
    assert "still incomplete" in pages.ask(LEAD, "/overview", use_case=DEATHS).text


def test_one_area_is_set_beside_similar_ones(pages: Pages) -> None:
    text = text_of(pages.ask(LEAD, "/overview", use_case=DEATHS, unit="E08000012", **TWO_YEARS).text)
    assert "Liverpool beside similar areas" in text
    assert "deprivation fifth 2 of 5 (1 is the most deprived), mostly urban. 3 other areas" in text


def test_deprivation_and_rurality_group_the_smallest_areas(pages: Pages) -> None:
    found = pages.values(LEAD, use_case=DEATHS, level="area", **TWO_YEARS)
    assert [g["areas"] for g in found["groups"]["Urban or rural"]] == [1452, 110]
    assert [g["areas"] for g in found["groups"]["Deprivation"]] == [545, 247, 226, 272, 272]


def test_a_scope_without_population_or_boundaries_has_counts_all_the_same(pages: Pages) -> None:
    response = pages.ask(LEAD, "/overview", use_case="fever-visits")
    assert response.status_code == 200
    assert "Funnel plot" not in response.text
    found = pages.values(LEAD, use_case="fever-visits")
    assert {area["standing"] for area in found["areas"]} == {"unknown"}


def test_who_saw_live_numbers_stands_in_the_audit_chain(pages: Pages) -> None:
    subject = f"overview/{DEATHS}/{SCOPE}"
    with pages.store.reading() as tx:
        before = len(audit.of_subject(tx, subject))
    pages.ask(VIEWER, "/overview", use_case=DEATHS)
    pages.ask(LEAD, "/overview", use_case=DEATHS, numbers="published")
    pages.ask(LEAD, "/overview", use_case=DEATHS, level="msoa")
    with pages.store.reading() as tx:
        entries = audit.of_subject(tx, subject)
        audit.verify(tx, KEY)
    assert [(e.by, e.act, e.facts["level"]) for e in entries[before:]] == [(LEAD.id, "viewed", "msoa")]


# --- published -------------------------------------------------------------------------------------------

QUESTIONS = st.fixed_dictionaries(
    {
        "use_case": st.sampled_from([DEATHS, ADMISSIONS]),
        "level": st.sampled_from(["icb", "sub_icb", "lad", "msoa", "area"]),
        "stratum": st.sampled_from(["all", "sex:female", "sex:male", "age:0-15", "age:16-59", "age:60-plus"]),
        "first": st.dates(date(2023, 10, 1), date(2026, 3, 10)).map(str),
        "days": st.integers(1, 1000),
        "unit": st.sampled_from(["", "E08000012", "E02001332", "E01006412"]),
    }
)


def span(asked: dict[str, Any]) -> dict[str, str]:
    last = date.fromisoformat(asked["first"]).toordinal() + asked["days"]
    chosen = {key: str(value) for key, value in asked.items() if key != "days"}
    return chosen | {"last": str(date.fromordinal(last))}


@settings(max_examples=60, deadline=None)
@given(asked=QUESTIONS)
def test_no_published_number_can_be_small_or_exact(pages: Pages, asked: dict[str, Any]) -> None:
    found = pages.values(VIEWER, **span(asked))
    counts = [period["cases"] for period in (*found["time_line"], *found["time_line_of_unit"])]
    counts += [area["cases"] for area in found["areas"]]
    for low, high in counts:
        assert (low, high) == (0, LEAST_SHOWN - 1) or (low >= LEAST_SHOWN and high - low >= 4)
    low, high = found["total"]
    assert (low, high) == (0, 0) if not found["time_line"] else high - low >= 4


@settings(max_examples=40, deadline=None)
@given(asked=st.lists(QUESTIONS, min_size=1, max_size=4), area=st.integers(0, 1561), number=st.integers(1, 9))
def test_no_published_answer_depends_on_what_came_after_its_release(
    pages: Pages, asked: list[dict[str, Any]], area: int, number: int
) -> None:
    """Cases that arrive late anywhere, in any number, change no answer to anybody below: so nothing comes
    back by subtracting one day's answers from another's."""
    questions = [span(one) for one in asked]
    before = [pages.ask(VIEWER, "/api/overview", **one).text for one in questions]
    _add_late(pages, area, number)
    assert [pages.ask(VIEWER, "/api/overview", **one).text for one in questions] == before


def _add_late(pages: Pages, area: int, number: int) -> None:
    code = CONFIGURATION.regions[SCOPE].inside.codes[area]
    store_cases(pages.store, CONFIGURATION, ADMISSIONS, TODAY, days=799, number=number, seed=area, area=code)


@pytest.mark.parametrize("person", BELOW, ids=lambda p: p.id)
def test_nobody_below_sees_live_numbers(pages: Pages, person: Person) -> None:
    for path in ("/overview", "/api/overview", "/api/overview/areas.geojson"):
        assert pages.ask(person, path, use_case=DEATHS, numbers="live").status_code == 403
        assert pages.ask(person, path, use_case=DEATHS).status_code == 200
    assert pages.values(person, use_case=DEATHS)["question"]["numbers"] == "published"
    assert "Published numbers." in pages.ask(person, "/overview", use_case=DEATHS).text


def test_a_lead_may_look_at_what_others_see(pages: Pages) -> None:
    mine = pages.values(LEAD, use_case=DEATHS, numbers="published", **TWO_YEARS)
    assert mine == pages.values(VIEWER, use_case=DEATHS, **TWO_YEARS)


def test_a_table_with_a_small_cell_is_left_out_whole(pages: Pages) -> None:
    found = pages.values(VIEWER, use_case=DEATHS, level="msoa", **TWO_YEARS)
    assert found["areas"] == []
    assert found["why_no_areas"].startswith("Not published for these days")
    assert pages.values(VIEWER, use_case=DEATHS, level="lad", **TWO_YEARS)["areas"] != []


def test_a_level_that_cuts_across_another_is_not_published(pages: Pages) -> None:
    found = pages.values(VIEWER, use_case=DEATHS, level="sub_icb", **TWO_YEARS)
    assert found["areas"] == []
    assert "cut across" in found["why_no_areas"]


def test_a_second_place_is_not_published(pages: Pages) -> None:
    found = pages.values(VIEWER, use_case=DEATHS, place="incident", **TWO_YEARS)
    assert (found["time_line"], found["areas"]) == ([], [])
    assert "another place would count the same people again" in found["why_no_areas"]


def test_sexes_are_published_for_whole_blocks_of_the_whole_scope(pages: Pages) -> None:
    found = pages.values(VIEWER, use_case=DEATHS, stratum="sex:female", **TWO_YEARS)
    assert [p["first"] for p in found["time_line"]] == ["2024-01-01", "2025-01-01"]
    assert found["areas"] == []


def test_what_may_be_exported_is_what_is_published(pages: Pages) -> None:
    with pages.store.reading() as tx:
        rows = list(published_rows(tx, DEATHS, SCOPE, date(2024, 1, 1), date(2025, 12, 31)))
    assert len([row for row in rows if row.table == "all"]) == 24
    withheld = {(row.table, row.cell) for row in rows if row.cases == "withheld"}
    assert withheld == {("msoa", ""), ("area", "")}
    assert {row.table for row in rows if row.cases != "withheld"} == {"all", "lad", "sex", "age"}
    numbers = [int(row.cases) for row in rows if row.cases not in ("withheld", "0-7")]
    assert all(number >= 10 and number % 5 == 0 for number in numbers)


def test_ages_are_published_because_each_band_had_eight_or_more(pages: Pages) -> None:
    for year in (2024, 2025):
        with pages.store.reading() as tx:
            tally = releases.tally_of(tx, DEATHS, SCOPE, date(year, 1, 1), date(year, 12, 31))
            rows = list(published_rows(tx, DEATHS, SCOPE, date(year, 1, 1), date(year, 12, 31)))
        counted = Counter[str]()
        for cell, cases in tally.items():
            counted[cell.age] += cases
        told = {row.cell: int(row.cases) for row in rows if row.table == "age"}
        assert told.keys() == counted.keys()
        assert min(counted.values()) >= 8
        assert all(told[band] == 5 * round(counted[band] / 5) for band in counted)


# --- who may see what ------------------------------------------------------------------------------------


def test_nothing_is_readable_outside_a_persons_scope(pages: Pages) -> None:
    elsewhere = Person("elsewhere@example.org", (Grant(Role.LEAD, frozenset({"new-york"})),))
    for path in ("/overview", "/api/overview", "/api/overview/areas.geojson"):
        assert pages.ask(elsewhere, path, use_case=DEATHS).status_code == 404
        assert pages.ask(elsewhere, path, scope=SCOPE).status_code == 404
        assert pages.ask(elsewhere, path, use_case="none-such").status_code == 404
    assert pages.ask(elsewhere, f"/api/scopes/{SCOPE}/outlines/lad.geojson").status_code == 404
    page = pages.ask(elsewhere, "/overview")
    assert page.status_code == 200
    assert "Cheshire" not in text_of(page.text).split("Boundaries, population")[0]


def test_a_lead_of_one_use_case_sees_others_as_published(pages: Pages) -> None:
    both = (Grant(Role.LEAD, None, frozenset({DEATHS})), Grant(Role.VIEWER))
    person = Person("one@example.org", both)
    assert pages.values(person, use_case=DEATHS)["question"]["numbers"] == "live"
    assert pages.values(person, use_case=ADMISSIONS)["question"]["numbers"] == "published"
    assert pages.ask(person, "/api/overview", use_case=ADMISSIONS, numbers="live").status_code == 403


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            ["use_case", "scope", "numbers", "place", "level", "stratum", "first", "last", "unit", "part"]
        ),
        st.sampled_from(
            [DEATHS, SCOPE, "live", "residence", "area", "sex:male", "2025-01-01", "9999-12-31", "0001-01-01"]
        )
        | st.text(max_size=12),
    ),
    st.sampled_from(["/overview", "/api/overview", "/api/overview/areas.geojson"]),
)
def test_whatever_is_asked_nothing_breaks(pages: Pages, asked: dict[str, str], path: str) -> None:
    response = pages.ask(LEAD, path, **asked)
    assert response.status_code in (200, 400, 404)


# --- how it is said ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", [LEAD, VIEWER], ids=["live", "published"])
def test_words_are_safe_and_areas_are_not_ranked(pages: Pages, person: Person) -> None:
    html = pages.ask(person, "/overview", use_case=DEATHS, **TWO_YEARS).text
    text = text_of(html)
    assert not harmful_words(text)
    assert not re.search(r"\b(worst|best|top|rank(s|ing)?|hotspot)\b", text, re.IGNORECASE)
    assert "lie outside the 95 % limits by chance alone" in text
    names = re.findall(r'<tr[^>]*><th scope="row">([^<]+)</th><td class="number">', html)
    areas = [name for name in names if not re.match(r"\d", name)]
    assert areas == sorted(areas)


def test_every_picture_has_its_numbers_in_a_table(pages: Pages) -> None:
    html = pages.ask(LEAD, "/overview", use_case=DEATHS, level="lad", **TWO_YEARS).text
    drawing = json.loads(re.search(r'id="drawing">(.*?)</script>', html, re.DOTALL)[1])  # type: ignore[index]
    text = text_of(html)
    for period in drawing["periods"]:
        days, count = period["words"].rsplit(": ", 1)
        assert f"{days} {count}" in text
    for _, standing, name, cases, rate in drawing["units"]:
        row = re.search(rf"{re.escape(name)} {cases} .*? {re.escape(rate)} ", text)
        assert row, name
        assert drawing["standings"][standing].split(" (")[0] in text


def test_a_long_table_comes_in_parts_that_leave_nobody_out(pages: Pages) -> None:
    asked = {"use_case": DEATHS, "level": "area", **TWO_YEARS}
    codes = {area["name"] for area in pages.values(LEAD, **asked)["areas"]}
    shown: list[str] = []
    for part in range(1, 9):
        html = pages.ask(LEAD, "/overview", part=str(part), **asked).text
        shown += re.findall(r'<tr><th scope="row">(\D[^<]+)</th><td class="number">', html)
    assert len(shown) == 1562
    assert set(shown) == codes


def test_the_page_holds_no_script_of_its_own(pages: Pages) -> None:
    html = pages.ask(LEAD, "/overview", use_case=DEATHS).text
    assert not re.search(r"<script(?![^>]*(src=|application/json))", html)
    assert " style=" not in html


def test_areas_are_geojson_with_their_numbers(pages: Pages) -> None:
    found = pages.ask(VIEWER, "/api/overview/areas.geojson", use_case=DEATHS, **TWO_YEARS).json()
    assert found["type"] == "FeatureCollection"
    assert len(found["features"]) == 9
    one = found["features"][0]
    assert one["geometry"]["type"] == "MultiPolygon"
    assert {"code", "name", "cases", "rate", "standing"} <= one["properties"].keys()


def test_outlines_are_closed_lines_around_units(pages: Pages) -> None:
    found = pages.ask(VIEWER, f"/api/scopes/{SCOPE}/outlines/lad.geojson").json()
    assert len(found["features"]) == 9
    for feature in found["features"]:
        assert all(line[0] == line[-1] for line in feature["geometry"]["coordinates"])
    assert pages.ask(VIEWER, f"/api/scopes/{SCOPE}/outlines/none.geojson").status_code == 404
