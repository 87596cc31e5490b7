"""The API: its description, its map features, and answers that need not be sent twice."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from invented import DESK, NOW, InventedSource, a_full_day, one_alert
from test_pages import Web, client

from surveillance.web.app import make_web

SNAPSHOT = Path(__file__).parent / "openapi.json"


def described() -> dict[str, Any]:
    document: dict[str, Any] = make_web(InventedSource(), DESK, now=lambda: NOW).openapi()
    return document


def differences(was: Any, now: Any, at: str = "") -> list[str]:
    """Where two documents differ, each place by its path."""
    if isinstance(was, dict) and isinstance(now, dict):
        found = [f"{at}/{key} is gone" for key in sorted(was.keys() - now.keys())]
        found += [f"{at}/{key} is new" for key in sorted(now.keys() - was.keys())]
        both = sorted(was.keys() & now.keys())
        return found + [line for key in both for line in differences(was[key], now[key], f"{at}/{key}")]
    return [] if was == now else [f"{at}: {was!r} is now {now!r}"]


def test_the_description_is_the_one_that_programs_were_written_against() -> None:
    changed = differences(json.loads(SNAPSHOT.read_text(encoding="utf-8")), described())
    assert changed == [], "if it is meant: PYTHONPATH=tests:tests/web python tests/web/test_api.py"


def test_every_answer_says_what_it_needs_and_how_it_fails() -> None:
    document = described()
    assert document["components"]["securitySchemes"].keys() == {"token", "session"}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation.get("x-permission"), (path, method)
            assert {"200", "401", "403", "404", "422"} <= operation["responses"].keys(), (path, method)
            assert operation.get("description"), (path, method)


def test_an_answer_that_did_not_change_is_not_sent_again() -> None:
    web = client(one_alert())
    for path in ("/api/alerts", "/api/alerts/alert-1", "/api/alerts.geojson", "/api/alerts/alert-1.geojson"):
        first = web.get(path)
        assert first.headers["API-Version"] == "1"
        again = web.get(path, {"If-None-Match": f'"other", W/{first.headers["ETag"]}'})
        assert (again.status_code, again.content) == (304, b""), path
        assert web.get(path, {"If-None-Match": '"other"'}).status_code == 200


def test_pages_of_alerts_hold_every_alert_once() -> None:
    web, following, seen = client(a_full_day()), "/api/alerts?size=2", list[str]()
    while following:
        page = web.get(following).json()
        assert len(page["alerts"]) <= 2
        seen += [alert["id"] for alert in page["alerts"]]
        following = page["next"]
    assert len(seen) == len(set(seen)) == page["found"] == 4
    finished = web.get("/api/alerts?view=finished").json()
    assert {alert["state"] for alert in finished["alerts"]} <= {"closed", "not_a_cluster", "merged"}
    assert web.get("/api/alerts?size=1000").status_code == 422


def test_a_query_of_the_queue_that_cannot_be_read_is_named_on_a_page() -> None:
    for query, field in (
        ("view=none", "view"),
        ("page=0", "page"),
        ("state=x", "state"),
        ("scope=A!", "scope"),
    ):
        answer = client(one_alert()).get(f"/?{query}")
        assert answer.status_code == 422
        assert "text/html" in answer.headers["Content-Type"]
        assert answer.text.count(f"<strong>{field}</strong>") == 1


def features(web: Web, path: str) -> list[dict[str, Any]]:
    answer = web.get(path)
    assert answer.headers["Content-Type"] == "application/geo+json"
    found: list[dict[str, Any]] = answer.json()["features"]
    return found


def test_the_map_holds_every_unfinished_alert_and_its_circles() -> None:
    found = features(client(a_full_day()), "/api/alerts.geojson")
    alerts = [f["properties"]["alert"] for f in found if f["properties"]["kind"] == "areas"]
    assert sorted(alerts) == ["0aa91c55", "77b0e4c1", "9e31f0aa", "c3f1a9d2"], "not the closed one"
    kinds = {f["properties"]["alert"]: f["geometry"]["type"] for f in found}
    assert set(kinds.values()) == {"Polygon"}, "each of these alerts has a circle, which comes last"


def test_pages_of_the_map_hold_every_alert_once() -> None:
    web, following, seen = client(a_full_day()), "/api/alerts.geojson?size=3", list[str]()
    while following:
        page = web.get(following).json()
        found = [f["properties"]["alert"] for f in page["features"] if f["properties"]["kind"] == "areas"]
        assert len(found) <= 3
        seen += found
        following = page["next"]
    assert len(seen) == len(set(seen)) == page["found"] == 4
    assert web.get("/api/alerts.geojson?size=1000").status_code == 422


def test_one_alert_on_the_map_tells_its_cases_by_area() -> None:
    found = features(client(one_alert()), "/api/alerts/alert-1.geojson")
    areas = [f for f in found if f["properties"]["kind"] == "area"]
    assert sum(f["properties"]["cases"] for f in areas) == 3
    for feature in found:
        polygons = feature["geometry"]["coordinates"]
        outer = polygons[0] if feature["geometry"]["type"] == "Polygon" else polygons[0][0]
        assert outer[0] == outer[-1], "a ring is closed"
        pairs = pairwise(outer)
        assert sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs) > 0, "an outer ring is counterclockwise"
    assert client(one_alert()).get("/api/alerts/none.geojson").status_code == 404


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(described(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
