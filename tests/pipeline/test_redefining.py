"""A use case that is new or changed counts the records that are stored already."""

from dataclasses import replace
from pathlib import Path

from small_house import USE_CASE, House, incident, load_house
from surveillance.redefining import apply_definitions
from surveillance.store import line_list


def test_a_changed_definition_is_applied_to_stored_records_once(house: House, tmp_path: Path) -> None:
    house.report(*(incident(f"r{i}", days_ago=i, category="sand_fever") for i in range(3)))
    house.evaluate()
    assert house.alerts() == []
    changed = load_house(tmp_path, cases={"category": {"one_of": ["sand_fever"]}})
    house = replace(house, configuration=changed)
    assert apply_definitions(house.store, changed, house.now)
    house.evaluate()
    (alert,) = house.alerts()
    assert {m.rpartition("@")[0] for m in alert.members} == {f"alpha/incident/r{i}" for i in range(3)}
    assert not apply_definitions(house.store, changed, house.now)


def test_what_a_use_case_no_longer_counts_is_gone_from_its_line_list(house: House, tmp_path: Path) -> None:
    with house.store.reading() as tx:
        assert line_list.count_entries(tx, USE_CASE)
    changed = load_house(tmp_path, cases={"category": {"one_of": ["another"]}})
    apply_definitions(house.store, changed, house.now)
    with house.store.reading() as tx:
        assert line_list.count_entries(tx, USE_CASE) == []


def test_the_same_definition_gives_the_same_rows(house: House) -> None:
    def rows() -> list[object]:
        with house.store.reading() as tx:
            return list(line_list.count_entries(tx))

    house.report(
        incident("a"),
        incident("b", version=2),
        incident("a", version=2, action="withdrawn", status="withdrawn"),
    )
    before = rows()
    assert apply_definitions(house.store, house.configuration, house.now)
    assert rows() == before
