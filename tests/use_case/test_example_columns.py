"""The columns of an example lead from a line of its file to a case at the right place and day."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from surveillance.events.decode import decode
from surveillance.events.topics import Source
from surveillance.geography.area import load_areas
from surveillance.geography.lookup import Gazetteer
from surveillance.line_list.classify import classify
from surveillance.line_list.record import Case, RecordKey, RecordVersion
from surveillance.submitting.rows import encode, read_rows
from surveillance.use_case.load import load_partners, load_scopes, load_use_cases

CONFIG = Path(__file__).parents[2] / "config"
SCOPES = load_scopes(CONFIG)
USE_CASES = load_use_cases(CONFIG, scopes=SCOPES)
RECEIVED = datetime(2012, 1, 1, tzinfo=UTC)

FILES = {
    "meningococcal": (
        "case_id,day,date,district,type,sex,agegrp,x_km,y_km,longitude,latitude\n"
        '1,0.2,2002-01-01,05554,B,male,"[3,19)",4112.1,3202.7,6.96555,51.89616\n'
        '2,0.7,2002-01-02,05382,C,,"[3,19)",4122.5,3076.9,7.18557,50.76997\n',
        [("05554-1", date(2002, 1, 1)), ("05382-2", date(2002, 1, 2))],
    ),
    "fever-visits": (
        "zip,cases,date\n11217,2,2001-11-01\n11226,1,2001-11-03\n",
        [("11217", date(2001, 11, 1)), ("11217", date(2001, 11, 1)), ("11226", date(2001, 11, 3))],
    ),
    "hus-admissions": (
        "hospitalised_on,reported_on\n2011-05-07,2011-05-18\n2011-05-12,2011-05-12\n",
        [("DE", date(2011, 5, 7)), ("DE", date(2011, 5, 12))],
    ),
}


def cases_of(name: str, file: Path) -> Iterator[Case]:
    use_case = USE_CASES[name]
    scope = SCOPES[use_case.scopes[0]]
    partner = load_partners(CONFIG)["replay"]
    zone = ZoneInfo(scope.time_zone)
    gazetteer = Gazetteer.load((load_areas(scope.areas, CONFIG),))
    defaults = {"reporter_org": partner.organisation}
    for row in read_rows(file, use_case.columns, defaults, kind=use_case.records, zone=zone):
        assert row.payload is not None
        event = decode(
            encode(row.payload), Source(use_case.records, partner.id, False), partner.organisation, RECEIVED
        )
        key = RecordKey(partner.id, use_case.records, event.key_id)
        content = gazetteer.resolve(event.model_dump(mode="json"))
        case = classify(RecordVersion(key, 1, "", RECEIVED, content), use_case, use_case.places[0], zone, key)
        assert isinstance(case, Case), case
        yield case


@pytest.mark.parametrize("name", FILES)
def test_lines_of_the_example_become_cases(name: str, tmp_path: Path) -> None:
    text, expected = FILES[name]
    (tmp_path / "file.csv").write_text(text, encoding="utf-8")
    cases = list(cases_of(name, tmp_path / "file.csv"))
    assert [(case.area, case.day) for case in cases] == expected
    assert len({case.key for case in cases}) == len(expected)
