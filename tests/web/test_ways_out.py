"""What leaves the service, or is shown without small numbers, says nothing that is not in a release.

Two ways out beside the overview: the export of counts, and the weekly report of who may not read cases. The
releases themselves are attacked in tests/disclosure.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stored_web import ANALYST, AUDIT_KEY, LEAD, PARTNER, VIEWER, StoredWeb

from small_house import USE_CASE, incident
from surveillance.disclosure.protection import in_words
from surveillance.releasing import release_history
from surveillance.store import releases

SCOPES = ("north", "south")
WEEKS = ("week=2250-W26", "week=2250-W18")  # one that still grows, and one of a published period


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoredWeb]:
    """Months with tables published and withheld, small periods and large; and a live alert."""
    publication = {"period": "month", "block_periods": 1, "delay_days": 7}
    made = StoredWeb.build(tmp_path_factory.mktemp("ways-out"), publication=publication)
    counts = {"n1": 9, "n2": 10, "n3": 8, "n4": 12, "s1": 3}
    made.house.report(
        *(
            incident(f"{area}-{i}", days_ago=70, area=area, sex=("female", "male")[i % 2], age=40)
            for area, number in counts.items()
            for i in range(number)
        ),
        *(incident(f"tied-{i}", days_ago=9, area="n1", school="school-77") for i in range(3)),
    )
    made.house.evaluate()
    release_history(made.house.store, made.house.configuration, date(2250, 1, 1), made.house.now, AUDIT_KEY)
    yield made
    made.house.store.close()


def ways_out(web: StoredWeb) -> dict[str, str]:
    """Everything that both ways show to anybody who may use them."""
    forms: list[dict[str, Any]] = [{}, {"scope": "north", "first": "2250-03-15", "last": "2250-05-02"}]
    shown = {str(form): web.post("/cases/export", {"what": "counts", **form}, ANALYST) for form in forms}
    for week in WEEKS:
        shown[f"page {week}"] = web.get(f"/reports/weekly?scope=north&{week}", VIEWER)
        shown[f"json {week}"] = web.get(f"/api/reports/weekly?scope=north&{week}", PARTNER)
    assert {answer.status_code for answer in shown.values()} == {200}
    return {asked: answer.text for asked, answer in shown.items()}


def test_every_count_that_leaves_is_the_one_that_was_published(web: StoredWeb) -> None:
    found = set()
    with web.house.store.reading() as tx:
        for scope in SCOPES:
            for one in releases.published(tx, USE_CASE, scope):
                found.add((scope, "all", "", one.first_day, one.last_day, in_words(one.cases)))
            for block in releases.published_blocks(tx, USE_CASE, scope):
                for name, cells in block.tables.items():
                    for cell, cases in (cells or {"": "withheld"}).items():
                        said = cases if isinstance(cases, str) else in_words(cases)
                        found.add((scope, name, cell, block.first_day, block.last_day, said))
    lines = web.post("/cases/export", {"what": "counts"}).text.lstrip("\ufeff").splitlines()[1:]
    assert sorted(lines) == sorted(",".join(map(str, row)) for row in found)
    assert {"0-7", "withheld", "40", "10"} <= {line.rsplit(",", 1)[1] for line in lines}


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["n1", "n2", "s1", "s4"]),
            st.integers(0, 120),
            st.sampled_from(["female", "male"]),
            st.integers(10, 90),
        ),
        min_size=1,
        max_size=9,
    ),
    st.integers(0, 2**40),
)
def test_no_case_that_comes_after_a_release_changes_what_they_show(
    web: StoredWeb, late: list[tuple[str, int, str, int]], name: int
) -> None:
    """Whatever the line list holds beside the releases, both ways show the same: so no set of views, filters
    and successive looks tells more of it than the releases do."""
    before = ways_out(web)
    payloads = [
        incident(f"late-{name}-{i}", days_ago=days, area=area, sex=sex, age=age)
        for i, (area, days, sex, age) in enumerate(late)
    ]
    web.house.report(*payloads)
    assert ways_out(web) == before


def test_the_line_list_itself_did_change(web: StoredWeb) -> None:
    before = web.get("/api/reports/weekly?scope=north&week=2250-W25", LEAD).json()["sentence"]
    web.house.now += timedelta(seconds=1)
    web.house.report(incident("one-more", days_ago=9, area="n1"))
    assert web.get("/api/reports/weekly?scope=north&week=2250-W25", LEAD).json()["sentence"] != before
