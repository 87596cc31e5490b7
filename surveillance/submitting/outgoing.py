"""What is on its way to a topic."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event as it goes to its topic. `id` is record@version: sent twice, it is known as the same."""

    id: str
    key: bytes
    value: bytes
