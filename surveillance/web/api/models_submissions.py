"""Answers about what partners hand in as JSON."""

from surveillance.web.api.models import Answer


class RowFault(Answer):
    """A rule that a row of a submission breaks. No value of the row stands in it."""

    row: int | None
    """The row, counted from 1 with the header of a table; the place in a list; null: the file as a whole."""
    field: str
    """`Your column (field of the event)`, or the field alone."""
    code: str
    """The kind of rule, as the published contract lists them."""
    rule: str
    """What holds for the field."""
    fix: str
    """What to do."""


class SubmissionRefused(Answer):
    """Nothing of it was accepted: every fault of every row."""

    error: int
    """The status of the answer."""
    rows: int
    """How many rows were looked at."""
    bad_rows: int
    """How many of them would be refused."""
    faults: tuple[RowFault, ...]
    left_out: int
    """How many more faults there are than are told here."""


class Submission(Answer):
    """A submission that was accepted whole. Sending it again changes nothing."""

    id: str
    """By which to ask for its state."""
    state: str
    """`published`: the broker has acknowledged every record. `pending`: on our disk until it does."""
    records: int
    ids: tuple[str, ...]
    """record@version of its first thousand records; empty where only the state was asked for."""
