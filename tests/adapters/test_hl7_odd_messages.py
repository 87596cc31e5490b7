"""Every odd message has an answer with a code and a reason; no bytes stop the listener or leak a person."""

import json
import logging
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import MRG, NOW, NUMBER, PARTNER, PID, PV1, MakeReceiver, Taken, message, visit

from surveillance.adapters.hl7.receiver import Receiver
from surveillance.events.decode import decode_message
from surveillance.events.identifiers import holds_identifier
from surveillance.events.topics import Source

HEAD = "MSH|^~\\&|PAS|RXX01|S|H|20240302090000||ADT^A01|77|P|2.4\r"

# what is odd -> the bytes, the code of the answer, and words of its reason
ODD = {
    "nothing": (b"", "AR", "100"),
    "no HL7": (b"GET / HTTP/1.1\r\n\r\n", "AR", "100"),
    "half a heading": (b"MSH|^~\\&|", "AR", "200"),
    "encoding characters twice": (message().replace(b"^~\\&", b"^^\\&"), "AR", "100"),
    "encoding characters that are letters": (message().replace(b"|^~\\&|", b"|ABCD|"), "AR", "100"),
    "another kind of message": (message().replace(b"ADT^A01", b"ORU^R01"), "AR", "200"),
    "an unknown trigger": (message("A99"), "AR", "201"),
    "a version of the future": (message(version="3.0"), "AR", "203"),
    "another processing id": (message().replace(b"|P|2.4", b"|X|2.4"), "AR", "202"),
    "no control id": (message(control_id=""), "AR", "101"),
    "no PID": (message(pid="ZPI|1"), "AE", "100.*PID"),
    "no PV1": (message(pv1=None), "AE", "100.*PV1"),
    "no MRG in a merge": (message("A40"), "AE", "100.*MRG"),
    "a merge of nobody": (message("A40", "1", "20240302090000", "MRG|"), "AE", "101.*MRG-1"),
    "no visit number": (message(pv1=visit("")), "AE", "101.*PV1-19"),
    "no beginning": (message(pv1=visit(began="")), "AE", "101.*PV1-44"),
    "a discharge without its time": (message("A03"), "AE", "101.*PV1-45"),
    "a day that is none": (message(pv1=visit(began="20240231")), "AE", "102.*PV1-44"),
    "a month for a day": (message(pv1=visit(began="202402")), "AE", "102.*PV1-44.*day is missing"),
    "words for a day": (message(pv1=visit(began="yesterday")), "AE", "102.*PV1-44"),
    "no time of the message": (message(at=""), "AE", "101.*MSH-7"),
    "a day for a time of the message": (message(at="20240302"), "AE", "101.*MSH-7"),
    "a time in the future": (message(at="20250302090000"), "AE", "102.*more than 5 minutes"),
    "an admission after its message": (message(pv1=visit(began="20240303")), "AE", "102.*reported_at"),
    "no site": (message().replace(b"RXX01", b""), "AE", "101.*PV1-3"),
}
# what is odd -> bytes that are taken all the same, and what the sender is told
TAKEN = {
    "Windows line ends": (message().replace(b"\r", b"\r\n"), ""),
    "Unix line ends": (message().replace(b"\r", b"\n"), ""),
    "no line end at the end": (message().rstrip(b"\r"), ""),
    "a byte order mark": (b"\xef\xbb\xbf" + message(), ""),
    "Z segments": (message("A01", "1", "20240302090000", "ZPV|X|Y", "ZZZ"), ""),
    "Latin-1": (message(pid=PID.replace("TEST^", "TÉST^")).decode().encode("latin-1"), ""),
    "Latin-1, said so": ((HEAD.replace("2.4", "2.4||||||8859/1") + PID + "\r" + PV1).encode("latin-1"), ""),
    "a named character set that it is not": (
        (HEAD.replace("2.4", "2.4||||||UNICODE UTF-8") + PID.replace("TEST", "TÉST") + "\r" + PV1).encode(
            "latin-1"
        ),
        "",
    ),
    "other separators": (
        message().translate(bytes.maketrans(b"|^", b"#@")),
        "",
    ),
    "five encoding characters": (message().replace(b"^~\\&|PAS", b"^~\\&#|PAS"), ""),
    "version 2.1, one component of MSH-9": (
        message(version="2.1").replace(b"ADT^A01", b"ADT"),
        "",
    ),
    "version 2.3": (message(version="2.3"), ""),
    "version 2.5.1 with its parts": (message(version="2.5.1^GBR"), ""),
    "no EVN": (message().replace(b"EVN|A01|20240302090000\r", b""), ""),
    "an offset": (message(pv1=visit(began="20240301220000+0100")), ""),
    "minutes only": (message(pv1=visit(began="202403012200")), ""),
    "fractions of seconds": (message(pv1=visit(began="20240301220000.1234")), ""),
    "a day for an admission": (message(pv1=visit(began="20240301")), ""),
    "escapes": (message(pid=PID.replace("TEST^", "TE\\T\\ST\\X41\\\\.br\\\\ZZ\\^")), ""),
    "a broken escape": (message(pid=PID.replace("TEST^", "TE\\ST^")), ""),
    "the NHS number first": (message(pid=PID.replace("H0001^^^RXX^MR~", "")), ""),
    "a number of nobody's": (message(pid=PID.replace("999 000 0018", "123")), "103.*ten digits"),
    "part of a birth date": (message(pid=PID.replace("19700131", "1970")), "103.*not complete"),
    "an unknown sex": (message(pid=PID.replace("|F|", "|9|")), "103.*PID-8"),
    "a method of the hospital's own": (message(pv1=visit(method="XX")), "103.*PV1-4"),
    "a method that was agreed": (message(pv1=visit(method="E")), ""),
    "a diagnosis without a code": (message("A01", "1", "20240302090000", "DG1|1||^WORDS"), "103.*DG1-3"),
}


def answered(receiver: Receiver, content: bytes) -> tuple[str, str]:
    answer = receiver.answer(content).decode()
    assert answer.startswith("MSH")
    sign = answer[3]
    return answer.split("\r")[1].split(sign)[1], answer


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_message_is_refused_with_a_code_and_a_reason(
    receiver: Receiver, taken: Taken, odd: str
) -> None:
    content, code, reason = ODD[odd]
    told, answer = answered(receiver, content)
    assert told == code
    assert all(words in answer for words in reason.split(".*"))
    assert "ERR|" in answer
    assert not taken


@pytest.mark.parametrize("odd", TAKEN)
def test_an_odd_message_is_taken_where_nothing_is_lost_by_it(
    receiver: Receiver, taken: Taken, odd: str
) -> None:
    content, reason = TAKEN[odd]
    told, answer = answered(receiver, content)
    assert told == "AA", answer
    assert all(words in answer for words in reason.split(".*"))
    assert reason or "ERR" not in answer
    assert taken


@pytest.mark.parametrize("processing", ["T", "D", "T^T"])
def test_a_training_or_debugging_message_becomes_a_test_record_and_leaves_no_trace(
    receiver: Receiver, taken: Taken, processing: str
) -> None:
    tried = message(at="20240303090000").replace(b"|P|2.4", f"|{processing}|2.4".encode())
    told, answer = answered(receiver, tried)
    assert (told, "103" in answer, "never counted" in answer) == ("AA", True, True)
    read = decode_message(taken["V0001"][0], Source("admission", PARTNER.id), PARTNER.organisation, NOW)
    assert read.test
    assert answered(receiver, message())[0] == "AA", "the same control id in earnest"
    assert json.loads(taken["V0001"][1])["reported_at"].startswith("2024-03-02")
    wrong = message("A01", "9").replace(b"|P|2.4", f"|{processing}|2.4".encode()).replace(b"PV1|", b"ZV1|")
    assert answered(receiver, wrong)[0] == "AE", "a test is checked as anything else"


def test_a_name_is_the_same_person_in_either_character_set(make_receiver: MakeReceiver) -> None:
    keys = []
    for charset in ("utf-8", "latin-1"):
        receiver, taken = make_receiver()
        receiver.answer(message(pid=PID.replace("TEST^", "TÉST^")).decode().encode(charset))
        keys.append(json.loads(taken["V0001"][0])["person_keys"])
    assert keys[0] == keys[1]


def test_a_time_without_an_offset_is_local_in_summer_and_in_winter(receiver: Receiver, taken: Taken) -> None:
    receiver.answer(message("A01", "1", "20230702090000", pv1=visit("S", "20230701220000")))
    assert json.loads(taken["S"][0])["arrived_at"] == "2023-07-01T22:00:00+01:00"


def test_the_answer_names_the_message_and_its_sender_and_repeats_the_control_id(receiver: Receiver) -> None:
    head, msa = receiver.answer(message(control_id="CTRL 1\\T\\2")).decode().split("\r")[:2]
    assert head.split("|")[2:6] == ["SURVEILLANCE", "HUB", "PAS", "RXX01"]
    assert head.split("|")[8] == "ACK^A01"
    assert msa.split("|")[:3] == ["MSA", "AA", "CTRL 1\\T\\2"]


def test_a_fault_stands_in_err_as_the_senders_version_knows_it(receiver: Receiver) -> None:
    old = receiver.answer(message(version="2.3", pv1=None)).decode()
    new = receiver.answer(message(version="2.5", pv1=None)).decode()
    assert "ERR|PV1^1^^100&Segment sequence error&HL70357\r" in old
    assert "ERR||PV1|100^Segment sequence error^HL70357|E||||the segment is missing\r" in new


def test_the_same_message_again_is_taken_and_not_published_again(receiver: Receiver, taken: Taken) -> None:
    first, second = (answered(receiver, message())[0] for _ in range(2))
    assert (first, second, len(taken["V0001"])) == ("AA", "AA", 1)


def test_another_message_with_the_same_control_id_is_told_from_it_or_refused(
    receiver: Receiver, taken: Taken
) -> None:
    receiver.answer(message("A01", "1"))
    assert answered(receiver, message("A01", "1", "20240303090000"))[0] == "AA"  # it counts anew every day
    told, answer = answered(receiver, message("A01", "1", pv1=visit("V0002")))
    assert (told, "205" in answer) == ("AE", True)
    assert set(taken) == {"V0001"}


def test_while_the_broker_is_away_the_sender_is_told_to_send_again_and_nothing_is_lost_or_doubled(
    receiver: Receiver, taken: Taken
) -> None:
    taken.away = True
    told, answer = answered(receiver, message())
    assert (told, "207" in answer, bool(taken)) == ("AE", True, False)
    taken.away = False
    assert [answered(receiver, message())[0] for _ in range(2)] == ["AA", "AA"]
    assert len(taken["V0001"]) == 1


def test_a_refused_message_was_never_said(receiver: Receiver, taken: Taken) -> None:
    receiver.answer(message("A01", "1", "20250302090000"))  # of the future
    receiver.answer(message("A08", "2", pv1=visit(began="20240301")))
    assert json.loads(taken["V0001"][-1])["action"] == "amended"


SECRETS_OF_A_PERSON = (NUMBER, "999 000 0018", "TEST STREET", "PATIENT", "CH1 1AB", "19700131", "1970-01-31")
NUMBERS = st.sampled_from([NUMBER, "999 000 0018", "999-000-0018", "x9990000018y", "999.000.0018"])


def spoiled(content: bytes, edits: list[tuple[int, bytes]]) -> bytes:
    for at, new in edits:
        place = at % (len(content) + 1)
        content = content[:place] + new + content[place + at % 3 :]
    return content


EDITS = st.lists(
    st.tuples(
        st.integers(0, 2000),
        st.one_of(
            st.binary(max_size=6), st.sampled_from([*(bytes([sign]) for sign in b"|^~&\\\r\n"), b'""'])
        ),
    ),
    max_size=12,
)


@settings(deadline=None)  # a loaded machine is no defect
@given(
    st.sampled_from([*(content for content, *_ in TAKEN.values()), message("A40", "4", "20240302", MRG)]),
    EDITS,
)
def test_whatever_the_bytes_there_is_an_answer_and_no_number_of_a_person_is_published(
    make_receiver: MakeReceiver, content: bytes, edits: list[tuple[int, bytes]]
) -> None:
    receiver, taken = make_receiver()
    told, _ = answered(receiver, spoiled(content, edits))
    assert told in ("AA", "AE", "AR")
    for record, events in taken.items():
        assert not holds_identifier(record)
        for event in events:
            assert NUMBER not in re.sub(r"[\W_]", "", event.decode())


@settings(deadline=None)  # a loaded machine is no defect
@given(st.binary(max_size=300))
def test_any_bytes_at_all_are_answered(make_receiver: MakeReceiver, content: bytes) -> None:
    receiver, taken = make_receiver()
    assert answered(receiver, content)[0] == "AR"
    assert not taken


FIELDS = [("PID", n) for n in (2, 3, 4, 5, 9, 13, 18, 19)] + [("PV1", n) for n in (3, 4, 19, 36, 37, 50)]
FIELDS += [("DG1", 3), ("DG1", 4), ("MSH", 4), ("ZZZ", 1), ("PV2", 3)]


@settings(deadline=None)  # a loaded machine is no defect
@given(NUMBERS, st.sampled_from(FIELDS))
def test_a_number_of_a_person_in_any_field_is_neither_published_nor_logged_nor_answered(
    make_receiver: MakeReceiver, number: str, field: tuple[str, int]
) -> None:
    receiver, taken = make_receiver()
    spoken: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: spoken.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    try:
        lines = (
            message("A01", "1", "20240302090000", "DG1|1||X60^T^I10", "ZZZ|1", "PV2|1").decode().split("\r")
        )
        answer = receiver.answer("\r".join(_with(line, field, number) for line in lines).encode()).decode()
    finally:
        logging.getLogger().removeHandler(handler)
    told = answer.split("\r", 1)[1]  # the heading repeats the sender's own words
    for text in (told, *taken, *(event.decode() for events in taken.values() for event in events), *spoken):
        assert number not in text
        assert not any(holds_identifier(word) for word in re.findall(r'"([^"]*)"', text))


def _with(line: str, field: tuple[str, int], value: str) -> str:
    segment, number = field
    parts = line.split("|")
    if parts[0] != segment:
        return line
    at = number - 1 if segment == "MSH" else number
    parts += [""] * (at + 1 - len(parts))
    parts[at] = value
    return "|".join(parts)


def test_nothing_of_the_person_is_in_the_journal(receiver: Receiver) -> None:
    receiver.answer(message("A01", "1", "20240302090000", "DG1|1||X60^TEST WORDS^I10|FREE TEXT"))
    receiver.answer(message("A40", "2", "20240302100000", MRG, pv1=None))
    kept = "\n".join(receiver.journal._connection.iterdump())
    assert "V0001" in kept
    for secret in (*SECRETS_OF_A_PERSON, "H0001", "H0002", "FREE TEXT", "TEST WORDS"):
        assert secret not in kept
