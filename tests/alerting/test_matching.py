from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surveillance.alerting.alert import Alert, AlertChange, Change, State
from surveillance.alerting.finding import Finding, Look, record_of
from surveillance.alerting.grouping import records_in
from surveillance.alerting.hand import Sighting, add_members, open_by_hand, remove_members
from surveillance.alerting.matching import FINISHED, match
from surveillance.alerting.wording import sentence
from surveillance.alerting.workflow import Act, Details, NotAllowed, Outcome, step
from surveillance.detection.cluster import Cluster
from surveillance.use_case.model import Wording

DAY = date(2024, 5, 1)
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
SEVERITIES = ("high", "low")
WORDS = Wording(one="fall", many="falls")


def members(names: str, version: int = 1) -> tuple[str, ...]:
    return tuple(f"police/incident/{name}@{version}" for name in names)


def found(
    names: str, severity: str = "high", area: str = "", day: int = 0, version: int = 1, **changes
) -> Finding:
    """A finding of these records; its area is of its own unless one is given."""
    cluster = Cluster(
        detector=changes.pop("detector", "scan"),
        detector_version="1",
        place=changes.pop("place", "residence"),
        members=members(names, version),
        areas=(area or f"area-of-{names}",),
        centre=None,
        radius_km=1.0,
        start=DAY + timedelta(days=day - 5),
        end=DAY + timedelta(days=day),
        observed=len(names),
        expected=0.5,
        relative_risk=None,
        statistic=1.0,
        p_value=0.01,
        recurrence_interval_days=changes.pop("interval", 100.0),
        parameters={"window_days": 7},
        unit=changes.pop("unit", None),
    )
    return Finding(
        cluster, severity, changes.pop("opens", "open"), changes.pop("behind", members(names, version))
    )


def look(standing: str, day: int = 0, version: int = 1) -> Look:
    return Look(
        use_case="invented",
        scope="somewhere",
        as_of=DAY + timedelta(days=day),
        at=NOON + timedelta(days=day),
        standing={record_of(member): member for member in members(standing, version)},
        severities=SEVERITIES,
    )


def stored(alerts, changes) -> tuple[Alert, ...]:
    return tuple(({a.id: a for a in alerts} | {c.alert.id: c.alert for c in changes}).values())


def seen(alerts, findings, at: Look) -> tuple[tuple[Alert, ...], tuple[AlertChange, ...]]:
    changes = match(alerts, findings, at)
    return stored(alerts, changes), changes


def opened(names: str = "abc", **changes) -> tuple[Alert, ...]:
    return seen((), [found(names, **changes)], look(names))[0]


def moved(alert: Alert, *acts: Act) -> Alert:
    for act in acts:
        details = Details(outcome=Outcome.NO_RESPONSE_NEEDED, owner="lead")
        alert = step(alert, act, "lead", NOON, "a reason", details).alert
    return alert


CLOSING = (Act.ACKNOWLEDGE, Act.ASSESS, Act.MONITOR, Act.CLOSE)


def names_in(alert: Alert) -> str:
    return "".join(sorted(record.rpartition("/")[2] for record in records_in(alert)))


def test_a_finding_that_touches_no_alert_opens_one_and_says_so():
    (alert,), (change,) = seen((), [found("abc")], look("abc"))
    assert (change.change, change.told, change.by) == (Change.OPENED, True, "service")
    assert (alert.state, alert.severity, alert.revision) == (State.OPEN, "high", 1)
    assert alert.members == members("abc")
    assert alert.alive


def test_the_same_evaluation_gives_the_same_alert_id_and_another_day_another():
    again = match((), [found("abc")], look("abc"))[0].alert
    assert again.id == opened()[0].id
    assert match((), [found("abc")], look("abc", day=1))[0].alert.id != again.id


def test_a_growing_cluster_strengthens_its_alert_and_opens_no_second():
    (alert,), (change,) = seen(opened(), [found("abcd")], look("abcd", day=1))
    assert (change.change, change.told, alert.revision) == (Change.STRENGTHENED, True, 2)
    assert names_in(alert) == "abcd"


def test_an_unchanged_cluster_leaves_no_trace_even_on_the_next_day():
    assert match(opened(), [found("abc")], look("abc", day=1)) == ()


def test_evidence_that_differs_in_numbers_only_revises_in_silence():
    (change,) = match(opened(), [found("abc", interval=120.0)], look("abc", day=1))
    assert (change.change, change.told) == (Change.REVISED, False)


def test_a_new_version_of_a_member_revises_in_silence():
    (change,) = match(opened(), [found("abc", version=2)], look("abc", version=2))
    assert (change.change, change.told) == (Change.REVISED, False)
    assert change.alert.members == members("abc", version=2)


@pytest.mark.parametrize(
    ("first", "then", "kind"), [("low", "high", Change.STRENGTHENED), ("high", "low", Change.WEAKENED)]
)
def test_another_severity_is_told(first, then, kind):
    (change,) = match(opened(severity=first), [found("abc", then)], look("abc"))
    assert (change.change, change.told, change.alert.severity) == (kind, True, then)


def test_a_withdrawn_member_leaves_and_weakens_the_alert():
    (change,) = match(opened(), [found("ab", area="area-of-abc")], look("ab"))
    assert (change.change, change.told, names_in(change.alert)) == (Change.WEAKENED, True, "ab")
    (change,) = match(opened(), [], look("ab"))
    assert (change.change, change.told, names_in(change.alert)) == (Change.WEAKENED, True, "ab")
    assert (change.alert.alive, change.alert.state) == (False, State.OPEN)


def test_an_alert_that_is_no_longer_found_ends_but_is_not_closed():
    (alert,), (change,) = seen(opened(), [], look("abc", day=40))
    assert (change.change, change.told) == (Change.ENDED, False)
    assert (alert.alive, alert.state, names_in(alert)) == (False, State.OPEN, "abc")
    assert match((alert,), [], look("abc", day=41)) == ()


def test_a_member_that_is_merely_out_of_the_window_stays():
    (alert,), _ = seen(opened(), [found("bcd")], look("abcd", day=20))
    assert names_in(alert) == "abcd"


def test_alerts_that_one_cluster_joins_become_the_oldest():
    alerts, _ = seen(opened("abc"), [found("abc"), found("def")], look("abcdef", day=1))
    alerts, changes = seen(alerts, [found("abcdef")], look("abcdef", day=2))
    oldest, other = sorted(alerts, key=lambda a: a.opened_at)
    assert [c.change for c in changes] == [Change.STRENGTHENED, Change.MERGED]
    assert (names_in(oldest), oldest.state) == ("abcdef", State.OPEN)
    assert (other.state, other.merged_into, other.alive) == (State.MERGED, oldest.id, False)


def test_merging_keeps_the_work_that_is_under_way_and_its_owner():
    alerts, _ = seen(opened("abc"), [found("abc"), found("def")], look("abcdef", day=1))
    older, newer = sorted(alerts, key=lambda a: a.opened_at)
    newer = moved(newer, Act.ASSIGN, Act.ACKNOWLEDGE, Act.ASSESS, Act.RESPOND)
    merged = match((older, newer), [found("cd")], look("abcdef", day=2))[0].alert
    assert (merged.id, merged.state, merged.owner) == (older.id, State.RESPONDING, "lead")


def test_detectors_that_see_one_cluster_feed_one_alert_the_strongest_first():
    findings = [
        found("ab", "low", detector="links"),
        found("abc", "high"),
        found("cx", "low", detector="near"),
    ]
    ((alert,), _) = seen((), findings, look("abcx"))
    assert [c.detector for c in alert.clusters] == ["scan", "links", "near"]
    assert (alert.severity, names_in(alert)) == ("high", "abcx")


def test_the_same_area_on_overlapping_days_is_one_cluster_but_not_another_place_or_time():
    before = opened("abc", area="E1")
    assert len(seen(before, [found("xyz", area="E1")], look("abcxyz"))[0]) == 1
    assert len(seen(before, [found("xyz", area="E1", day=30)], look("abcxyz"))[0]) == 2
    assert len(seen(before, [found("xyz", area="E1", place="incident")], look("abcxyz"))[0]) == 2


def test_a_finished_alert_stays_finished_while_only_known_records_cluster():
    (alert,) = opened()
    for done in (moved(alert, *CLOSING), moved(alert, Act.ACKNOWLEDGE, Act.ASSESS, Act.DISMISS)):
        assert match((done,), [found("abc"), found("bc")], look("abc", day=1)) == ()


def test_a_finished_alert_reopens_when_a_record_joins():
    done = moved(opened()[0], *CLOSING)
    (alert,), (change,) = seen((done,), [found("bcd")], look("abcd", day=1))
    assert (change.change, change.told) == (Change.REOPENED, True)
    assert (alert.state, alert.outcome, names_in(alert), alert.revision) == (
        State.OPEN,
        None,
        "abcd",
        done.revision + 1,
    )


def test_a_reopened_alert_does_not_take_back_what_another_alert_holds_now():
    done = moved(opened("abc")[0], *CLOSING)
    alerts, _ = seen((done,), [found("xy")], look("abcxy", day=1))
    alerts, _ = seen(alerts, [found("axy")], look("abcxy", day=2))  # a known record joins the other cluster
    alerts, changes = seen(alerts, [found("bcz"), found("axy")], look("abcxyz", day=3))
    assert [c.change for c in changes] == [Change.REOPENED]
    assert sorted(names_in(a) for a in alerts) == ["axy", "bcz"]


def test_two_finished_alerts_that_share_a_record_reopen_without_sharing_it():
    first = moved(opened("abz")[0], *CLOSING)
    second = replace(moved(opened("cdz")[0], *CLOSING), opened_at=NOON + timedelta(hours=1))
    alerts, _ = seen((first, second), [found("aby"), found("cdx")], look("abcdxyz", day=1))
    assert sorted(names_in(a) for a in alerts) == ["abyz", "cdx"]


def test_of_two_finished_alerts_only_the_one_that_a_cluster_touches_reopens():
    first = moved(opened("abz")[0], *CLOSING)
    second = replace(moved(opened("cdz")[0], *CLOSING), opened_at=NOON + timedelta(hours=1))
    alerts, _ = seen((first, second), [found("cdx")], look("abcdxz", day=1))
    assert [a.state for a in sorted(alerts, key=lambda a: a.opened_at)] == [State.CLOSED, State.OPEN]


def test_what_is_added_to_one_alert_and_removed_from_another_stays_when_they_merge():
    alerts, _ = seen(opened("abc"), [found("abc"), found("def")], look("abcdef", day=1))
    older, newer = sorted(alerts, key=lambda a: a.opened_at)
    older = remove_members(older, ["police/incident/c"], "lead", NOON, "not here").alert
    newer = add_members(newer, members("c"), "lead", NOON, "but here", [older]).alert
    change, *_ = match((older, newer), [found("bd")], look("abcdef", day=2))
    assert names_in(change.alert) == "abcdef"
    assert (change.alert.added_by_hand, change.alert.removed_by_hand) == (("police/incident/c",), ())


def test_a_candidate_opens_by_itself_only_when_its_band_says_so():
    candidate = opened(severity="low", opens="candidate")
    assert candidate[0].state is State.CANDIDATE
    (change,) = match(candidate, [found("abc", "high", opens="open")], look("abc"))
    assert change.alert.state is State.OPEN


def test_duplicates_behind_a_case_are_members_and_one_of_them_keeps_the_alert():
    behind = (*members("abc"), "coroner/incident/a2@1")
    at = look("abc")
    at = replace(at, standing={**at.standing, "coroner/incident/a2": "coroner/incident/a2@1"})
    ((alert,), _) = seen((), [found("abc", behind=behind)], at)
    without_a = replace(at, standing={r: m for r, m in at.standing.items() if not r.endswith("/a")})
    finding = found("bc", behind=(*members("bc"), "coroner/incident/a2@1"))
    (change,) = match((alert,), [finding], without_a)
    assert change.alert.id == alert.id
    assert len(change.alert.members) == 3


def test_what_a_person_removed_does_not_come_back():
    alert = remove_members(opened()[0], ["police/incident/c"], "lead", NOON, "another town").alert
    alerts, changes = seen((alert,), [found("abcd")], look("abcd"))
    assert [names_in(a) for a in alerts] == ["abd"]
    assert [c.change for c in changes] == [Change.STRENGTHENED]


def test_what_a_person_added_stays_even_where_it_is_no_case():
    alert = add_members(opened()[0], members("z"), "lead", NOON, "known to us").alert
    assert match((alert,), [found("abc")], look("abc", day=1)) == ()
    assert names_in(match((alert,), [], look("bc"))[0].alert) == "bcz"


def test_an_alert_opened_by_hand_gets_the_evidence_of_a_later_finding():
    sighting = Sighting("invented", "somewhere", "low", members("ab"), ("E1",), DAY, DAY)
    alert = open_by_hand(sighting, "lead", NOON, DAY, "told by a school").alert
    (change,) = match((alert,), [found("bcd")], look("abcd"))
    assert change.alert.id == alert.id
    assert (change.change, names_in(change.alert), change.alert.severity) == (
        Change.STRENGTHENED,
        "abcd",
        "high",
    )


def test_alerts_of_other_use_cases_and_scopes_are_left_alone():
    other = replace(opened()[0], scope="elsewhere")
    (change,) = match((other,), [found("abc")], look("abc"))
    assert change.change is Change.OPENED


NAMES = "abcdefgh"
some = st.text(NAMES, min_size=1, max_size=4).map(lambda text: "".join(sorted(set(text))))


# --- counts of a whole unit beside clusters in it ----------------------------------------------------------


def excess(names: str, severity: str = "low", **changes) -> Finding:
    return found(names, severity, **{"detector": "exceedance", "unit": "lad-1", **changes})


def by_members(alerts) -> dict[str, Alert]:
    return {names_in(alert): alert for alert in alerts if alert.state is not State.MERGED}


def detectors_of(alert: Alert) -> list[str]:
    return [cluster.detector for cluster in alert.clusters]


def test_an_excess_that_is_mostly_one_cluster_is_evidence_in_that_clusters_alert():
    (alert,), _ = seen((), [found("abc"), excess("abcde")], look("abcde"))
    assert (names_in(alert), detectors_of(alert), alert.severity) == ("abc", ["scan", "exceedance"], "high")
    assert not alert.broad


def test_an_excess_does_not_join_clusters_that_have_nothing_to_do_with_each_other():
    findings = [found("abc"), found("def"), excess("abcdefghi", area="area-of-abc")]
    alerts, _ = seen((), findings, look("abcdefghi"))
    assert set(by_members(alerts)) == {"abc", "def", "ghi"}
    assert detectors_of(by_members(alerts)["ghi"]) == ["exceedance"]
    assert match(alerts, findings, look("abcdefghi", day=1)) == ()


def test_an_excess_whose_every_case_is_in_clusters_is_evidence_for_the_largest():
    alerts, _ = seen((), [found("abc"), found("de"), found("fg"), excess("abcdefg")], look("abcdefg"))
    assert set(by_members(alerts)) == {"abc", "de", "fg"}
    assert detectors_of(by_members(alerts)["abc"]) == ["scan", "exceedance"]


def test_a_cluster_takes_its_cases_from_the_alert_of_an_excess():
    alerts, _ = seen((), [excess("abcdefg")], look("abcdefg"))
    assert alerts[0].broad
    alerts, changes = seen(alerts, [found("abc"), excess("abcdefg")], look("abcdefg", day=1))
    assert set(by_members(alerts)) == {"abc", "defg"}
    assert [c.change for c in changes] == [Change.WEAKENED, Change.OPENED]


def test_an_excess_that_turns_out_to_be_one_cluster_keeps_its_alert():
    first, _ = seen((), [excess("abcd")], look("abcd"))
    alerts, (change,) = seen(first, [found("abc"), excess("abcd")], look("abcd", day=1))
    assert (change.change, change.alert.id) == (Change.STRENGTHENED, first[0].id)
    assert (len(alerts), alerts[0].broad, alerts[0].severity) == (1, False, "high")


def test_what_a_person_put_into_an_excess_is_not_taken_from_it():
    (alert,), _ = seen((), [excess("abcdefg")], look("abcdefgz"))
    alert = add_members(alert, members("z"), "lead", NOON, "known to us").alert
    (joined,) = match((alert,), [found("xyz"), excess("abcdefg")], look("abcdefgxyz", day=1))
    assert joined.alert.id == alert.id
    assert names_in(joined.alert) == "abcdefgxyz"


def test_an_excess_goes_on_in_its_alert_as_its_cases_come_and_go():
    alerts, _ = seen((), [excess("abcd")], look("abcdefgh"))
    alerts, (change,) = seen(alerts, [excess("defgh", day=5)], look("abcdefgh", day=5))
    assert (change.change, names_in(alerts[0])) == (Change.STRENGTHENED, "abcdefgh")
    alerts, _ = seen(alerts, [excess("ijk", day=40)], look("abcdefghijk", day=40))
    assert len(alerts) == 2  # weeks later it is another one


def test_an_excess_that_was_finished_is_told_again_when_most_of_its_cases_are_new():
    (alert,), _ = seen((), [excess("abcd")], look("abcd"))
    done = (moved(alert, *CLOSING),)
    assert match(done, [excess("abcdef")], look("abcdef", day=1)) == ()
    alerts, (change,) = seen(done, [excess("cdefgh")], look("abcdefgh", day=4))
    assert change.change is Change.OPENED
    assert {a.state for a in alerts} == {State.CLOSED, State.OPEN}


def test_strata_of_one_unit_are_one_alert_and_other_units_are_others():
    of_strata = [excess("abc"), excess("abcdef"), excess("xyz", unit="lad-2")]
    alerts, _ = seen((), of_strata, look("abcdefxyz"))
    assert set(by_members(alerts)) == {"abcdef", "xyz"}


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["scan", "near", "links", "exceedance"]), st.sampled_from(SEVERITIES)),
        min_size=1,
        max_size=6,
        unique_by=lambda one: one[0],
    ),
    some,
)
def test_several_detectors_on_the_same_cases_are_one_alert_with_the_highest_severity(detectors, names):
    findings = [
        found(names, severity, detector=detector, unit="lad-1" if detector == "exceedance" else None)
        for detector, severity in detectors
    ]
    (alert,), _ = seen((), findings, look(names))
    assert names_in(alert) == names
    assert alert.severity == min((severity for _, severity in detectors), key=SEVERITIES.index)
    assert sorted(detectors_of(alert)) == sorted(detector for detector, _ in detectors)
    text = sentence(alert, WORDS, {})
    assert all(detector in text for detector, _ in detectors)
    assert "chance" in text


# --- any sequence of evaluations and acts of people, repeated and reordered ---------------------------------

finding_of = st.tuples(
    some,
    st.sampled_from(SEVERITIES),
    st.sampled_from(["E1", "E2", "E3", "E4", "E5"]),
    st.integers(0, 12),
    st.sampled_from(["scan", "near"]),
    st.sampled_from(["residence", "incident"]),
    st.sampled_from(["open", "candidate"]),
    st.sampled_from([None, None, None, "lad-1", "lad-2"]),
)
evaluation = st.tuples(
    st.just("evaluate"),
    st.lists(finding_of, max_size=4),
    st.sets(st.sampled_from(NAMES), max_size=4),  # withdrawn now
)
person = st.tuples(st.sampled_from([*Act, "add", "remove", "finish", "finish"]), st.integers(0, 20), some)
days = st.lists(st.one_of(evaluation, evaluation, person), min_size=1, max_size=12)


def looked_at(event, day: int) -> tuple[list[Finding], Look]:
    _, findings, withdrawn = event
    standing = "".join(n for n in NAMES if n not in withdrawn)
    built = []
    for names, severity, area, ends, detector, place, opens, unit in findings:
        names = "".join(n for n in names if n in standing)
        if names:
            kind = {"detector": detector if unit is None else "exceedance", "place": place, "unit": unit}
            built.append(found(names, severity, area, ends, opens=opens, **kind))
    return built, look(standing, day)


def acted(alerts: tuple[Alert, ...], event, day: int) -> tuple[Alert, ...]:
    act, which, names = event
    if not alerts:
        return alerts
    alert, at = alerts[which % len(alerts)], NOON + timedelta(days=day)
    try:
        if act == "finish":
            return stored(alerts, [AlertChange(Change.MOVED, moved(alert, *CLOSING), at, "lead", "", False)])
        if act == "add":
            change = add_members(alert, members(names), "lead", at, "seen", alerts)
        elif act == "remove":
            change = remove_members(alert, [record_of(m) for m in members(names)], "lead", at, "not seen")
        else:
            details = Details(outcome=Outcome.NOT_A_CLUSTER, owner="lead")
            change = step(alert, act, "lead", at, "a reason", details)
    except NotAllowed:
        return alerts
    return stored(alerts, [change])


def check_invariants(alerts) -> None:
    unfinished = [a for a in alerts if a.state not in FINISHED and a.state is not State.MERGED]
    held = [record for a in unfinished for record in records_in(a)]
    assert len(held) == len(set(held)), "a record is in two unfinished alerts"
    by_id = {a.id: a for a in alerts}
    for alert in alerts:
        assert not records_in(alert) & set(alert.removed_by_hand)
        # Following merges ends at an alert that is not merged.
        steps = 0
        while alert.state is State.MERGED:
            alert = by_id[alert.merged_into]
            steps += 1
            assert steps <= len(alerts)


def check_evaluation(before, after, findings) -> None:
    """Every record found is in an unfinished alert, or was removed by a person, or its alert is finished.

    Evidence of a whole unit brings no member into a narrower alert.
    """
    accounted = {r for a in after if a.state is not State.MERGED for r in records_in(a)}
    removed = {r for a in after for r in a.removed_by_hand}
    for finding in findings:
        assert finding.cluster.is_broad or finding.records <= accounted | removed
    by_id = {a.id: a for a in before}
    for alert in after:
        # An evaluation never finishes an alert.
        if alert.state in FINISHED:
            assert by_id[alert.id].state is alert.state


@settings(max_examples=400, deadline=None)
@given(days, st.randoms(use_true_random=False))
def test_no_record_is_ever_in_two_alerts_and_repeats_and_reorderings_change_nothing(history, random):
    alerts: tuple[Alert, ...] = ()
    for day, event in enumerate(history):
        if event[0] != "evaluate":
            alerts = acted(alerts, event, day)
            continue
        findings, at = looked_at(event, day)
        after, changes = seen(alerts, findings, at)
        check_invariants(after)
        check_evaluation(alerts, after, findings)
        assert len({c.alert.id for c in changes}) == len(changes)
        assert all(
            c.alert.revision == {a.id: a.revision for a in alerts}.get(c.alert.id, 0) + 1 for c in changes
        )
        # Matched against its own result, on any later run of the same look: nothing.
        assert match(after, findings, at) == ()
        # Repeated after a crash that stored nothing, with everything in another order: the same.
        shuffled, others = list(findings), list(alerts)
        random.shuffle(shuffled)
        random.shuffle(others)
        assert match(others, shuffled, at) == changes
        alerts = after


@settings(max_examples=150, deadline=None)
@given(st.lists(evaluation, min_size=1, max_size=6), evaluation)
def test_after_one_final_evaluation_the_active_evidence_is_the_same_whatever_came_before(history, final):
    def alive_after(events) -> set[Cluster]:
        alerts: tuple[Alert, ...] = ()
        for day, event in enumerate(events):
            alerts, _ = seen(alerts, *looked_at(event, day))
        findings, at = looked_at(final, 99)
        alerts, _ = seen(alerts, findings, at)
        return {repr(c) for a in alerts if a.alive for c in a.clusters}

    assert alive_after(history) == alive_after([]) == alive_after(history + history[::-1])
