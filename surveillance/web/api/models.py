"""What all answers as JSON share. Every field has its meaning, so that /api/openapi.json tells it.

Version 1. A field may be added without notice; one that changes its meaning or goes is a new version, whose
paths begin with /api/v2. Every answer says which version it is, in the header `API-Version`.
"""

from pydantic import BaseModel, ConfigDict

VERSION = "1"


class Answer(BaseModel):
    """Read from the objects that the pages are drawn from; what is not named here is not told."""

    model_config = ConfigDict(from_attributes=True, frozen=True, use_attribute_docstrings=True)


class Fault(Answer):
    """What is wrong with one parameter."""

    field: str
    """Its name."""
    problem: str
    """What is wrong with it; never the value that was sent."""


class Problem(Answer):
    """Why there is no answer. One that is out of your scope is like one that does not exist: 404."""

    error: int
    """The status of the answer."""
    faults: tuple[Fault, ...] = ()
    """Parameters to be mended, where that is the reason."""
