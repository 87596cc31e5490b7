"""Every table has its place in the catalogue, once."""

from surveillance.store.catalogue import NATURE, Nature, tables_of
from surveillance.store.tables import Base


def test_the_catalogue_names_every_table_and_no_other() -> None:
    assert set(NATURE) == set(Base.metadata.tables)


def test_nothing_that_is_kept_refers_to_what_is_derived() -> None:
    """Else the derived tables could not be emptied."""
    derived = {table.name for table in tables_of(Nature.DERIVED)}
    kept = set(Nature) - {Nature.DERIVED}
    referred = {fk.column.table.name for table in tables_of(*kept) for fk in table.foreign_keys}
    assert referred.isdisjoint(derived)
