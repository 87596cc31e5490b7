"""A PostgreSQL that its operator made read-only, as one does before a standby takes over."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy import make_url

from postgresql_server import PostgresqlServer
from surveillance.store import ticks
from surveillance.store.database import Store, transient
from surveillance.store.tables import ticks as ticks_table

pytestmark = pytest.mark.postgresql


def test_nothing_is_written_to_a_server_that_was_made_read_only_not_even_after_reading(
    postgresql_server: PostgresqlServer, postgresql_template: str, fresh_postgresql: Callable[[str], str]
) -> None:
    url = fresh_postgresql(postgresql_template)
    name = make_url(url).database
    postgresql_server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    store = Store.open(url)
    with store.reading() as tx:
        assert ticks.last_planned(tx) == {}
    with pytest.raises(sa.exc.InternalError) as refused, store.transaction() as tx:
        tx.execute(sa.delete(ticks_table))
    assert transient(refused.value), "it is waited out"
    store.close()
