"""Nobody changes, removes or adds an entry of the audit chain unnoticed."""

import threading
from contextlib import suppress

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_factories import T0, minutes

from surveillance.store import audit
from surveillance.store.audit import Broken, Entry, Head
from surveillance.store.database import Store
from surveillance.store.tables_audit import audit as entries
from surveillance.store.tables_audit import audit_head

KEY = b"k" * 32


def write(store: Store, count: int) -> list[Head]:
    heads = []
    for n in range(count):
        with store.transaction() as tx:
            entry = Entry("lead", "viewed", f"alert/{n % 2}", T0 + minutes(n), {"revision": n})
            heads.append(audit.append(tx, KEY, entry))
    return heads


def verify(store: Store, published: Head | None = None, key: bytes = KEY) -> Head:
    with store.reading() as tx:
        return audit.verify(tx, key, published)


def test_a_chain_as_it_was_written_verifies_up_to_its_head(store: Store) -> None:
    heads = write(store, 5)
    assert verify(store) == heads[-1]
    assert verify(store, heads[2]) == heads[-1]
    assert verify(store, Head(0, "")) == heads[-1]


def test_an_empty_chain_verifies(store: Store) -> None:
    assert verify(store) == Head(0, "")


def test_entries_of_a_subject_come_in_order(store: Store) -> None:
    write(store, 4)
    with store.reading() as tx:
        assert [entry.facts["revision"] for entry in audit.of_subject(tx, "alert/1")] == [1, 3]


@pytest.mark.parametrize("column", ["at", "by", "act", "subject", "facts", "mac"])
def test_a_changed_entry_is_named(store: Store, column: str) -> None:
    write(store, 3)
    changed = {"at": T0, "facts": {"revision": 7}}.get(column, "another")
    with store.transaction() as tx:
        tx.execute(sa.update(entries).where(entries.c.sequence == 2).values({column: changed}))
    with pytest.raises(Broken, match="entry 2"):
        verify(store)


@pytest.mark.parametrize("gone", [1, 2])
def test_a_removed_entry_is_named(store: Store, gone: int) -> None:
    write(store, 3)
    with store.transaction() as tx:
        tx.execute(sa.delete(entries).where(entries.c.sequence == gone))
    with pytest.raises(Broken, match=f"entry {gone} is missing"):
        verify(store)


def test_a_chain_that_was_cut_off_with_its_head_is_known_by_a_published_head(store: Store) -> None:
    heads = write(store, 3)
    with store.transaction() as tx:
        tx.execute(sa.delete(entries).where(entries.c.sequence == 3))
        tx.execute(sa.update(audit_head).values(sequence=2, mac=heads[1].mac))
    assert verify(store) == heads[1]
    with pytest.raises(Broken, match="entry 3"):
        verify(store, heads[2])


def test_a_chain_that_was_cut_off_without_its_head_is_broken(store: Store) -> None:
    write(store, 3)
    with store.transaction() as tx:
        tx.execute(sa.delete(entries).where(entries.c.sequence == 3))
    with pytest.raises(Broken, match="ends with entry 2"):
        verify(store)


def test_another_key_verifies_nothing(store: Store) -> None:
    write(store, 1)
    with pytest.raises(Broken, match="the key is another"):
        verify(store, key=b"x" * 32)


def test_an_entry_is_gone_with_the_transaction_that_it_tells_of(store: Store) -> None:
    with suppress(ZeroDivisionError), store.transaction() as tx:
        audit.append(tx, KEY, Entry("lead", "erased", "record/1", T0))
        raise ZeroDivisionError
    assert verify(store) == Head(0, "")


def test_writers_at_once_make_one_chain(store: Store) -> None:
    threads = [threading.Thread(target=write, args=(store, 10)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verify(store).sequence == 40


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(facts=st.dictionaries(st.text(min_size=1), st.text() | st.integers(-(2**53), 2**53) | st.none()))
def test_what_any_facts_say_is_read_back_as_it_was_written(store: Store, facts: dict[str, object]) -> None:
    if any("\x00" in str(part) for item in facts.items() for part in item):
        return  # PostgreSQL's JSON takes no NUL
    with store.transaction() as tx:
        audit.append(tx, KEY, Entry("lead", "noted", "alert/1", T0, facts))
    verify(store)
