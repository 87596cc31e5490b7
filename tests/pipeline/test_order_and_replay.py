"""Any order, any batches and any repetition of the same messages end in the same state."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from small_house import NOW, TODAY, USE_CASE, House, NewHouse, evidence, incident, message
from surveillance.events.message import Message
from surveillance.line_list.record import RecordKey
from surveillance.store import dead_letters, ledger, line_list, partners
from surveillance.store.database import Transaction

RECORDS = ("r1", "r2", "r3", "r4")
AREAS = ("n1", "n2", "s1")
KEYS = [RecordKey(partner, "incident", record) for partner in ("alpha", "beta") for record in RECORDS]
PAST = [NOW + timedelta(minutes=m) for m in (0, 1, 2, 3, 5, 8, 13, 40)]
REFUSED: tuple[Any, ...] = (None, b"\xff", b"{}", incident("r1", category="a sentence is no category"))


@st.composite
def payloads(draw: st.DrawFn) -> tuple[str, Any]:
    """A partner and what it sends: a version of one of few records, or something that is refused."""
    partner = draw(st.sampled_from(["alpha", "alpha", "beta"]))
    if draw(st.integers(0, 9)) == 0:
        return partner, draw(st.sampled_from(REFUSED))
    record = draw(st.sampled_from(RECORDS))
    action = draw(st.sampled_from(["reported", "amended", "withdrawn", "merged"]))
    changes: dict[str, Any] = {"action": action, "version": draw(st.integers(1, 3))}
    if action == "withdrawn":
        changes["status"] = "withdrawn"
    if action == "merged":
        changes["merged_into"] = draw(st.sampled_from([other for other in RECORDS if other != record]))
    return partner, incident(
        record,
        days_ago=draw(st.integers(0, 2)),
        partner=partner,
        area=draw(st.sampled_from(AREAS)),
        person=draw(st.sampled_from([None, 1, 2])),
        **changes,
    )


@st.composite
def histories(draw: st.DrawFn) -> list[Message]:
    """What lies on the topics: some at the same instant, some sent twice, some of it history."""
    sent = draw(st.lists(payloads(), min_size=2, max_size=9))
    again = draw(st.lists(st.sampled_from(sent), max_size=3))
    minutes = [draw(st.integers(0, 13)) for _ in (*sent, *again)]
    return [
        message(i, payload, partner, NOW + timedelta(minutes=at), backfill=at == 13)
        for i, ((partner, payload), at) in enumerate(zip([*sent, *again], minutes, strict=True))
    ]


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[Message], list[list[Message]]]:
    """Messages, and the same ones shuffled, cut into batches, some batches delivered again."""
    sent = draw(histories())
    shuffled = draw(st.permutations(sent))
    batches: list[list[Message]] = [[]]
    for one in shuffled:
        if batches[-1] and draw(st.booleans()):
            batches.append([])
        batches[-1].append(one)
    return sent, batches + draw(st.lists(st.sampled_from(batches), max_size=2))


def end_state(house: House) -> dict[str, Any]:
    """Everything about records that may depend on the messages, and may not depend on their order."""
    with house.store.reading() as tx:
        return {
            "entries": line_list.current_entries(tx, KEYS),
            "versions": line_list.versions_of(tx, KEYS),
            "known": list(_known(tx)),
            "proposed": line_list.duplicates_in(tx, "proposed"),
            "letters": sorted(
                (s.letter.topic, s.letter.partition, s.letter.offset, s.letter.code, s.letter.faults)
                for s in dead_letters.listed(tx)
            ),
            "handled": {p.place: p.handled for p in ledger.positions(tx, "cluster").values()},
            "heard": partners.heard_of(tx),
        }


def _known(tx: Transaction) -> Iterator[object]:
    for place in ("residence", "incident"):
        for at in PAST:
            yield line_list.cases_known(tx, USE_CASE, place, TODAY - timedelta(days=5), TODAY, at)


def merged(record: str, into: str, version: int = 2) -> dict[str, Any]:
    return incident(record, action="merged", merged_into=into, version=version)


def _in_circle() -> tuple[list[Message], list[list[Message]]]:
    sent = [
        message(i, payload)
        for i, payload in enumerate(
            [
                incident("r1"),
                incident("r2"),
                incident("r3"),
                merged("r1", "r2"),
                merged("r2", "r3"),
                merged("r3", "r1"),
                incident("r2", version=3, action="amended"),
            ]
        )
    ]
    return sent, [[one] for one in (*reversed(sent), sent[3])]


def _person_moves_on() -> tuple[list[Message], list[list[Message]]]:
    """Two records share a person only until one of them is amended."""
    sent = [
        message(1, incident("r1", person=1)),
        message(2, incident("r1", person=2, version=2, action="amended")),
        message(3, incident("r2", person=1)),
    ]
    return sent, [[sent[2]], [sent[0]], [sent[1]]]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals())
@example(_in_circle())
@example(_person_moves_on())
def test_the_end_state_does_not_depend_on_order_batches_or_repetition(
    new_house: NewHouse, both: tuple[list[Message], list[list[Message]]]
) -> None:
    sent, batches = both
    straight, shuffled = new_house(), new_house()
    straight.ingest(*sent)
    for batch in batches:
        shuffled.ingest(*batch)
    assert end_state(shuffled) == end_state(straight)
    forget(straight, shuffled)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals())
def test_after_one_last_evaluation_the_same_clusters_are_alive(
    new_house: NewHouse, both: tuple[list[Message], list[list[Message]]]
) -> None:
    sent, batches = both
    straight, shuffled, watched = new_house(), new_house(), new_house()
    straight.ingest(*sent)
    for batch in batches:
        shuffled.ingest(*batch)
        watched.ingest(*batch)
        watched.evaluate()  # alerts come and go on the way; what is alive in the end is the same
    for house in (straight, shuffled, watched):
        house.evaluate_everything()
    assert _alive(shuffled) == _alive(straight)
    assert evidence(watched.alerts()) == evidence(straight.alerts())
    forget(straight, shuffled, watched)


def _alive(house: House) -> Sequence[object]:
    """Members, areas, days and evidence of the alerts that are alive, and their ids."""
    return [
        (a.id, a.use_case, a.scope, a.severity, a.members, a.areas, a.start, a.end, evidence([a]))
        for a in house.alerts()
        if a.alive
    ]


def forget(*houses: House) -> None:
    for house in houses:
        house.store.close()


def test_of_records_merged_in_a_circle_the_smallest_counts_and_no_other(house: House) -> None:
    sent, _ = _in_circle()
    for one in sent[:-1]:  # without the version that undoes it
        house.ingest(one)
    with house.store.reading() as tx:
        first, last = TODAY - timedelta(days=1), TODAY
        known = line_list.cases_known(tx, USE_CASE, "residence", first, last, PAST[-1])
    ours = [case.key.record_id for case in known if case.key.record_id in RECORDS]
    assert ours == ["r1"]
