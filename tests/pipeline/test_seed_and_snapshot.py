"""Same cases, same answer: in another store, in another process, and from a stored snapshot years later."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from small_house import (
    House,
    NewHouse,
    background,
    busy_weeks,
    evidence,
    incident,
    load_house,
    write_house,
)
from surveillance import asking, looking
from surveillance.configuration import baseline_start, load_configuration
from surveillance.detection.cluster import Cluster
from surveillance.line_list.classify import classify
from surveillance.line_list.duplicates import CountedCase, Pair
from surveillance.line_list.links import add_links
from surveillance.line_list.record import Case, RecordKey
from surveillance.store import alerts, evaluations, line_list, links, pending
from surveillance.store.codec import cluster_from_json
from surveillance.store.database import Store
from surveillance.store.evaluations import Evaluation
from surveillance.use_case.fault import ConfigError

TESTS = Path(__file__).parents[1]


def outbreak() -> list[dict[str, Any]]:
    """Enough in one place for the scan, two records of one person, and a school."""
    return [
        *(incident(f"r{i}", days_ago=i % 3) for i in range(8)),
        incident("p0", days_ago=1, person=1),
        incident("p1", days_ago=2, person=1, school="dust-7"),
        incident("q0", days_ago=9, area="n3", school="dust-7"),
    ]


def answer_of_a_new_house(directory: str) -> None:
    """Run in a process of its own: prints the evidence for the outbreak's alerts."""
    store = Store.open(f"sqlite:///{directory}/surveillance.db")
    store.upgrade()
    house = House(load_house(Path(directory)), store)
    house.ingest(*background())
    house.report(*outbreak())
    house.evaluate()
    print(json.dumps(evidence(house.alerts())))


def test_another_process_finds_the_same_clusters_to_the_bit(house: House, tmp_path: Path) -> None:
    house.report(*outbreak())
    house.evaluate()
    here = evidence(house.alerts())
    assert any("permutation-scan" in found for found in here)
    code = f"import test_seed_and_snapshot as t; t.answer_of_a_new_house({str(tmp_path)!r})"
    path = os.pathsep.join([str(TESTS / "pipeline"), str(TESTS), str(TESTS.parent)])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == here


def test_the_seed_depends_on_every_case_and_on_nothing_else(house: House) -> None:
    question, seen = _asked(house)
    detector = house.configuration.detectors["dune-fever"][0]
    counted = seen.counted["residence"]
    whole = looking.fingerprint_of(counted)
    seed = looking.seed_of(question, "residence", whole, detector)
    assert looking.fingerprint_of(counted[::-1]) == whole
    revised = looking.fingerprint_of([_next_version(counted[0]), *counted[1:]])
    others = {
        looking.seed_of(question, "residence", looking.fingerprint_of(counted[1:]), detector),
        looking.seed_of(question, "incident", whole, detector),
        looking.seed_of(replace(question, as_of=question.start), "residence", whole, detector),
        looking.seed_of(question, "residence", revised, detector),
    }
    assert len(others | {seed}) == 5


def _asked(house: House) -> tuple[asking.Question, looking.Seen]:
    configuration = house.configuration
    use_case, region = configuration.use_cases["dune-fever"], configuration.regions["north"]
    start = configuration.study_start(use_case, "north", house.as_of)
    question = asking.Question(use_case, region, start, house.as_of, house.now)
    with house.store.reading() as tx:
        return question, looking.look(tx, question)


def _next_version(one: CountedCase) -> CountedCase:
    return replace(one, case=replace(one.case, version=one.case.version + 1))


@pytest.mark.parametrize("later", [timedelta(seconds=1), timedelta(days=400)])
def test_a_snapshot_is_enough_to_recompute_its_clusters(house: House, later: timedelta) -> None:
    house.ingest(*busy_weeks())  # enough of yesterday that today is compared with it
    house.report(*outbreak(), incident("z0", days_ago=12, area="n4"))
    link(house, "r0", "z0")
    house.evaluate()
    stored = [_evaluation_behind(house, alert.id) for alert in house.alerts()]
    assert stored
    house.now += later
    _revise_everything(house)
    for evaluation in stored:
        assert evaluation.snapshot is not None
        kept = [cluster_from_json(c) for c in evaluation.snapshot["clusters"]]
        assert any("compared_with" in c.parameters for c in kept)
        assert any("link" in c.linked_by for c in kept)
        assert recompute(house, evaluation) == kept


def _revise_everything(house: House) -> None:
    """What comes later: cases withdrawn, moved and added, and what an analyst decides and links."""
    house.report(
        incident("r0", version=2, action="withdrawn", status="withdrawn"),
        incident("r1", version=2, action="amended", area="n4"),
        incident("r2", version=2, action="merged", merged_into="r3"),
        incident("new"),
    )
    with house.store.transaction() as tx:
        line_list.decide_duplicate(tx, (key("p0"), key("p1")), "rejected", "an analyst", house.now)
    link(house, "q0", "background-3")


def key(record: str) -> RecordKey:
    return RecordKey("alpha", "incident", record)


def link(house: House, first: str, second: str) -> None:
    with house.store.transaction() as tx:
        links.confirm_link(tx, (key(first), key(second)), "an analyst", house.now, "they knew each other")


def _evaluation_behind(house: House, alert_id: str) -> Evaluation:
    with house.store.reading() as tx:
        number = alerts.history(tx, alert_id)[-1].evaluation_id
        found = evaluations.show(tx, number) if number is not None else None
    assert found is not None
    return found


def recompute(house: House, evaluation: Evaluation) -> list[Cluster]:
    """The clusters of an evaluation from its snapshot, the records and the configuration alone."""
    snapshot: Mapping[str, Any] = evaluation.snapshot or {}
    tied = tuple((RecordKey(*a), RecordKey(*b)) for a, b in snapshot["links"])
    then = snapshot.get("compared_with")
    before = None if then is None else _question(house, evaluation, then)
    question = replace(_question(house, evaluation, snapshot), before=before)
    counted = {p: _counted(house, question, p, groups, tied) for p, groups in snapshot["cases"].items()}
    midnight = {}
    for place, groups in snapshot["cases"].items() if before is not None else ():
        there = {*map(tuple, groups)} - {*map(tuple, then["without"][place])}
        there |= {*map(tuple, then["and"][place])}
        cases = _counted(house, before, place, sorted(there), tied)
        midnight[place] = looking.Counted(before, place, cases)
    seen = looking.Seen(counted, tied, (), {}, before=midnight)
    return list(looking.find_clusters(question, seen, house.configuration))


def _question(house: House, evaluation: Evaluation, asked: Mapping[str, Any]) -> asking.Question:
    return asking.Question(
        use_case=house.configuration.use_cases[evaluation.use_case],
        region=house.configuration.regions[evaluation.scope],
        start=date.fromisoformat(asked["start"]),
        as_of=date.fromisoformat(asked["as_of"]),
        known_at=datetime.fromisoformat(asked["known_at"]),
    )


def _counted(
    house: House,
    question: asking.Question,
    place: str,
    groups: Sequence[Sequence[str]],
    tied: Sequence[Pair],
) -> tuple[CountedCase, ...]:
    """The cases of the snapshot, from the very versions of their records that it names."""
    use_case, zone = question.use_case, question.region.zone
    at = next(p for p in use_case.places if p.name == place)
    keys = {RecordKey.parse(member.rpartition("@")[0]) for group in groups for member in group}
    with house.store.reading() as tx:
        versions = [v for of_record in line_list.versions_of(tx, keys).values() for v in of_record]
    cases = [classify(version, use_case, at, zone, version.key) for version in versions]
    by_member = {c.member: c for c in add_links((c for c in cases if isinstance(c, Case)), tied)}
    return tuple(_as_one([by_member[member] for member in group]) for group in groups)


def _as_one(cases: Sequence[Case]) -> CountedCase:
    first = min(cases, key=lambda case: (case.day, case.key))
    tokens = tuple(sorted({token for case in cases for token in case.tokens}))
    return CountedCase(replace(first, tokens=tokens), tuple(case.member for case in cases))


@pytest.mark.parametrize("days_later", [1, 30])
def test_an_evaluation_of_a_past_day_knows_only_what_was_known_then(
    new_house: NewHouse, days_later: int
) -> None:
    """Asked again later, with other reports in between, it finds what it would have found."""
    at_once, later = new_house(), new_house()
    for house in (at_once, later):
        house.report(*outbreak())
    at_once.evaluate()
    as_of = later.as_of
    later.now = later.now.replace(day=1, month=7 + days_later // 30)
    later.report(incident("late"), incident("r0", version=2, action="withdrawn", status="withdrawn"))
    _evaluate_as_of(later, as_of)
    assert evidence(later.alerts()) == evidence(at_once.alerts())


def _evaluate_as_of(house: House, as_of: date) -> None:
    with house.store.transaction() as tx:
        while (claim := pending.claim(tx, "w", house.now, timedelta(minutes=1))) is not None:
            pending.finish(tx, claim, house.now)  # what the reports asked for, as of today
        pending.request(tx, [pending.Request("dune-fever", "north", as_of)], house.now)
    house.evaluate()


def test_a_detector_that_needs_a_longer_past_gets_it_and_the_others_keep_theirs(tmp_path: Path) -> None:
    detectors = [
        {"name": "proximity", "parameters": {"radius_km": 1}},
        {"name": "exceedance", "parameters": {"level": "region", "years": 3}},
    ]
    configuration = load_house(
        tmp_path,
        baseline_days=60,
        detectors=detectors,
        bands=[{"name": "watch", "any_of": [{"detector": "exceedance", "observed": 3}]}],
    )
    use_case, as_of = configuration.use_cases["dune-fever"], date(2250, 6, 30)
    proximity, exceedance = configuration.detectors["dune-fever"]
    assert (as_of - baseline_start(use_case, proximity, as_of)).days == 59
    assert (as_of - baseline_start(use_case, exceedance, as_of)).days == 7 * (3 * 52 + 4) - 1
    # No partner had covered the scope for so long.
    assert configuration.study_start(use_case, "north", as_of) == date(2250, 1, 1)


def test_a_level_that_a_scopes_areas_do_not_have_is_a_fault_of_its_file(tmp_path: Path) -> None:
    detectors = [{"name": "exceedance", "parameters": {"level": "lad"}}]
    bands = [{"name": "watch", "any_of": [{"detector": "exceedance", "observed": 3}]}]
    with pytest.raises(ConfigError) as error:
        load_house(tmp_path, detectors=detectors, bands=bands)
    assert {(f.key, f.fix) for f in error.value.faults} == {
        ("detectors[0].parameters.level", "Use one of: region")
    }


def test_an_area_is_complete_since_the_last_change_of_who_reports_it(tmp_path: Path) -> None:
    joined = {
        "coverage": [{"areas": "areas/planet", "within": {"region": "north"}, "since": date(2250, 5, 2)}]
    }
    partner = tmp_path / "partners" / "beta.yaml"
    write_house(tmp_path)
    partner.write_text(yaml.safe_dump(yaml.safe_load(partner.read_text()) | joined))
    configuration = load_configuration(tmp_path)
    use_case = configuration.use_cases["dune-fever"]
    assert set(configuration.complete_from(use_case, "north", date(2250, 6, 30))) == {date(2250, 5, 2)}
    assert set(configuration.complete_from(use_case, "south", date(2250, 6, 30))) == {date(2250, 1, 1)}
    assert set(configuration.complete_from(use_case, "north", date(2250, 5, 1))) == {date(2250, 1, 1)}
