"""The fields of a record are known by their dotted paths, through lists and optional parts."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from surveillance.use_case.fields import field_paths


class Part(BaseModel):
    code: str
    kind: Literal["a", "b"] | None = None


class Record(BaseModel):
    parts: tuple[Part, ...] = ()
    maybe: Part | None = None
    day: Annotated[date, Field(description="a day")]
    time: datetime | None = None
    number: int = 0


def test_a_field_of_a_list_is_named_as_if_there_were_one() -> None:
    assert set(field_paths(Record)) == {
        *("parts", "parts.code", "parts.kind", "maybe", "maybe.code", "maybe.kind", "day", "time", "number")
    }


def test_only_dates_and_times_can_be_a_case_day() -> None:
    assert {path for path, shape in field_paths(Record).items() if shape.is_day} == {"day", "time"}


def test_a_closed_list_allows_its_choices_only_and_an_open_field_anything() -> None:
    paths = field_paths(Record)
    assert paths["parts.kind"].allows("a")
    assert not paths["parts.kind"].allows("c")
    assert paths["parts.code"].allows("anything")
