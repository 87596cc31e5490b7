"""The pages and their API: what they say, what they never say, and what nobody can make them do."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from html.parser import HTMLParser

import httpx
import pytest
from fastapi import FastAPI
from invented import DESK, MERSEYSIDE, NOW, SUPPORT, TIMELINESS, InventedSource, a_full_day, one_alert

from surveillance.access.person import Grant, Person
from surveillance.access.role import Role
from surveillance.detection.silence import Quietness
from surveillance.line_list.duplicates import pair
from surveillance.line_list.record import RecordKey
from surveillance.store.queue import Choice, View
from surveillance.use_case.wording import harmful_words
from surveillance.web.app import make_web
from surveillance.web.headers import HEADERS
from surveillance.web.house import OpenDoor
from surveillance.web.source import Ties

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"
PLAIN = {"owner": "o", "severity": "s", "outcome": "o", "merged_into": "m"}


@dataclass(frozen=True)
class Web:
    """Asks an application without a socket."""

    app: FastAPI

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.request("GET", path, headers)

    def request(self, method: str, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return asyncio.run(self._ask(method, path, headers))

    async def _ask(self, method: str, path: str, headers: dict[str, str] | None) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as asking:
            return await asking.request(method, path, headers=headers)


def client(source: InventedSource, **options: object) -> Web:
    return Web(make_web(source, DESK, now=lambda: NOW, **options))  # type: ignore[arg-type]


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


class _Structure(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))


def structure(html: str) -> list[tuple[str, tuple[str, ...]]]:
    parser = _Structure()
    parser.feed(html)
    return parser.tags


def hostile(source: InventedSource) -> InventedSource:
    """The same source with every text that somebody else chose made hostile."""
    (change,) = source.changes
    counted = [
        replace(
            c,
            case=replace(c.case, key=c.case.key._replace(record_id=c.case.key.record_id + HOSTILE)),
            records=tuple(map(_rename, c.records)),
        )
        for c in source.counted
    ]
    alert = replace(
        change.alert,
        owner=HOSTILE,
        severity=HOSTILE,
        outcome=HOSTILE,
        merged_into=HOSTILE,
        members=tuple(map(_rename, change.alert.members)),
        clusters=tuple(
            replace(c, detector=HOSTILE, place=c.place, expected_basis=HOSTILE, parameters={HOSTILE: HOSTILE})
            for c in change.alert.clusters
        ),
    )
    places = replace(
        MERSEYSIDE,
        names=tuple(name + HOSTILE for name in MERSEYSIDE.names),
        unit_names={unit: dict.fromkeys(names, HOSTILE) for unit, names in MERSEYSIDE.unit_names.items()},
    )
    partners = [replace(t, partner=t.partner.model_copy(update={"title": HOSTILE})) for t in TIMELINESS]
    changed = replace(change, alert=alert, by=HOSTILE, reason=HOSTILE)
    return InventedSource([changed], counted, partners, tables={"merseyside": places})


def _rename(member: str) -> str:
    key, _, version = member.rpartition("@")
    return f"{key}{HOSTILE}@{version}"


@pytest.mark.parametrize("path", ["/", "/alerts/alert-1"])
def test_no_text_of_others_becomes_markup(path: str) -> None:
    benign = one_alert()
    (change,) = benign.changes
    (cluster,) = change.alert.clusters
    alert = replace(change.alert, clusters=(replace(cluster, parameters={"p": 1}),), **PLAIN)
    benign.changes = [replace(change, alert=alert)]
    clean, attacked = client(benign).get(path), client(hostile(one_alert())).get(path)
    assert attacked.status_code == 200
    assert structure(attacked.text) == structure(clean.text)
    assert "&lt;script&gt;alert(1)" in attacked.text
    assert "<script>" not in attacked.text
    assert "49" not in text_of(attacked.text).replace(HOSTILE, "")


def test_an_alert_id_cannot_leave_its_link() -> None:
    source = one_alert()
    source.changes = [replace(c, alert=replace(c.alert, id=HOSTILE)) for c in source.changes]
    page = client(source).get("/").text
    assert structure(page) == structure(client(one_alert()).get("/").text)
    assert HOSTILE not in page


def test_the_queue_says_what_is_found_and_what_is_due() -> None:
    page = text_of(client(a_full_day()).get("/").text)
    assert "8 invented deaths among residents of Liverpool 045A" in page
    assert "Severity: Severe" in page
    assert "overdue by 19 hours" in page
    assert "Assess in 3 hours by Sat 22 November 2025, 17:05 GMT" in page


def test_the_queue_puts_the_strongest_first_and_the_finished_in_a_view_of_their_own() -> None:
    page = client(a_full_day()).get("/").text
    found = [page.index(f"/alerts/{name}") for name in ("c3f1a9d2", "77b0e4c1", "0aa91c55")]
    assert found == sorted(found)
    assert "5d20bb18" not in page
    assert "/alerts/5d20bb18" in client(a_full_day()).get("/?view=finished").text


def test_without_alerts_the_queue_says_what_is_being_watched() -> None:
    page = text_of(client(InventedSource()).get("/").text)
    assert "No alert is open." in page
    for what in (
        "Invented fever visits",
        "New York City",
        "permutation scan",
        "Invented police",
        "3 hours ago",
    ):
        assert what in page


def test_a_silent_partner_is_not_good_news() -> None:
    never = replace(TIMELINESS[0], last_received_at=None)
    page = text_of(client(InventedSource(partners=[never])).get("/").text)
    assert "silence is not good news" in page
    assert "last report nothing yet" in page
    heard = client(InventedSource(partners=TIMELINESS[:1])).get("/").text
    assert "silence is not good news" not in heard


def test_a_partner_that_sends_too_little_is_no_good_news_either() -> None:
    quiet = replace(TIMELINESS[0], quietness=Quietness(7, 3, 14.4, 0.0002, True))
    page = text_of(client(InventedSource(partners=[quiet])).get("/").text)
    assert "unusually quiet, 3 new records in 7 days up to the last midnight, 14 would be usual" in page
    usual = replace(TIMELINESS[0], quietness=Quietness(7, 13, 14.4, 0.6, False))
    assert "quiet" not in client(InventedSource(partners=[usual])).get("/").text


def test_the_queue_updates_itself_until_it_is_told_not_to() -> None:
    web = client(InventedSource())
    assert 'http-equiv="refresh"' in web.get("/").text
    assert 'http-equiv="refresh"' not in web.get("/?refresh=off").text


def test_the_page_of_an_alert_says_that_it_may_be_chance_and_how_often() -> None:
    page = text_of(client(a_full_day()).get("/alerts/c3f1a9d2").text)
    assert "May be chance: chance alone gives one this strong about once in 500 days." in page
    assert "No expected count: it says what the cases share, not that there are too many." in page
    assert "Cases close together are not by themselves an excess" in page
    assert "Reports of the last 13 days are still coming in" in page
    assert "Times are local: Europe/London." in page


def test_the_identifier_of_a_shared_setting_is_not_shown() -> None:
    page = client(a_full_day()).get("/alerts/c3f1a9d2").text
    assert "Linked by: school." in page
    assert "x1y2" not in page
    assert "x1y2" not in client(a_full_day()).get("/api/alerts/c3f1a9d2").text


def test_records_of_one_person_stand_together_and_count_once() -> None:
    answer = client(one_alert()).get("/api/alerts/alert-1").json()
    assert [[r["member"] for r in m["records"]] for m in answer["members"]] == [
        ["coroner/incident/c9@2", "police/incident/p3@1"],
        ["police/incident/p1@1"],
        ["police/incident/p2@1"],
    ]
    assert sum(area["cases"] for area in answer["areas"]) == 3
    assert sum(bar["members"] for bar in answer["cases_per_day"]) == 3


def test_a_member_that_is_no_case_any_more_is_still_listed() -> None:
    source = one_alert()
    source.counted = source.counted[1:]
    page = text_of(client(source).get("/alerts/alert-1").text)
    assert "p1@1" in page
    assert "no case in this period now" in page


def test_a_member_counts_whatever_its_version_is_by_now() -> None:
    source = one_alert()
    first = source.counted[0].case
    newer = replace(first, version=7)
    source.counted[0] = replace(source.counted[0], case=newer, records=(newer.member,))
    answer = client(source).get("/api/alerts/alert-1").json()
    assert "police/incident/p1@1" in str(answer["members"])
    assert sum(area["cases"] for area in answer["areas"]) == 3


def test_an_alert_that_a_person_opened_has_a_page_without_evidence() -> None:
    source = one_alert()
    source.changes = [replace(c, alert=replace(c.alert, clusters=())) for c in source.changes]
    page = text_of(client(source).get("/alerts/alert-1").text)
    assert "No detector has found this cluster: a person opened it." in page
    assert "Map of the areas of this alert, by residence" in page


def test_an_alert_without_any_known_area_has_a_page() -> None:
    source = one_alert()
    source.counted = []
    source.changes = [replace(c, alert=replace(c.alert, clusters=(), areas=())) for c in source.changes]
    assert "have no place on a map" in client(source).get("/alerts/alert-1").text


def test_every_page_has_support_lines_and_no_harmful_word() -> None:
    web = client(a_full_day())
    for path in ("/", "/alerts/c3f1a9d2", "/alerts/9e31f0aa", "/alerts/5d20bb18", "/alerts/none"):
        page = text_of(web.get(path).text)
        assert harmful_words(page) == (), path
        assert SUPPORT[0] in page, path


def test_no_page_names_another_host() -> None:
    web = client(a_full_day())
    for path in ("/", "/alerts/c3f1a9d2", "/alerts/9e31f0aa", "/alerts/none", "/static/pages.css"):
        text = web.get(path).text
        assert re.findall(r"""(?:src|href|url|import)\s*[=(]?\s*["']?(?:https?:)?//""", text) == [], path


def test_an_unknown_alert_has_a_friendly_page_that_does_not_repeat_the_address() -> None:
    web = client(a_full_day())
    answer = web.get("/alerts/no-such-alert")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert "no-such-alert" not in answer.text
    assert web.get("/api/alerts/no-such-alert").json() == {"error": 404}
    assert web.get("/elsewhere").status_code == 404


def test_the_api_carries_what_the_pages_show() -> None:
    web = client(a_full_day())
    queue = web.get("/api/alerts").json()
    assert [a["id"] for a in queue["alerts"]][:3] == ["c3f1a9d2", "77b0e4c1", "9e31f0aa"]
    assert queue["alerts"][1]["due"]["overdue"] is True
    alert = web.get("/api/alerts/c3f1a9d2").json()
    assert alert["summary"]["sentence"] in text_of(web.get("/alerts/c3f1a9d2").text)
    assert [e["observed"] for e in alert["evidence"]] == [8, 3, 2]
    assert [h["revision"] for h in alert["history"]] == [3, 2, 1]


def test_evidence_without_limit_is_null_in_json() -> None:
    source = one_alert()
    (change,) = source.changes
    boundless = replace(change.alert.clusters[0], expected=0.0, relative_risk=float("inf"))
    source.changes = [replace(change, alert=replace(change.alert, clusters=(boundless,)))]
    (evidence,) = client(source).get("/api/alerts/alert-1").json()["evidence"]
    assert evidence["relative_risk"] is None
    assert evidence["relative_risk_words"] == "without limit"


@pytest.mark.parametrize("path", ["/", "/alerts/alert-1", "/alerts/none", "/api/alerts", "/static/pages.css"])
def test_every_answer_has_the_security_headers(path: str) -> None:
    answer = client(one_alert()).get(path)
    expected = HEADERS if not path.startswith("/static/") else {**HEADERS, "Cache-Control": "no-cache"}
    assert {name: answer.headers[name] for name in HEADERS} == expected
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


def test_another_host_name_gets_nothing() -> None:
    web = client(one_alert())
    answer = web.get("/", headers={"Host": "elsewhere.example"})
    assert answer.status_code == 400
    assert "invented deaths" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    named = client(one_alert(), hosts=("surveillance.example",))
    assert named.get("/", headers={"Host": "surveillance.example"}).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_can_be_written(method: str) -> None:
    web = client(one_alert())
    for path in ("/", "/alerts/alert-1", "/api/alerts", "/api/alerts/alert-1"):
        assert web.request(method, path).status_code == 405


class Broken(InventedSource):
    """A source whose store cannot be reached."""

    def counts(self, choice: Choice) -> Mapping[View, int]:  # noqa: ARG002
        raise ConnectionError("postgresql://secret@host")

    def alerts(self) -> list:  # type: ignore[type-arg, override]
        raise ConnectionError("postgresql://secret@host")

    def is_ready(self) -> bool:
        raise ConnectionError("postgresql://secret@host")


def test_a_failure_is_a_plain_page_and_its_message_is_not_even_logged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = client(Broken()).get("/")
    assert answer.status_code == 500
    assert "cannot be shown now" in answer.text
    assert "secret" not in answer.text
    assert "secret" not in "".join(capsys.readouterr())
    assert answer.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]
    assert client(Broken()).get("/api/alerts").json() == {"error": 500}


def test_live_is_about_the_process_and_ready_about_the_store() -> None:
    for source, ready in ((InventedSource(), 200), (InventedSource(ready=False), 503), (Broken(), 503)):
        web = client(source)
        assert web.get("/health/live").status_code == 200
        assert web.get("/health/ready").status_code == ready
        assert web.get("/health/ready").json() == {"ready": ready == 200}


def many_finished() -> InventedSource:
    source = a_full_day()
    closed = next(c for c in source.changes if c.alert.id == "5d20bb18")
    later = [
        replace(closed.alert, id=f"closed-{days}", changed_at=NOW - timedelta(days=days))
        for days in range(20, 50)
    ]
    source.changes += [replace(closed, alert=alert) for alert in later]
    return source


def test_a_long_view_has_pages_and_every_alert_is_on_one() -> None:
    web = client(many_finished())
    first, second = web.get("/?view=finished").text, web.get("/?view=finished&page=2").text
    assert "31 alerts; 1 to 25 shown" in text_of(first)
    assert "closed-43" in first
    assert "closed-44" not in first
    assert 'href="/?view=finished&amp;page=2"' in first
    assert "closed-44" in second
    assert "Next page" not in second


def test_views_are_links_with_their_counts() -> None:
    page = text_of(client(a_full_day()).get("/").text)
    for view in ("Mine 0", "Unowned 3", "Overdue 1", "All to act on 4", "Finished 1"):
        assert view in page
    mine = client(a_full_day(), door=OpenDoor(Person("lead-4", (Grant(Role.LEAD),)))).get("/?view=mine").text
    assert "c3f1a9d2" in mine
    assert "77b0e4c1" not in mine


def test_filters_narrow_the_list_and_the_counts() -> None:
    page = client(a_full_day()).get("/?severity=watch&scope=new-york").text
    assert "9e31f0aa" in page
    assert "0aa91c55" not in page
    assert "All to act on 1" in text_of(page)
    assert "/?view=mine&amp;scope=new-york&amp;severity=watch" in page


@pytest.mark.parametrize(
    "query", ["view=none", "page=0", "page=x", "state=nothing", "severity=%00", "scope=A B"]
)
def test_what_nobody_could_choose_is_refused(query: str) -> None:
    assert client(a_full_day()).get(f"/?{query}").status_code == 422


VIEWER = OpenDoor(Person("viewer-1", (Grant(Role.VIEWER),)))
SMALL = (
    "8 invented deaths",
    "Liverpool",
    "Knowsley",
    "November 2025 (",
    "aged",
    "2.2",
    "records that joined",
)


def test_a_viewer_sees_that_there_is_an_alert_and_no_small_number() -> None:
    web = client(a_full_day(), door=VIEWER)
    for path in ("/", "/?view=finished", "/alerts/c3f1a9d2", "/alerts/77b0e4c1"):
        page = text_of(web.get(path).text)
        assert [text for text in SMALL if text in page] == [], path
        assert "Cheshire and Merseyside" in page
        assert "Invented deaths" in page
    alert = text_of(web.get("/alerts/c3f1a9d2").text)
    assert "Somebody has taken it on and will assess it." in alert
    assert "lead-4" in alert
    assert "Assess by Sat 22 November 2025, 17:05 GMT" in alert


def test_a_viewer_opens_no_revision_and_no_stream() -> None:
    web = client(a_full_day(), door=VIEWER)
    assert web.get("/alerts/c3f1a9d2/revisions/1").status_code == 403
    assert web.get("/events").status_code == 403


def test_who_reads_cases_elsewhere_is_a_viewer_here() -> None:
    both = (Grant(Role.LEAD, scopes=frozenset({"new-york"})), Grant(Role.VIEWER))
    web = client(a_full_day(), door=OpenDoor(Person("lead-5", both)))
    page = text_of(web.get("/").text)
    assert "9 fever visits" in page
    assert "8 invented deaths" not in page
    assert web.get("/alerts/c3f1a9d2/revisions/1").status_code == 403
    elsewhere = Person("lead-6", (Grant(Role.LEAD, scopes=frozenset({"new-york"})),))
    alone = client(a_full_day(), door=OpenDoor(elsewhere))
    assert "c3f1a9d2" not in alone.get("/").text
    assert alone.get("/alerts/c3f1a9d2").status_code == 404
    assert alone.get("/alerts/c3f1a9d2/revisions/1").status_code == 404
    assert alone.get("/api/scopes/merseyside/areas.geojson").status_code == 404
    assert alone.get("/api/scopes/merseyside/outlines.geojson").status_code == 404


def test_the_links_of_members_are_told_by_kind_and_never_by_name() -> None:
    source = a_full_day()
    keys = [RecordKey("police", "incident", f"RX-{number}") for number in (412, 416, 413)]
    coroner = RecordKey("coroner", "incident", "C-2025-77")
    source.counted = [
        replace(c, case=replace(c.case, tokens=("school:secret-7",))) if c.case.key in keys[:2] else c
        for c in source.counted
    ]
    source.tied = Ties(linked=(pair(keys[0], keys[2]),), proposed=(pair(coroner, keys[2]),))
    page = client(source).get("/alerts/c3f1a9d2").text
    said = text_of(page)
    assert "The same school: cases 3, 7." in said
    assert "The same school (A) shares a setting 3, 7" in said
    assert "Linked by a person linked by a person 3, 4b" in said
    assert "May be one person: to be decided may be one person: to be decided 4a, 4b" in said
    assert "secret-7" not in page


def test_boundaries_are_sent_once_and_then_only_their_tag() -> None:
    web = client(InventedSource())
    first = web.get("/api/scopes/merseyside/areas.geojson")
    assert {f["properties"]["code"] for f in first.json()["features"]} == set(MERSEYSIDE.codes)
    assert len(web.get("/api/scopes/merseyside/outlines.geojson").json()["features"]) == 9
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = web.get("/api/scopes/merseyside/areas.geojson", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.content == b""
    assert web.get("/api/scopes/new-york/areas.geojson").status_code == 404
    assert web.get("/api/scopes/nowhere/areas.geojson").status_code == 404


def test_a_map_credits_whose_areas_it_draws_and_nobody_else() -> None:
    england, new_york = (
        client(a_full_day()).get(f"/alerts/{alert}").text for alert in ("c3f1a9d2", "9e31f0aa")
    )
    assert "Crown copyright" in england
    assert "Crown copyright" not in new_york
    assert "New York City Department of Health" in new_york
