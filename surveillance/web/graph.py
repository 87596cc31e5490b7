"""How the records of an alert are tied: shared settings, links and perhaps the same person, as a drawing.

A setting is shown by its kind and a letter: its identifier is an exact place.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase

from surveillance.alerting.finding import record_of
from surveillance.line_list.components import components
from surveillance.line_list.duplicates import CountedCase
from surveillance.line_list.record import RecordKey
from surveillance.web import words
from surveillance.web.members import MemberRow
from surveillance.web.source import Ties

LINK = "link"
WIDTH = 480.0
GAP = 40.0
MOST_DRAWN = 60
KINDS = {
    "shared": "shares a setting",
    "tie": "a tie that a partner reported",
    "linked": "linked by a person",
    "proposed": "may be one person: to be decided",
}


@dataclass(frozen=True, slots=True)
class Tie:
    """What some members have in common, in words; `kind` is one of KINDS, `letter` stands for a setting."""

    kind: str
    what: str
    members: tuple[str, ...]
    letter: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A member (its number in the table of members), or a setting (its letter)."""

    label: str
    title: str
    x: float
    y: float
    is_setting: bool


@dataclass(frozen=True, slots=True)
class Edge:
    """A line between two nodes."""

    kind: str
    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True, slots=True)
class Graph:
    """Ties as rows of a table, and as a drawing where they are few enough to be seen."""

    ties: tuple[Tie, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    width: float
    height: float
    untied: int

    @property
    def kinds(self) -> tuple[tuple[str, str], ...]:
        """The kinds of lines that are drawn, for the legend."""
        drawn = {edge.kind for edge in self.edges}
        return tuple((kind, text) for kind, text in KINDS.items() if kind in drawn)


def draw_graph(rows: Sequence[MemberRow], inside: Iterable[CountedCase], stored: Ties) -> Graph:
    """The ties among an alert's members. Node labels are the numbers of the table of members."""
    labels = {key: label for row in rows for key, label in _labels(row)}
    ties = (*_shared(inside, labels), *_pairs(stored, labels))
    tied = {member for tie in ties for member in tie.members}
    untied = len(set(labels.values()) - tied)
    if not ties or len(tied) > MOST_DRAWN:
        return Graph(ties, (), (), 0.0, 0.0, untied)
    places, width, height = _places(tied, ties)
    nodes, edges = _drawing(ties, places)
    return Graph(ties, tuple(nodes), tuple(edges), width, height, untied)


def _labels(row: MemberRow) -> Iterator[tuple[RecordKey, str]]:
    """`3`, or `3a` and `3b` where two records stand together."""
    for i, record in enumerate(row.records):
        letter = ascii_lowercase[min(i, 25)] if len(row.records) > 1 else ""
        yield RecordKey.parse(record_of(record.member)), f"{row.number}{letter}"


def _shared(inside: Iterable[CountedCase], labels: Mapping[RecordKey, str]) -> Iterator[Tie]:
    """Members that bear the same token, by token; only its kind is told."""
    holders: defaultdict[str, set[str]] = defaultdict(set)
    for counted in inside:
        label = labels.get(counted.case.key)
        for token in counted.tokens if label else ():
            holders[token].add(str(label))
    letters = iter(ascii_uppercase)
    for token, members in sorted(holders.items(), key=lambda item: (-len(item[1]), item[0])):
        kind = token.partition(":")[0]
        if len(members) < 2:
            continue
        if kind == LINK:
            yield Tie("tie", "A reported tie", _sorted(members))
            continue
        yield Tie("shared", f"The same {words.spaced(kind)}", _sorted(members), next(letters, "…"))


def _pairs(stored: Ties, labels: Mapping[RecordKey, str]) -> Iterator[Tie]:
    for kind, pairs in (("linked", stored.linked), ("proposed", stored.proposed)):
        for first, second in pairs:
            if first in labels and second in labels:
                yield Tie(kind, words.title(KINDS[kind]), _sorted({labels[first], labels[second]}))


def _sorted(labels: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(labels, key=lambda label: (int(label.rstrip(ascii_lowercase)), label)))


def _places(tied: Iterable[str], ties: Iterable[Tie]) -> tuple[dict[str, tuple[float, float]], float, float]:
    """Where each member is drawn, and the width and height of all: those who are tied on one circle each."""
    edges = [(tie.members[0], other) for tie in ties for other in tie.members[1:]]
    places: dict[str, tuple[float, float]] = {}
    left, top, row_height, width = 0.0, 0.0, 0.0, 0.0
    for group in components(sorted(tied), edges):
        radius = max(2 * GAP, len(group) * 1.7 * GAP / math.tau)
        size = 2 * (radius + GAP)
        height = size if len(group) > 2 else 2 * GAP
        if left and left + size > WIDTH:
            left, top, row_height = 0.0, top + row_height, 0.0
        for i, label in enumerate(_sorted(group)):
            turn = math.tau * i / len(group) - math.pi / 2 * (len(group) > 2)
            x, y = left + size / 2 + radius * math.cos(turn), top + height / 2 + radius * math.sin(turn)
            places[label] = (x, y)
        left, row_height = left + size, max(row_height, height)
        width = max(width, left)
    return places, width, top + row_height


def _drawing(ties: Iterable[Tie], places: Mapping[str, tuple[float, float]]) -> tuple[list[Node], list[Edge]]:
    nodes = [Node(label, f"Case {label}", x, y, False) for label, (x, y) in places.items()]
    edges: list[Edge] = []
    taken: list[tuple[float, float]] = []
    for tie in ties:
        spots = [places[member] for member in tie.members]
        if tie.kind != "shared":
            edges += [Edge(tie.kind, *spots[0], *other) for other in spots[1:]]
            continue
        x, y = _free(sum(x for x, _ in spots) / len(spots), sum(y for _, y in spots) / len(spots), taken)
        taken.append((x, y))
        nodes.append(Node(tie.letter, tie.what, x, y, True))
        edges += [Edge(tie.kind, x, y, *spot) for spot in spots]
    return nodes, edges


def _free(x: float, y: float, taken: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """A place for a setting that hides no other one."""
    while any(abs(x - a) < GAP and abs(y - b) < GAP for a, b in taken):
        y += GAP
    return x, y
