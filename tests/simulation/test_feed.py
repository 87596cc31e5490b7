"""The synthetic feed: what it says of itself is true, and the contract accepts and refuses what it should."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from surveillance.events.decode import decode
from surveillance.events.refusal import Refused
from surveillance.geography.area import load_areas
from surveillance.geography.distance import distances_km
from surveillance.geography.lookup import Gazetteer
from surveillance.simulation.history import history
from surveillance.simulation.injected import InjectedCluster, choose_centre
from surveillance.simulation.live import live
from surveillance.simulation.published import Published, payload_of
from surveillance.simulation.refusals import CODES
from surveillance.simulation.revisions import latest
from surveillance.simulation.world import World, postcodes_by_area
from surveillance.use_case.load import load_partners

CONFIG = Path(__file__).parents[2] / "config"
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@cache
def gazetteer() -> Gazetteer:
    return Gazetteer.load((load_areas("cheshire_merseyside", CONFIG),))


@cache
def world() -> World:
    partners = load_partners(CONFIG)
    return World(
        areas=load_areas("cheshire_merseyside", CONFIG),
        police=partners["example-police"],
        coroner=partners["example-coroner"],
        emergency=partners["example-emergency-department"],
        postcodes=postcodes_by_area(gazetteer().postcodes),
    )


@cache
def a_year(seed: int = 1) -> tuple[Published, ...]:
    return tuple(history(world(), np.random.default_rng(seed), NOW))


@cache
def a_cluster() -> InjectedCluster:
    return InjectedCluster(choose_centre(world(), np.random.default_rng(5)))


@cache
def a_minute(seed: int = 2) -> tuple[Published, ...]:
    return tuple(live(world(), np.random.default_rng(seed), NOW, a_cluster(), earlier=a_year()))


def read(message: Published, received_at: datetime | None = None) -> dict[str, object]:
    """Through the whole edge: decoded, and its areas resolved."""
    partner = world().partner(message.partner)
    received = message.reported_at if received_at is None else received_at
    event = decode(message.value, message.source, partner.organisation, received)
    return gazetteer().resolve(event.model_dump(mode="json"))


def first_incidents(messages: Sequence[Published]) -> list[Published]:
    return [
        m for m in messages if m.kind == "incident" and payload_of(m)["version"] == 1 and m.note != "repeat"
    ]


def persons_by_partner(messages: Sequence[Published]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for message in first_incidents(messages):
        keys = payload_of(message)["person_keys"]
        found.setdefault(message.partner, set()).add(keys[0]["value"] if keys else message.key)
    return found


@pytest.mark.parametrize("messages", [a_year, a_minute], ids=["history", "live"])
def test_every_message_that_is_not_marked_as_refused_passes_the_contract(messages) -> None:
    for message in messages():
        if not message.note.startswith("refused"):
            content = read(message)
            assert content["record_id" if message.kind == "incident" else "encounter_id"] == message.key


@pytest.mark.parametrize("seed", range(12))
def test_at_any_time_of_day_live_messages_pass_the_contract_unless_marked(seed: int) -> None:
    start = NOW + timedelta(hours=2 * seed)
    messages = live(world(), np.random.default_rng(seed), start, a_cluster())
    for message in messages:
        if not message.note.startswith("refused"):
            read(message, received_at=start)


def test_every_message_that_is_marked_as_refused_is_refused_for_that_reason_alone() -> None:
    refused = [m for m in a_minute() if m.note.startswith("refused")]
    assert {m.note for m in refused} == {f"refused:{code}" for code in CODES}
    for message in refused:
        with pytest.raises(Refused) as caught:
            read(message)
        assert f"refused:{caught.value.faults[0].code}" == message.note


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    again = tuple(history(world(), np.random.default_rng(1), NOW))
    assert again == a_year()
    assert {m.value for m in a_year(3)} != {m.value for m in a_year()}
    live_again = tuple(live(world(), np.random.default_rng(2), NOW, a_cluster(), earlier=a_year()))
    assert live_again == a_minute()


def test_a_year_has_about_eleven_deaths_per_100_000_people() -> None:
    seeds = range(10, 16)
    deaths = [len(set.union(*persons_by_partner(incidents_only(seed)).values())) for seed in seeds]
    expected = 11 * world().population / 100_000
    assert world().population == pytest.approx(2_442_689)
    assert np.mean(deaths) == pytest.approx(expected, abs=4 * np.sqrt(expected / len(deaths)))


def incidents_only(seed: int) -> tuple[Published, ...]:
    return tuple(history(world(), np.random.default_rng(seed), NOW, admissions_a_year=0))


def test_the_police_report_two_thirds_of_deaths_and_the_coroner_most() -> None:
    persons = [persons_by_partner(incidents_only(seed)) for seed in range(20, 24)]
    police = [len(p["example-police"]) for p in persons]
    coroner = [len(p["example-coroner"]) for p in persons]
    everyone = [len(p["example-police"] | p["example-coroner"]) for p in persons]
    assert sum(police) / sum(everyone) == pytest.approx(0.635, abs=0.06)
    assert sum(coroner) / sum(everyone) == pytest.approx(0.95, abs=0.03)


def test_the_police_are_days_faster_than_the_coroner_on_the_same_deaths() -> None:
    delays: dict[str, list[float]] = {"example-police": [], "example-coroner": []}
    for message in first_incidents(a_year()):
        if message.note in {"background", "duplicate"} and not message.key.endswith("-b"):
            occurred = datetime.fromisoformat(payload_of(message)["occurred_to"])
            delays[message.partner].append((message.reported_at - occurred) / timedelta(days=1))
    assert all(1 <= delay <= 3 for delay in delays["example-police"])
    assert all(3 <= delay <= 9 for delay in delays["example-coroner"])


def test_two_reports_of_one_death_share_a_person_key_and_no_record_id() -> None:
    numbers: dict[str, dict[str, str]] = {"example-police": {}, "example-coroner": {}}
    for message in first_incidents(a_year()):
        for key in payload_of(message)["person_keys"]:
            numbers[message.partner][key["value"]] = message.key.split("-")[1]
    both = numbers["example-police"].keys() & numbers["example-coroner"].keys()
    assert len(both) > 100
    assert all(numbers["example-police"][k] != numbers["example-coroner"][k] for k in both)


def test_a_history_holds_revisions_of_every_kind_and_exact_repeats() -> None:
    notes = Counter(message.note for message in a_year())
    actions = ("amended", "concluded", "withdrawn", "merged", "discharged")
    assert all(notes[note] for note in ("background", "duplicate", "repeat"))
    assert all(notes[f"revision:{action}"] for action in actions)
    assert not any(note.startswith(("refused", "cluster")) for note in notes)
    originals = {m.value for m in a_year() if m.note != "repeat"}
    assert all(m.value in originals for m in a_year() if m.note == "repeat")


def test_a_history_is_sent_in_order_within_its_days() -> None:
    times = [message.reported_at for message in a_year()]
    assert times == sorted(times)
    assert NOW - timedelta(days=365) <= times[0]
    assert times[-1] < NOW


def test_versions_of_a_record_count_up_from_one_without_a_gap() -> None:
    versions: dict[object, set[int]] = {}
    for message in a_year():
        versions.setdefault(message.record_key, set()).add(payload_of(message)["version"])
    assert all(found == set(range(1, len(found) + 1)) for found in versions.values())


def test_people_die_at_home_or_within_a_few_km_of_it() -> None:
    positions, index = world().areas.positions_km, world().areas.index
    pairs = [(read(m)["residence_area"], read(m)["incident_area"]) for m in first_incidents(a_year())]
    known = [(index[r["code"]], index[i["code"]]) for r, i in pairs if "code" in r]
    away = [distances_km(positions[r], positions[[i]])[0] for r, i in known if r != i]
    assert 0.2 < len(away) / len(known) < 0.45
    assert max(away) <= 5.0
    assert any("missing" in residence for residence, _ in pairs)


def test_admissions_have_the_rate_that_was_asked_for() -> None:
    admitted = {m.key for m in a_year() if m.kind == "admission"}
    assert len(admitted) == pytest.approx(2000, abs=4 * np.sqrt(2000))
    assert not [m for m in incidents_only(10) if m.kind == "admission"]
    without = replace(world(), emergency=None)
    assert not [m for m in history(without, np.random.default_rng(1), NOW, days=30) if m.kind == "admission"]


def test_what_arrives_live_shows_every_oddity() -> None:
    notes = Counter(message.note for message in a_minute())
    assert notes["late"] == 2
    assert notes["repeat"] == 3
    assert all(notes[f"revision:{action}"] == 1 for action in ("amended", "concluded", "withdrawn"))
    assert notes["background"] > 2


def test_live_revisions_go_on_from_the_latest_version_in_the_history() -> None:
    known = latest([*a_year(), *(m for m in a_minute() if m.note == "late")])
    for message in a_minute():
        if message.note.startswith("revision"):
            assert payload_of(message)["version"] == payload_of(known[message.record_key])["version"] + 1


def test_live_messages_are_never_from_the_future_even_if_all_are_sent_at_once() -> None:
    assert all(NOW <= m.reported_at <= NOW + timedelta(minutes=1) for m in a_minute())
    for message in a_minute():
        if not message.note.startswith("refused"):
            read(message, received_at=NOW)


def test_late_records_occurred_weeks_ago_and_are_reported_now() -> None:
    for message in a_minute():
        if message.note == "late":
            occurred = datetime.fromisoformat(payload_of(message)["occurred_to"])
            assert timedelta(days=20) < message.reported_at - occurred <= timedelta(days=56, minutes=1)


def test_the_cluster_is_where_it_says_and_in_its_days() -> None:
    cluster = a_cluster()
    told = [m for m in a_minute() if m.note == "cluster"]
    areas = world().areas
    centre = areas.positions_km[areas.index[cluster.centre]]
    assert len(told) == cluster.deaths == 7
    for message in told:
        content = read(message)
        for place in ("residence_area", "incident_area"):
            position = areas.positions_km[[areas.index[content[place]["code"]]]]
            assert distances_km(centre, position)[0] <= cluster.radius_km
        assert NOW - timedelta(days=10) <= datetime.fromisoformat(content["occurred_from"]) < NOW
    assert len({m.reported_at for m in told}) == 7


def test_of_the_cluster_both_partners_report_some_and_two_share_a_school() -> None:
    told = [payload_of(m) for m in a_minute() if m.note == "cluster"]
    again = [payload_of(m) for m in a_minute() if m.note == "cluster:duplicate"]
    people = {p["person_keys"][0]["value"] for p in told}
    assert len(people) == 7
    assert len(again) == 3
    assert {p["person_keys"][0]["value"] for p in again} < people
    pupils = [p for p in told if p["settings"]]
    assert len(pupils) == 2
    assert pupils[0]["settings"] == pupils[1]["settings"]
    assert all(p["age"] < 18 for p in pupils)


def test_history_and_live_report_different_persons_and_so_do_two_tags() -> None:
    def new_records(messages: Sequence[Published]) -> set[str]:
        return {m.key for m in messages if not m.note.startswith(("revision", "refused", "repeat"))}

    assert not new_records(a_year()) & new_records(a_minute())
    tagged = replace(world(), tag="run2-")
    other = tuple(history(tagged, np.random.default_rng(1), NOW, days=60))
    assert not new_records(a_year()) & new_records(other)
    assert not persons_by_partner(a_year())["example-police"] & persons_by_partner(other)["example-police"]
