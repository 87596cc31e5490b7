"""A key that too many people bear is a partner's mistake: it must not make one person of all of them."""

from datetime import timedelta

import pytest

from small_house import AREAS, House, incident
from surveillance.line_list.duplicates import MOST_RECORDS_OF_A_PERSON
from surveillance.store import line_list


@pytest.mark.parametrize("first", [MOST_RECORDS_OF_A_PERSON, MOST_RECORDS_OF_A_PERSON + 1])
def test_a_key_of_too_many_records_joins_nobody_in_any_order(house: House, first: int) -> None:
    payloads = [incident(f"r{i}", days_ago=i % 40, area=AREAS[i % 4], person=7) for i in range(first)]
    house.report(*payloads)
    house.now += timedelta(minutes=1)
    house.report(incident("last", person=7))
    with house.store.reading() as tx:
        assert line_list.duplicates_in(tx, "proposed") == []
    house.evaluate_everything()
    assert max((alert.observed for alert in house.alerts()), default=0) > 1
