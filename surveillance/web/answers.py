"""What a partner is answered on its page and by the API: one set of values, with what each means.

Numbers are of the partner's own records and messages. Nothing here holds a value of a record.
"""

from datetime import date, datetime

from surveillance.web.api.models import Answer


class Month(Answer):
    """A month of one kind of record, in UTC."""

    month: date
    """Its first day."""
    words: str
    """Such as `March 2024`."""
    received: int
    """Messages received: the sum of the next four."""
    accepted: int
    """Messages that were accepted and said something new."""
    repeated: int
    """Messages that were accepted and known already."""
    refused: int
    """Messages that were refused, also those that were mended later."""
    tested: int
    """Messages of test records: answered and never counted."""
    records: int
    """Records that were first received in the month."""
    median_delay_days: float | None
    """Days from occurrence to first receipt: half of these records took no longer."""
    delay_90_percent_days: float | None
    """Nine in ten took no longer."""
    on_time: bool | None
    """Whether nine in ten took no longer than was agreed; null: no record."""


class Share(Answer):
    """How many of a month's records have a field."""

    month: date
    share: float
    """From 0 to 1."""


class Field(Answer):
    """An optional field, and how many accepted records have it."""

    field: str
    meaning: str
    """What is sent in it."""
    share: float
    """Of the records of all months shown, by their newest version: from 0 to 1."""
    months: tuple[Share, ...]
    """Of the newest months with records, the oldest first."""


class Kind(Answer):
    """One kind of record that the partner sends."""

    kind: str
    sends: str
    """The same in words."""
    topic: str
    last_received_at: datetime | None
    last_words: str
    silent: bool
    """Whether nothing came for longer than was agreed."""
    silence_words: str
    quiet: bool
    """Whether unusually few new records came, by the partner's own past."""
    quiet_words: str
    expected_delay_days: float
    """What was agreed."""
    timeliness_words: str
    months: tuple[Month, ...]
    """The newest first."""
    records: int
    """Records of the months shown."""
    fields: tuple[Field, ...]
    being_fetched: int
    """Messages that the service skipped and fetches again."""


class Reason(Answer):
    """One reason for which messages were refused."""

    code: str
    words: str
    refused: int
    open: int
    """Of these, not yet mended."""
    last_received_at: datetime
    last_words: str


class Pair(Answer):
    """Two records of the partner that may be one person's same event. A person decides."""

    kind: str
    record_id: str
    other_record_id: str
    proposed_at: datetime
    proposed_words: str


class Conflict(Answer):
    """A record whose newest version came with several contents. One is kept, not always the later: the
    next version settles it."""

    kind: str
    record_id: str
    version: int
    received_at: datetime
    """When the last of them came."""
    received_words: str


class PartnerPage(Answer):
    """What became of what a partner sent."""

    partner: str
    title: str
    organisation: str
    """The code that its records carry."""
    at: datetime
    at_words: str
    time_zone: str
    kinds: tuple[Kind, ...]
    reasons: tuple[Reason, ...]
    refused: int
    """Messages refused since the beginning."""
    open: int
    """Of these, not yet mended."""
    pairs: tuple[Pair, ...]
    """The newest of the duplicates that are proposed between its records."""
    pairs_found: int
    """How many there are."""
    conflicts: tuple[Conflict, ...]
    """The newest of its records whose newest version came with several contents."""
    conflicts_found: int
    """How many there are."""
    receipts: bool
    """Whether each message is answered on its receipts topic."""
    receipts_waiting: int
    """Batches whose receipts are not sent yet."""


class Rule(Answer):
    """One broken rule of a message."""

    code: str
    field: str
    """A dotted path; `message`: the message as a whole."""
    rule: str
    fix: str


class Refusal(Answer):
    """One refused message: where it lies, which record it names, why, and whether it was mended."""

    id: int
    kind: str
    topic: str
    partition: int
    offset: int
    record_id: str | None
    """As the message has it; null: it names none that may be kept."""
    version: int | None
    received_at: datetime
    received_words: str
    faults: tuple[Rule, ...]
    resolved_at: datetime | None
    resolved_words: str
    """Empty where it still waits for a correction."""


class Refusals(Answer):
    """A page of refused messages, the newest first."""

    partner: str
    title: str
    rows: tuple[Refusal, ...]
    next: int | None
    """`before` of the next page; null: this is the last."""


class PartnerLine(Answer):
    """A partner and one kind of record in the overview of all."""

    partner: str
    title: str
    sends: str
    last_words: str
    standing: str
    """As usual, silent or unusually quiet."""
    well: bool
    received: int
    """Messages of this month (UTC)."""
    refused: int
    """Of these, refused."""
    open: int
    """Refusals of the partner, of all its kinds, that wait for a correction."""
    timeliness_words: str
    on_time: bool | None


class PartnersPage(Answer):
    """The partners that somebody may see."""

    at_words: str
    rows: tuple[PartnerLine, ...]
