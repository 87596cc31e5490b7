import pytest

from surveillance.events.topics import ALERTS_TOPIC, Source, parse_topic, topic_name


@pytest.mark.parametrize("kind", ["incident", "admission"])
@pytest.mark.parametrize("prefix", ["", "replay-7."])
@pytest.mark.parametrize("backfill", [False, True])
def test_a_topic_name_is_read_back_as_its_source(kind, prefix, backfill):
    name = topic_name(kind, "north-police", prefix, backfill)
    assert parse_topic(name, prefix) == Source(kind, "north-police", backfill)


def test_topic_names_are_those_of_the_contract():
    assert topic_name("incident", "north-police") == "incidents.v1.north-police"
    assert topic_name("admission", "royal", backfill=True) == "backfill.admissions.v1.royal"


@pytest.mark.parametrize(
    "topic",
    [
        ALERTS_TOPIC,
        "incidents.v2.north-police",
        "incidents.v1.",
        "incidents.v1.North",
        "incidents.v1.north\n",
        "x.incidents.v1.north-police",
        "incidents.v1.north.police",
    ],
)
def test_a_topic_that_is_not_a_partners_has_no_source(topic):
    assert parse_topic(topic) is None


def test_a_topic_without_the_prefix_has_no_source():
    assert parse_topic("incidents.v1.north-police", "replay-7.") is None


@pytest.mark.parametrize("partner", ["", "North", "a.b", "a/b", "a" * 64, "a\n"])
def test_a_partner_id_that_no_topic_can_carry_is_an_error(partner):
    with pytest.raises(ValueError, match="partner id"):
        topic_name("incident", partner)
