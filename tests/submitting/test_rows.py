import gc
import json
import tracemalloc
from zoneinfo import ZoneInfo

import pytest

from factories import ORGANISATION, RECEIVED_AT, admission, incident
from surveillance.events.admission import AdmissionEvent
from surveillance.events.columns import ColumnsError, as_people_write
from surveillance.events.decode import decode
from surveillance.events.incident import IncidentEvent
from surveillance.events.known_fields import known_fields
from surveillance.events.refusal import Refused
from surveillance.events.topics import Source
from surveillance.submitting.rows import encode, event_of, name_column, read_rows

BERLIN = ZoneInfo("Europe/Berlin")
DEFAULTS = {"reporter_org": ORGANISATION}
SMALL = {
    "record_id": "id",
    "occurred_from": "day",
    "reported_at": "day",
    "age": "Alter",
    "category": "=fall",
    "status": "=suspected",
    "residence_area.code": "area",
}


def table(tmp_path, text, name="cases.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def rows(path, columns=SMALL, kind="incident", zone=BERLIN, defaults=DEFAULTS):
    return list(read_rows(path, columns, defaults, kind=kind, zone=zone))


def faults(row, columns=SMALL, kind="incident"):
    try:
        event_of(row, Source(kind, "p"), ORGANISATION, RECEIVED_AT)
    except Refused as refused:
        return [(name_column(fault, columns).field, fault.code.value) for fault in refused.faults]
    return []


def only(tmp_path, text, columns=SMALL, **options):
    (row,) = rows(table(tmp_path, text), columns, **options)
    return row


def test_cases_with_coordinates_become_incidents_at_a_point(tmp_path):
    columns = {
        "record_id": "case_id",
        "occurred_from": "date",
        "reported_at": "date",
        "point.longitude": "longitude",
        "point.latitude": "latitude",
        "category": "=meningococcal_disease",
        "status": "=confirmed",
        "sex": "sex",
    }
    text = (
        "case_id,day,date,district,type,sex,agegrp,longitude,latitude\n"
        '1,0.21,2002-01-01,05554,B,male,"[3,19)",6.96555,51.89616\n'
        '2,0.71,2002-07-01,05382,C,,"[3,19)",7.18557,50.76997\n'
    )
    first, second = rows(table(tmp_path, text), columns)
    assert first.payload["point"] == {"longitude": 6.96555, "latitude": 51.89616}
    assert first.payload["occurred_from"] == "2002-01-01T00:00:00+01:00"
    assert first.payload["occurred_to"] == first.payload["reported_at"] == "2002-01-01T23:59:59+01:00"
    assert first.payload["occurred_precision"] == "day"
    assert second.payload["occurred_from"] == "2002-07-01T00:00:00+02:00"
    assert "sex" not in second.payload
    assert faults(first, columns) == faults(second, columns) == []


def test_counts_by_zip_code_become_as_many_incidents(tmp_path):
    columns = {
        "count_column": "cases",
        "occurred_from": "date",
        "reported_at": "date",
        "residence_area.code": "zip",
        "category": "=fever",
        "status": "=suspected",
    }
    path = table(tmp_path, "zip,cases,date\n11217,1,2001-11-01\n11226,0,2001-11-01\n11369,2,2001-11-02\n")
    found = rows(path, columns, zone=ZoneInfo("America/New_York"))
    assert [(row.line, row.payload["record_id"]) for row in found] == [
        (2, "line-2-1"),
        (4, "line-4-1"),
        (4, "line-4-2"),
    ]
    assert found[0].payload["residence_area"] == {"code": "11217"}
    assert all(faults(row, columns) == [] for row in found)


def test_admissions_reported_days_later_keep_both_times(tmp_path):
    columns = {
        "arrived_at": "hospitalised_on",
        "admitted_at": "hospitalised_on",
        "reported_at": "reported_on",
        "action": "=admitted",
        "provider_site": "=DEHUS",
        "complaint": "=haemolytic_uraemic_syndrome",
        "residence_area.code": "=DE",
    }
    text = "hospitalised_on,reported_on\n2011-05-07,2011-05-18\n2011-05-12,2011-05-12\n"
    first, second = rows(table(tmp_path, text), columns, kind="admission")
    assert first.payload["encounter_id"] == "line-2"
    assert first.payload["admitted_at"] == "2011-05-07T00:00:00+02:00"
    assert first.payload["reported_at"] == "2011-05-18T23:59:59+02:00"
    assert faults(first, columns, "admission") == faults(second, columns, "admission") == []


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2024-01-02T10:00:00+00:00", "2024-01-02T10:00:00+00:00"),
        ("2024-01-02 10:00:00Z", "2024-01-02T10:00:00Z"),
        ("2024-01-02 10:00", "2024-01-02T10:00:00+01:00"),
        ("02.01.2024", "02.01.2024"),
        ("2024-02-30", "2024-02-30"),
    ],
)
def test_a_time_without_an_offset_is_local_and_one_with_an_offset_is_kept(tmp_path, cell, expected):
    row = only(tmp_path, f"id,day,Alter,area\na,{cell},5,A\n")
    assert row.payload["reported_at"] == expected


def test_a_moment_without_an_end_ends_at_once(tmp_path):
    payload = only(tmp_path, "id,day,Alter,area\na,2024-01-02T10:00:00Z,5,A\n").payload
    assert payload["occurred_to"].startswith("2024-01-02T11:00:00+01:00")
    assert payload["occurred_precision"] == "exact"


def test_an_interval_of_days_is_an_interval(tmp_path):
    columns = SMALL | {"occurred_to": "until", "reported_at": "until"}
    row = only(tmp_path, "id,day,until,Alter,area\na,2024-01-02,2024-01-03,5,A\n", columns)
    assert row.payload["occurred_precision"] == "interval"
    assert row.payload["occurred_to"] == "2024-01-03T23:59:59+01:00"
    assert faults(row, columns) == []


def test_an_empty_cell_is_an_absent_field(tmp_path):
    payload = only(tmp_path, "id,day,Alter,area\na,2024-01-02, ,\n").payload
    assert "age" not in payload
    assert "residence_area" not in payload


def test_constants_of_an_object_are_left_out_where_its_columns_are_empty(tmp_path):
    columns = SMALL | {
        "settings.0.type": "=school",
        "settings.0.identifier": "school",
        "settings.1.type": "=workplace",
        "settings.1.identifier": "work",
    }
    text = "id,day,Alter,area,school,work\na,2024-01-02,5,A,,w-1\nb,2024-01-02,5,A,,\n"
    first, second = rows(table(tmp_path, text), columns)
    assert first.payload["settings"] == [{"type": "workplace", "identifier": "w-1"}]
    assert "settings" not in second.payload


def test_a_list_without_positions_means_its_first_element(tmp_path):
    columns = SMALL | {"settings.type": "=school", "settings.identifier": "school"}
    row = only(tmp_path, "id,day,Alter,area,school\na,2024-01-02,5,A,St Mary\n", columns)
    assert row.payload["settings"] == [{"type": "school", "identifier": "St Mary"}]
    assert faults(row, columns) == [("school (settings.0.identifier)", "invalid_value")]


def test_a_row_starts_at_version_one_as_reported(tmp_path):
    payload = only(tmp_path, "id,day,Alter,area\na,2024-01-02,5,A\n").payload
    assert (payload["version"], payload["action"], payload["reporter_org"]) == (1, "reported", ORGANISATION)


def test_a_version_column_is_a_whole_number(tmp_path):
    row = only(tmp_path, "id,day,Alter,area,v\na,2024-01-02,5,A,3\n", SMALL | {"version": "v"})
    assert row.payload["version"] == 3


CLOSED = SMALL | {"status": "Status", "sex": "Sex", "links.record": "Tied to", "links.type": "Tie"}
CLOSED |= {"links.confidence": "=possible", "links.source": "=other"}


@pytest.mark.parametrize(
    ("status", "sex", "tie"),
    [
        ("other_cause", "female", "peer_group"),
        (" OTHER_CAUSE ", "Female", "Peer Group"),
        ("Other cause", "FEMALE", "peer-group"),
        ("other - cause", "fEmale\u00a0", "PEER  group"),
    ],
)
def test_a_word_of_a_closed_list_may_be_written_as_people_write_it(tmp_path, status, sex, tie):
    text = f"id,day,Alter,area,Status,Sex,Tied to,Tie\na,2024-01-02,5,A,{status},{sex},b,{tie}\n"
    row = only(tmp_path, text, CLOSED)
    assert faults(row, CLOSED) == []
    assert (row.payload["status"], row.payload["sex"]) == ("other_cause", "female")
    assert row.payload["links"][0]["type"] == "peer_group"


@pytest.mark.parametrize("sex", ["f", "fem", "woman", "fe_male", "female/male", "_"])
def test_what_is_no_word_of_a_closed_list_is_refused_with_its_column_and_the_list(tmp_path, sex):
    columns = SMALL | {"sex": "Sex"}
    row = only(tmp_path, f"id,day,Alter,area,Sex\na,2024-01-02,5,A,{sex}\n", columns)
    with pytest.raises(Refused) as refused:
        event_of(row, Source("incident", "p"), ORGANISATION, RECEIVED_AT)
    (fault,) = refused.value.faults
    assert name_column(fault, columns).field == "Sex (sex)"
    assert fault.fix == "Send the sex, one of: female, male, other, unknown"


def test_a_code_that_is_on_no_closed_list_is_kept_as_it_is_written(tmp_path):
    columns = SMALL | {"category": "Category", "residence_area.code": "area"}
    row = only(tmp_path, "id,day,Alter,area,Category\nA-1,2024-01-02,5,E0 1,Fall\n", columns)
    assert (row.payload["record_id"], row.payload["category"]) == ("A-1", "Fall")


def test_the_words_of_a_closed_list_stay_apart_however_they_are_written():
    for model in (IncidentEvent, AdmissionEvent):
        lists = {path: field.choices for path, field in known_fields(model).items() if field.choices}
        assert {"action", "sex", "residence_area.missing"} <= lists.keys()
        for words in lists.values():
            assert len({as_people_write(word) for word in words}) == len(words)


def test_json_says_the_words_of_the_contract_to_the_letter(tmp_path):
    (row,) = rows(table(tmp_path, json.dumps(incident(sex="Female")) + "\n", "cases.jsonl"))
    assert faults(row) == [("sex", "invalid_value")]


def test_faults_carry_the_line_and_the_partners_own_column(tmp_path):
    text = 'id,day,Alter,area\na,2024-01-02,5,A\n"b\nb",2024-01-02,5,A\nc,02.01.2024,old,1 High St\n'
    found = rows(table(tmp_path, text))
    assert [row.line for row in found] == [2, 3, 5]
    assert faults(found[1]) == [("id (record_id)", "invalid_value")]
    assert set(faults(found[2])) == {
        ("day (occurred_from)", "invalid_value"),
        ("day (reported_at)", "invalid_value"),
        ("Alter (age)", "invalid_value"),
        ("area (residence_area.code)", "invalid_value"),
        ("occurred_to", "missing_field"),
        ("occurred_precision", "missing_field"),
    }


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"a,2024-01-02,5", "invalid_value"),
        (b"a,2024-01-02,5,A,B", "invalid_value"),
        (b"a,2024-01-02,5,\xff", "not_utf8"),
        (b'a,"2024"01-02,5,A', "invalid_value"),
        (b"a" * 200_000 + b",2024-01-02,5,A", "invalid_value"),
        (b"a" * 3_000_000 + b",2024-01-02,5,A", "invalid_value"),
    ],
)
def test_a_row_that_is_no_row_is_told_and_the_next_is_read(tmp_path, line, code):
    path = table(tmp_path, b"id,day,Alter,area\n" + line + b"\n\nz,2024-01-02,5,A\n")
    bad, good = rows(path)
    assert (bad.line, faults(bad)) == (2, [("row", code)])
    assert (good.line, faults(good)) == (4, [])


@pytest.mark.parametrize("count", ["", "two", "-1", "1.5", "1000000"])
def test_a_count_that_is_not_one_is_told(tmp_path, count):
    row = only(tmp_path, f"id,day,Alter,area,n\na,2024-01-02,5,A,{count}\n", SMALL | {"count_column": "n"})
    assert faults(row) == [("count_column", "invalid_value")]


def test_a_byte_order_mark_and_spaces_in_the_header_do_no_harm(tmp_path):
    assert faults(only(tmp_path, "\ufeffid , day,Alter,area\na,2024-01-02,5,A\n")) == []


def test_tab_separated_files_are_tables_too(tmp_path):
    (row,) = rows(table(tmp_path, "id\tday\tAlter\tarea\na\t2024-01-02\t5\tA\n", "cases.tsv"))
    assert faults(row) == []


SMALL_ROW = ("a", "2024-01-02", "5", "A")


@pytest.mark.parametrize(
    ("header", "columns", "named"),
    [
        ("id,day,Alter", SMALL, "column area"),
        ("id,day,day,Alter,area", SMALL, "column day"),
        ("id|day|Alter|area", SMALL, "which has 1 columns"),
        ("", SMALL, "header"),
        ("id,day,Alter,area", SMALL | {"birthday": "day"}, "birthday"),
        ("id,day,Alter,area", SMALL | {"residence_area": "area"}, "residence_area"),
        ("id,day,Alter,area", SMALL | {"age.0": "Alter", "sex.type": "day"}, "sex.type"),
        ("id,day,Alter,area", SMALL | {"age.0": "Alter"}, "age.0"),
        ("id,day,Alter,area", SMALL | {"count_column": "n"}, "column n"),
    ],
)
def test_a_mapping_that_does_not_fit_is_told_before_the_first_row(tmp_path, header, columns, named):
    row = "|".join(SMALL_ROW) if "|" in header else ",".join(SMALL_ROW)
    path = table(tmp_path, f"{header}\n{row}\n" if header else "")
    with pytest.raises(ColumnsError, match=named):
        read_rows(path, columns, DEFAULTS, kind="incident", zone=BERLIN)


def test_all_that_does_not_fit_is_told_at_once(tmp_path):
    with pytest.raises(ColumnsError) as error:
        rows(table(tmp_path, "id,day\n"), defaults={"shoe_size": 42})
    assert len(error.value.problems) == 3


def test_json_lines_are_events_already(tmp_path):
    enveloped = {"specversion": "1.0", "id": "1", "source": "/p", "type": "t", "data": incident()}
    lines = [json.dumps(incident()), "", json.dumps(enveloped), "{", "[]"]
    path = table(tmp_path, "\r\n".join(lines), "events.jsonl")
    found = rows(path, {})
    assert [row.line for row in found] == [1, 3, 4, 5]
    assert found[0].payload == incident()
    assert [faults(row, {}) for row in found[:2]] == [[], []]
    assert [faults(row, {}) for row in found[2:]] == [[("message", "not_json")]] * 2


def test_a_line_that_is_too_long_is_told_and_the_next_is_read(tmp_path):
    path = table(tmp_path, b"[" * 3_000_000 + b"\n" + json.dumps(admission()).encode(), "events.jsonl")
    bad, good = rows(path, {}, kind="admission")
    assert faults(bad, {}, "admission") == [("message", "too_large")]
    assert (good.line, good.payload) == (2, admission())


def test_a_row_travels_as_the_event_it_is(tmp_path):
    row = only(tmp_path, "id,day,Alter,area\na,2024-01-02,5,A\n")
    event = decode(encode(row.payload), Source("incident", "p"), ORGANISATION, RECEIVED_AT)
    assert (event.key_id, event.age, event.residence_area.code) == ("a", 5, "A")


def test_a_long_file_is_read_in_bounded_memory(tmp_path):
    path = table(tmp_path, "id,day,Alter,area\n" + "a,2024-01-02,5,A\n" * 4_000)
    next(iter(read_rows(path, SMALL, DEFAULTS, kind="incident", zone=BERLIN)))  # loads what stays loaded
    gc.collect()
    tracemalloc.start()
    assert sum(1 for _ in read_rows(path, SMALL, DEFAULTS, kind="incident", zone=BERLIN)) == 4_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 500_000
