"""What of one hospital's messages has to be known beside them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Dialect:
    """`zone` is where times without an offset are local, `site` the ODS code where no message names one,
    `methods` the national admission method for the hospital's own codes in PV1-4.
    """

    zone: ZoneInfo
    site: str | None = None
    methods: Mapping[str, str] = field(default_factory=dict)
