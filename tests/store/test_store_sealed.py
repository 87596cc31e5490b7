"""A sealed column is read back as it was written, shows nothing of it, and leaves what was plain readable."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealed_store import ONE, OTHER_ONE, TWO, keys, opened_again
from surveillance.sealing import SealFault, SealingKeys
from surveillance.store.database import Store
from surveillance.store.sealed import (
    SAYS_NOTHING,
    SealedBytes,
    SealedJson,
    SealedText,
    SealedTexts,
    as_stored,
    is_sealed,
)
from surveillance.store.statements import execute_many, insert_into

MARKER = {"setting": "planted marker", "age": 17}
NOTES = sa.Table(
    "sealed_notes",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("content", SealedJson("sealed_notes.content")),
    sa.Column("text", SealedText("sealed_notes.text")),
    sa.Column("texts", SealedTexts("sealed_notes.texts")),
    sa.Column("packed", SealedBytes("sealed_notes.packed")),
)
VALUES = ("content", "text", "texts", "packed")
FULL = {
    "id": 1,
    "content": MARKER,
    "text": "planted text",
    "texts": ("planted:1",),
    "packed": b"planted" * 10,
}
EMPTY: dict[str, Any] = {"id": 3, **dict.fromkeys(VALUES)}


@pytest.fixture
def plain(empty_url: str) -> Iterator[Store]:
    store = Store.open(empty_url)
    with store.transaction() as tx:
        NOTES.create(tx)
    yield store
    store.close()


@pytest.fixture
def key_one(tmp_path: Path) -> SealingKeys:
    return keys(tmp_path, ONE)


@pytest.fixture
def sealing(plain: Store, key_one: SealingKeys) -> Iterator[Store]:
    store = opened_again(plain, key_one)
    yield store
    store.close()


def read(store: Store, table: sa.FromClause = NOTES) -> list[dict[str, Any]]:
    with store.reading() as tx:
        return [dict(row._mapping) for row in tx.execute(sa.select(table).order_by(table.c.id))]


@pytest.mark.parametrize("many", [False, True])
def test_what_is_sealed_is_read_back_and_the_table_shows_nothing(
    plain: Store, sealing: Store, many: bool
) -> None:
    with plain.transaction() as tx:
        tx.execute(sa.insert(NOTES), FULL)
    rows = [{**FULL, "id": 2}, EMPTY]
    with sealing.transaction() as tx:
        if many:  # the quick way of PostgreSQL, on which the pipeline writes
            execute_many(
                tx, insert_into(tx, NOTES), [{k: v for k, v in r.items() if k != "packed"} for r in rows]
            )
            tx.execute(sa.update(NOTES).where(NOTES.c.id == 2).values(packed=FULL["packed"]))
        else:
            tx.execute(sa.insert(NOTES), rows)
    assert read(sealing) == [FULL, {**FULL, "id": 2}, EMPTY]
    raw = read(plain, as_stored(NOTES))[1]
    assert "planted" not in str(raw)
    assert all(str(raw[name]).removeprefix("b'").startswith("sealed:one:") for name in VALUES)
    with plain.reading() as tx, pytest.raises(SealFault, match="Set restricted_keys_file"):
        tx.execute(sa.select(NOTES.c.content)).all()


JSONS = st.dictionaries(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.sampled_from("aä\"\\:☃'%_{}")),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=5,
    ),
    max_size=4,
)
TEXTS = st.sampled_from([*SAYS_NOTHING, "sealed:", "sealed:one:AAAA", "sealed::x"]) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"])
)
LISTS = st.lists(st.sampled_from(["school:1", "sealed:one:x", "link:a/b/c"]), max_size=3).map(tuple)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=JSONS, text=TEXTS, texts=LISTS, packed=st.binary(max_size=200))
def test_whatever_is_stored_comes_back_the_same_with_keys_and_without(
    plain: Store, sealing: Store, content: object, text: str, texts: tuple[str, ...], packed: bytes
) -> None:
    row = {"content": content, "text": text, "texts": texts, "packed": packed}
    for store in (plain, sealing):
        with store.transaction() as tx:
            tx.execute(sa.delete(NOTES))
            tx.execute(sa.insert(NOTES), {"id": 1, **row})
        assert read(store) == [{"id": 1, **row}]


def test_a_condition_finds_what_is_sealed_and_under_which_key(
    plain: Store, sealing: Store, tmp_path: Path
) -> None:
    second = opened_again(plain, keys(tmp_path, TWO.replace("two", "One"), ONE))
    for number, store in enumerate((plain, sealing, second), 1):
        with store.transaction() as tx:
            tx.execute(sa.insert(NOTES), {**FULL, "id": number})
    with plain.reading() as tx:
        for name in VALUES:
            for column in (NOTES.c[name], as_stored(NOTES).c[name]):
                ids = sa.select(column.table.c.id).order_by(column.table.c.id)
                assert tx.execute(ids.where(is_sealed(column))).scalars().all() == [2, 3], name
                assert tx.execute(ids.where(is_sealed(column, "one"))).scalars().all() == [2], name
    assert read(second) == [{**FULL, "id": n} for n in (1, 2, 3)]
    second.close()


def test_a_value_opens_in_its_own_column_only(sealing: Store) -> None:
    raw = as_stored(NOTES)
    with sealing.transaction() as tx:
        tx.execute(sa.insert(NOTES), FULL)
        texts = tx.execute(sa.select(raw.c.texts)).scalar_one()
        tx.execute(sa.update(raw).values(text=texts))
    with pytest.raises(SealFault, match=r"sealed_notes\.text does not open"):
        read(sealing)


def test_under_no_key_or_another_one_nothing_starts(store: Store, tmp_path: Path) -> None:
    one, other = keys(tmp_path, ONE), keys(tmp_path, OTHER_ONE)
    two, both = keys(tmp_path, TWO), keys(tmp_path, TWO, ONE)
    store.check_schema()
    opened_again(store, one).check_schema()
    for wrong, why in (
        (None, "Set restricted_keys_file"),
        (other, "does not open with key one"),
        (two, "key one, which restricted_keys_file"),
    ):
        with pytest.raises(SealFault, match=why):
            opened_again(store, wrong).check_schema()
    for right in (one, both, both):
        opened_again(store, right).check_schema()
    with pytest.raises(SealFault, match="key two, which"):
        opened_again(store, one).check_schema()
