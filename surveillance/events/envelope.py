"""CloudEvents 1.0 in structured JSON: an envelope that a partner may put around an event.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md. One extension
attribute is known, `test`; others are refused like any unknown field. Nothing of the envelope is kept.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import Field, StringConstraints

from surveillance.events.fields import Part, Time, time_words

Event = TypeVar("Event", bound=Part)
_Reference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9:/._~%#?=&@+-]{1,256}$")]


class Envelope(Part, Generic[Event]):
    """The attributes of CloudEvents and the event inside."""

    specversion: Literal["1.0"] = Field(description='the text "1.0"')
    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:/-]{1,128}$")] = Field(
        description="an id of the message: 1 to 128 letters, digits and . _ : / -"
    )
    source: _Reference = Field(description="a URI reference of at most 256 characters that names the sender")
    type: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,128}$")] = Field(
        description="the type of event: 1 to 128 letters, digits and . _ -"
    )
    time: Time | None = Field(None, description=time_words("when the message was made"))
    subject: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:/-]{1,128}$")] | None = Field(
        None, description="the id of the record: 1 to 128 letters, digits and . _ : / -"
    )
    datacontenttype: (
        Annotated[
            str,
            StringConstraints(
                pattern=r"^application/(?:[A-Za-z0-9.-]+\+)?json(?: ?; ?charset=[Uu][Tt][Ff]-8)?$"
            ),
        ]
        | None
    ) = Field(None, description="application/json")
    dataschema: _Reference | None = Field(None, description="a URI of at most 256 characters")
    test: bool = Field(
        False, description="true for a test record, which is checked and answered and never counted"
    )
    data: Event = Field(description="the event, a JSON object")


def as_test(payload: Mapping[str, Any], kind: str, partner: str, number: int) -> dict[str, Any]:
    """An event as a test record; `number` tells it from others of the same sending."""
    return {
        "specversion": "1.0",
        "id": f"test-{number}",
        "source": f"urn:partner:{partner}",
        "type": f"{kind}.v1",
        "test": True,
        "data": dict(payload),
    }
